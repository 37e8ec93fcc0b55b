// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// Who an event belongs to where pods become known after their containers' first events.
@Suite struct LateBindingTests {
    private static let podUID = "0c3f2f5e-6c34-4ba7-9f4c-1f5d6f2f0a11"
    private static let containerID = String(repeating: "ab", count: 32)
    private static let path = "/kubepods/burstable/pod\(podUID)/\(containerID)"

    private let host = FakeHost()

    private static func pod(containers: [PodIdentity.Container]? = nil) -> PodIdentity {
        var pod = PodIdentity(
            uid: podUID, namespace: "agents", name: "planner-7c9d-x2x",
            controller: .init(group: "apps", kind: "Deployment", name: "planner", uid: "d-1"), controllerSource: .get)
        pod.ownerChain = [.init(group: "argoproj.io", kind: "Application", name: "prod", uid: "a-1")]
        pod.revision = "7"
        pod.serviceAccount = "planner"
        pod.usesHostNetwork = true
        pod.tokens = [
            .init(audience: "vault", path: "/tokens/vault", container: "main"),
            .init(audience: "", path: "/token", container: "other"),
        ]
        pod.labels = ["team": "ai"]
        pod.containers =
            containers ?? [
                .init(
                    name: "main", role: .main, ids: [containerID], image: "registry.test/planner:1",
                    imageDigest: "sha256:11")
            ]
        return pod
    }

    private func pipeline(_ change: (inout PipelineConfiguration) -> Void = { _ in }) -> Pipeline {
        var configuration = PipelineConfiguration()
        configuration.trustDomain = "example.test"
        change(&configuration)
        var pipeline = Pipeline(session: Records.session, host: host, configuration: configuration)
        pipeline.consume(.cluster([.stale]))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 50, path: Self.path)))
        return pipeline
    }

    @Test func `an event waits for its pod, and then has the Deployment, its owner and where each was learnt`() throws {
        var pipeline = pipeline()
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        #expect(pipeline.takeEvents().isEmpty)
        #expect(pipeline.statistics.waitingEvents == 1)
        pipeline.consume(.cluster([.cluster(name: "c1", id: "k-1"), .pod(Self.pod())]))
        let event = try #require(pipeline.takeEvents().first)
        let identity = event.workload.identity
        #expect(event.sequence == 1)
        #expect([identity.cluster, identity.clusterID] == ["c1", "k-1"])
        #expect(identity.namespace == "agents")
        #expect(
            [identity.group, identity.kind, identity.name, identity.uid] == ["apps", "Deployment", "planner", "d-1"])
        #expect(identity.revision == "7")
        #expect(identity.ownerChain == ["Application.argoproj.io/prod"])
        #expect(identity.pod?.name == "planner-7c9d-x2x" && identity.pod?.uid == Self.podUID)
        #expect(identity.pod?.usesHostNetwork == true && identity.pod?.usesHostPID == false)
        #expect(identity.container?.tokens == [.init(audience: "vault", path: "/tokens/vault")])
        #expect(identity.container?.name == "main")
        #expect(identity.container?.type == "main")
        #expect(identity.container?.imageDigest == "sha256:11")
        #expect(identity.spiffeID == "spiffe://example.test/ns/agents/sa/planner")
        #expect(identity.spiffeIDSource == "derived")
        #expect(identity.labels == ["team": "ai"])
        #expect(
            identity.sources == [
                "cgroup": "cgroup_mkdir", "container": "api_watch", "pod": "api_watch", "owner": "api_get",
            ])
        pipeline.consume(.record(Records.open("/b", cgroup: 50)))
        #expect(pipeline.takeEvents().map(\.workload.name) == ["planner"])
    }

    @Test func `a cgroup is found by what was known of its workload before, also when it has gone`() throws {
        var pipeline = pipeline()
        pipeline.consume(.cluster([.pod(Self.pod())]))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let before = try #require(pipeline.takeEvents().first).workload
        var other = Self.pod()
        other.labels = ["team": "other"]
        pipeline.consume(.cluster([.pod(other)]))
        pipeline.consume(.record(Records.open("/b", cgroup: 50)))
        #expect(try #require(pipeline.takeEvents().first).workload !== before)
        #expect(pipeline.cgroup(of: before) == 50)
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 50, path: Self.path)))
        #expect(pipeline.cgroup(of: before) == 50)
    }

    @Test func `a pod's RuntimeClass is known of what it does`() throws {
        var pipeline = pipeline()
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        var pod = Self.pod()
        pod.runtimeClass = "gvisor"
        pipeline.consume(.cluster([.cluster(name: "c1", id: "k-1"), .pod(pod)]))
        #expect(pipeline.takeEvents().map(\.workload.identity.pod?.runtimeClass) == ["gvisor"])
    }

    @Test func `the JSON of an attributed event is what the schema says`() throws {
        var pipeline = pipeline()
        pipeline.consume(.cluster([.cluster(name: "c1", id: "k-1"), .pod(Self.pod())]))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let event = try #require(pipeline.takeEvents().first)
        var line: [UInt8] = []
        EventEncoder(stream: "s").encode(event, into: &line)
        #expect(Event(json: line[...])?.workload.identity == event.workload.identity)
        #expect(String(decoding: line, as: UTF8.self).contains("{\"cluster\":\"c1\",\"clusterId\":\"k-1\","))
        #expect(String(decoding: line, as: UTF8.self).contains("\"ownerChain\":[\"Application.argoproj.io/prod\"]"))
    }

    @Test func `a pod that is known but whose status does not have the container yet keeps its events waiting`() throws
    {
        var pipeline = pipeline()
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.cluster([.pod(Self.pod(containers: [.init(name: "main", role: .main)]))]))
        #expect(pipeline.takeEvents().isEmpty)
        pipeline.consume(.cluster([.pod(Self.pod())]))
        #expect(try #require(pipeline.takeEvents().first).workload.container?.name == "main")
    }

    @Test func `an event whose pod never comes is delivered as Unknown with its cgroup, and counted`() throws {
        var pipeline = pipeline { $0.waitingTime = 1000 }
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let deadline = pipeline.nextDeadline
        pipeline.consume(.settle(deadline - 1))
        #expect(pipeline.takeEvents().isEmpty)
        pipeline.consume(.settle(deadline))
        let event = try #require(pipeline.takeEvents().first)
        #expect(event.workload.kind == "Unknown")
        #expect(event.workload.cgroup.text == Self.path)
        #expect(event.workload.identity.pod?.uid == Self.podUID)
        #expect(event.workload.container?.id == Self.containerID)
        #expect(pipeline.statistics.tally.attributed(by: .none) == 1)
        #expect(pipeline.nextDeadline == .max)
        // It is not held up again, and known once the pod is.
        pipeline.consume(.record(Records.open("/b", cgroup: 50)))
        #expect(pipeline.takeEvents().map(\.workload.kind) == ["Unknown"])
        #expect(pipeline.statistics.tally.attributed(by: .none) == 2)
        pipeline.consume(.cluster([.pod(Self.pod())]))
        pipeline.consume(.record(Records.open("/c", cgroup: 50)))
        #expect(pipeline.takeEvents().map(\.workload.kind) == ["Deployment"])
    }

    @Test func `a count waits as its first sight does, though its cgroup is gone and forgotten by then`() {
        var pipeline = pipeline { $0.cgroups.removed = 1 }
        let open = Records.open("/a", cgroup: 50)
        pipeline.consume(.record(open))
        for id: UInt64 in [50, 51] {
            if id == 51 { pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: id, path: "/other"))) }
            pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: id, path: "/other")))
        }
        pipeline.consume(.count(CountDelta(key: key(of: open), count: 5)))
        #expect(pipeline.takeEvents().isEmpty)
        pipeline.consume(.cluster([.pod(Self.pod())]))
        let events = pipeline.takeEvents()
        #expect(events.map(\.workload.name) == ["planner", "planner"])
        #expect(events.map(\.count) == [1, 5])
        #expect(pipeline.statistics.tally.attributed(by: .none) == 0)
    }

    @Test func `a container keeps its name, whatever a later status leaves out`() throws {
        var pipeline = pipeline()
        pipeline.consume(.cluster([.pod(Self.pod())]))
        pipeline.consume(.cluster([.pod(Self.pod(containers: []))]))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let container = try #require(pipeline.takeEvents().first?.workload.container)
        #expect([container.name, container.type, container.imageDigest] == ["main", "main", "sha256:11"])
    }

    @Test func `whoever makes cgroups in numbers loses his own, and what could not be named is looked for again`() {
        var pipeline = pipeline {
            $0.cgroups.live = 64
            $0.cgroups.removedLife = 100
        }
        pipeline.consume(.cluster([.pod(Self.pod())]))
        for id in UInt64(100)..<400 {
            let path = "/system.slice/app.service/\(id)"
            pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: id, path: path)))
        }
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        #expect(pipeline.takeEvents().map(\.workload.name) == ["planner"])
        #expect(pipeline.statistics.evictedCgroups == 237)

        // One that was evicted has no process that lives long enough, five times, and then one that does.
        func open() -> String? {
            pipeline.record(Records.open("/a", pid: 200, start: 9, cgroup: 100))
            return pipeline.takeEvents().first?.workload.kind
        }
        for _ in 0..<5 { #expect(open() == "Unknown") }
        host.set(.file(pid: 200, .cgroup), "0::/system.slice/app.service/100\n")
        host.answers[.cgroupID(path: "/system.slice/app.service/100")] = .bytes([100, 0, 0, 0, 0, 0, 0, 0])
        #expect(open() == "Unknown")
        pipeline.tick(ClockReading(boot: 50, wallOffset: 0))
        #expect(open() == "SystemdUnit")

        // Removed ones are known for a while.
        let removal = Records.cgroup(SENSOR_CGROUP_REMOVED, id: 50, path: Self.path)
        pipeline.consume(.record(removal))
        let time = removal.withUnsafeBytes { $0.loadUnaligned(as: sensor_header.self).time }
        pipeline.tick(ClockReading(boot: time + 99, wallOffset: 0))
        pipeline.record(Records.open("/a", cgroup: 50))
        pipeline.tick(ClockReading(boot: time + 100, wallOffset: 0))
        pipeline.record(Records.open("/a", cgroup: 50))
        #expect(pipeline.takeEvents().map(\.workload.kind) == ["Deployment", "Unknown"])
    }

    @Test func `a container without a name in time is still credited to its Deployment`() throws {
        var pipeline = pipeline()
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.cluster([.pod(Self.pod(containers: []))]))
        pipeline.consume(.settle(.max))
        let event = try #require(pipeline.takeEvents().first)
        #expect(event.workload.name == "planner")
        #expect(event.workload.container?.id == Self.containerID)
        #expect(event.workload.container?.name == "")
        // Which of its containers it is belongs to whose it is.
        #expect(pipeline.statistics.tally.attributed(by: .none) == 1)
    }

    @Test func `a container that is gone before its pod is told of is attributed all the same`() throws {
        var pipeline = pipeline()
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 50, path: Self.path)))
        pipeline.consume(.record(Records.open("/b", cgroup: 50)))
        pipeline.consume(.cluster([.pod(Self.pod()), .removed(uid: Self.podUID)]))
        #expect(pipeline.takeEvents().map(\.workload.name) == ["planner", "planner"])
    }

    @Test func `pods that have cgroups here are counted, whoever knows of them`() {
        var pipeline = pipeline()
        #expect(pipeline.statistics.podsHere == 1)
        pipeline.consume(
            .record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 51, path: "/kubepods/burstable/pod\(Self.podUID)")))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 52, path: "/system.slice/a.service")))
        #expect(pipeline.statistics.podsHere == 1)
        for id: UInt64 in [50, 51] {
            pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: id, path: Self.path)))
        }
        #expect(pipeline.statistics.podsHere == 0)
    }

    @Test func `counts of what was first seen while the pod was unknown have the Deployment too`() throws {
        var pipeline = pipeline()
        let open = Records.open("/a", cgroup: 50)
        pipeline.consume(.record(open))
        pipeline.consume(.cluster([.pod(Self.pod())]))
        let key = open.withUnsafeBytes { $0.loadUnaligned(as: sensor_header.self).key }
        pipeline.consume(.count(CountDelta(key: key, count: 5)))
        #expect(pipeline.takeEvents().map(\.workload.name) == ["planner", "planner"])
    }

    @Test func `a workload that floods while it waits neither loses an event nor takes the room of another`() {
        var pipeline = pipeline { $0.waitingEvents = 80 }
        let other = "11111111-2222-3333-4444-555555555555"
        pipeline.consume(
            .record(
                Records.cgroup(
                    SENSOR_CGROUP_CREATED, id: 51, path: "/kubepods/pod\(other)/\(String(repeating: "cd", count: 32))"))
        )
        for number in 0..<50 { pipeline.consume(.record(Records.open("/\(number)", cgroup: 50))) }
        // Half of the room is whoever's needs it, of the rest each has an eighth.
        #expect(pipeline.takeEvents().count == 10)
        #expect(pipeline.statistics.refusedWaits == 10)
        for number in 0..<20 { pipeline.consume(.record(Records.open("/\(number)", cgroup: 51))) }
        #expect(pipeline.takeEvents().count == 10)
        #expect(pipeline.statistics.waitingEvents == 50)
        pipeline.consume(.settle(.max))
        #expect(pipeline.takeEvents().count == 50)
        #expect(pipeline.statistics.tally.attributed(by: .none) == 70)
    }

    @Test func `events that wait are bounded in bytes, too`() {
        var pipeline = pipeline { $0.waitingEvents = 80 }
        let name = String(repeating: "n", count: 1000)
        for number in 0..<30 { pipeline.consume(.record(Records.open("/\(number)/\(name)", cgroup: 50))) }
        #expect((8...20).contains(pipeline.statistics.waitingEvents))
        #expect(pipeline.statistics.waitingEvents + pipeline.statistics.refusedWaits == 30)
        pipeline.consume(.cluster([.pod(Self.pod())]))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 51, path: Self.path + "/below")))
        #expect(pipeline.takeEvents().count == 30)
        #expect(pipeline.statistics.waitingEvents == 0)
    }

    @Test func `without an API server a pod's container goes by its id at once`() throws {
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 50, path: Self.path)))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let event = try #require(pipeline.takeEvents().first)
        #expect(event.workload.kind == "Container")
        #expect(event.workload.identity.pod?.uid == Self.podUID)
    }

    @Test func `a static pod is found by the hash that its cgroup is named after`() throws {
        var pipeline = pipeline()
        let hash = "0123456789abcdef0123456789abcdef"
        var pod = Self.pod()
        pod.cgroupUID = hash
        pipeline.consume(
            .record(
                Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: "/kubepods/pod\(hash)/\(Self.containerID)")))
        pipeline.consume(.cluster([.pod(pod)]))
        pipeline.consume(.record(Records.open("/a", cgroup: 60)))
        #expect(pipeline.takeEvents().map(\.workload.identity.pod?.uid) == [Self.podUID])
    }

    @Test func `what is in a pod's cgroup and in no container's is its controller's`() throws {
        var pipeline = pipeline()
        let path = "/kubepods/burstable/pod\(Self.podUID)"
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 51, path: path)))
        pipeline.consume(.record(Records.open("/a", cgroup: 51)))
        #expect(pipeline.takeEvents().isEmpty)
        pipeline.consume(.cluster([.pod(Self.pod())]))
        let identity = try #require(pipeline.takeEvents().first).workload.identity
        #expect(identity.kind == "Deployment")
        #expect(identity.name == "planner")
        #expect(identity.pod?.name == "planner-7c9d-x2x")
        #expect(identity.container == nil)
    }

    // MARK: What the runtime keeps

    private func setRuntime(_ change: (inout RuntimeContainer) -> Void) {
        var container = RuntimeContainer(id: Self.containerID, runtime: .containerd)
        change(&container)
        host.answers[.runtimeState(nil, id: Self.containerID, user: nil)] = .bytes(container.encoded)
    }

    @Test func `a container that no status has yet has its name from its runtime, and its events need not wait`() throws
    {
        setRuntime {
            $0.containerName = "main"
            $0.image = "registry.test/planner:1"
        }
        var pipeline = pipeline()
        pipeline.consume(.cluster([.pod(Self.pod(containers: [.init(name: "main", role: .main)]))]))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let container = try #require(pipeline.takeEvents().first?.workload.container)
        #expect(container.name == "main")
        #expect(container.type == "main")
    }

    @Test func `a container that another one has followed has the image that its runtime ran, not the other's`() throws
    {
        setRuntime { $0.image = "registry.test/planner:1" }
        var pipeline = pipeline()
        let next = PodIdentity.Container(
            name: "main", role: .main, ids: ["next", Self.containerID], image: "registry.test/planner:2",
            imageDigest: "sha256:22")
        pipeline.consume(.cluster([.pod(Self.pod(containers: [next]))]))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let container = try #require(pipeline.takeEvents().first?.workload.container)
        #expect(container.name == "main" && container.image == "registry.test/planner:1")
        #expect(container.imageDigest == "")
    }

    @Test func `the container that holds a pod's namespaces is its pause`() throws {
        setRuntime { $0.isSandbox = true }
        var pipeline = pipeline()
        pipeline.consume(.cluster([.pod(Self.pod(containers: []))]))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let identity = try #require(pipeline.takeEvents().first?.workload.identity)
        #expect(identity.name == "planner")
        #expect(identity.container?.type == "pause")
    }

    @Test func `off Kubernetes a container goes by what its runtime calls it`() throws {
        setRuntime {
            $0.name = "web"
            $0.image = "nginx:1.27"
        }
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.consume(
            .record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 50, path: "/made-by-hand/\(Self.containerID)")))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let identity = try #require(pipeline.takeEvents().first?.workload.identity)
        #expect(identity.kind == "Container")
        #expect(identity.name == "web")
        #expect(identity.container?.image == "nginx:1.27")
        #expect(identity.container?.runtime == "containerd")
        #expect(identity.sources["container"] == "runtime_state")
    }

    // MARK: The runtime's own doings

    /// On the host, as the parent of what it starts.
    private func runRuntime(_ pipeline: inout Pipeline) {
        let runc = Records.exec(pid: 1, start: 1, executable: "/usr/bin/runc", arguments: ["runc", "run"])
        pipeline.consume(.record(runc))
        _ = pipeline.takeEvents()
    }

    @Test func `what the runtime does in a container's cgroup is told apart from the container`() {
        var pipeline = pipeline()
        pipeline.consume(.cluster([.pod(Self.pod())]))
        runRuntime(&pipeline)
        let runc = Records.exec(executable: "/usr/bin/runc", arguments: ["runc", "init"], cgroup: 50)
        pipeline.consume(.record(runc))
        pipeline.consume(.record(Records.open("/proc/self/setgroups", cgroup: 50)))
        pipeline.consume(
            .record(Records.exec(executable: "/app/planner", arguments: ["planner"], mount: 4_026_532_999, cgroup: 50)))
        pipeline.consume(.record(Records.open("/app/data", cgroup: 50)))
        let events = pipeline.takeEvents()
        #expect(events.map(\.workload.container?.type) == ["runtime", "runtime", "main", "main"])
        #expect(Set(events.map(\.workload.name)) == ["planner"])
    }

    @Test func `an entry point is the container's, though it is called like a monitor and the runtime started it`() {
        var pipeline = pipeline()
        pipeline.consume(.cluster([.pod(Self.pod())]))
        runRuntime(&pipeline)
        let program = Records.exec(
            executable: "/containerd-shim-x", arguments: ["/containerd-shim-x"], mount: 4_026_532_999, cgroup: 50)
        pipeline.consume(.record(program))
        pipeline.consume(.record(Records.open("/etc/shadow", cgroup: 50)))
        #expect(pipeline.takeEvents().map(\.workload.container?.type) == ["main", "main"])
    }

    // MARK: Many cgroups

    @Test func `whoever makes cgroups in numbers does not make a pod miss the events that wait for it`() {
        var pipeline = pipeline { ($0.cgroups.live, $0.cgroups.removed) = (8, 4) }
        func flood(_ ids: ClosedRange<UInt64>) {
            for id in ids {
                pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: id, path: "/flood/\(id)")))
                pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: id, path: "/flood/\(id)")))
            }
        }
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 50, path: Self.path)))
        flood(1000...1099)
        pipeline.consume(.cluster([.pod(Self.pod())]))
        #expect(pipeline.takeEvents().map(\.workload.name) == ["planner"])
        // And nothing is kept of it after that, nor of one that nothing waits for.
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 51, path: Self.path)))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 51, path: Self.path)))
        flood(2000...2099)
        #expect(pipeline.cgroups.followed(byPod: Self.podUID).isEmpty)
    }

    @Test func `a pod that never comes is not waited for without end, however many cgroups there are`() {
        var pipeline = pipeline { ($0.cgroups.live, $0.cgroups.removed, $0.waitingTime) = (8, 1, 1000) }
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 50, path: Self.path)))
        for id in UInt64(1000)...1003 {
            pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: id, path: "/flood/\(id)")))
            pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: id, path: "/flood/\(id)")))
        }
        #expect(pipeline.cgroups.followed(byPod: Self.podUID).count == 1)
        pipeline.consume(.settle(.max))
        #expect(pipeline.takeEvents().map(\.workload.kind) == ["Unknown"])
        #expect(pipeline.cgroups.followed(byPod: Self.podUID).isEmpty)
    }

    // MARK: The operator's map

    @Test func `the operator's map says whose a cgroup or a program is`() throws {
        let map = try WorkloadMap(
            Array(
                """
                [{"cgroup": "/dev", "executable": "*/python3*", "workload": {"kind": "Deployment", "name": "writer"}},
                 {"cgroup": "/dev/planner", "workload": {"kind": "Deployment", "name": "planner", "namespace": "n"}}]
                """.utf8), from: "map.json")
        var pipeline = pipeline { $0.workloadMap = map }
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: "/dev/planner")))
        pipeline.consume(.record(Records.exec(cgroup: 60)))
        pipeline.consume(
            .record(
                Records.exec(pid: 101, start: 8, executable: "/usr/bin/python3.11", arguments: ["python3"], cgroup: 60))
        )
        let events = pipeline.takeEvents()
        #expect(events.map(\.workload.name) == ["planner", "writer"])
        #expect(events.first?.workload.identity.namespace == "n")
        #expect(events.first?.workload.identity.sources["owner"] == "workload_map")
    }
}
