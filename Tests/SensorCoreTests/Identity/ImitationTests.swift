// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// What users, images and names that come back cannot pass themselves off as.
@Suite struct ImitationTests {
    private static let podUID = "0c3f2f5e-6c34-4ba7-9f4c-1f5d6f2f0a11"
    private static let containerID = String(repeating: "ab", count: 32)
    private static let path = "/system.slice/docker-\(containerID).scope"

    private let host = FakeHost()

    private func pod(lists ids: [String]) -> PodIdentity {
        var pod = PodIdentity(
            uid: Self.podUID, namespace: "agents", name: "planner-7c9d-x2x",
            controller: .init(group: "apps", kind: "Deployment", name: "planner", uid: "d-1"))
        pod.serviceAccount = "planner"
        pod.containers = [.init(name: "main", role: .main, ids: ids)]
        return pod
    }

    private func pipeline(followsCluster: Bool = true, _ path: String = path) -> Pipeline {
        var pipeline = Pipeline(session: Records.session, host: host)
        if followsCluster { pipeline.consume(.cluster([.stale])) }
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 50, path: path)))
        return pipeline
    }

    private func identity(_ path: String, id: UInt64 = 60) throws -> WorkloadIdentity {
        var pipeline = pipeline(followsCluster: false)
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: id, path: path)))
        pipeline.consume(.record(Records.open("/a", cgroup: id)))
        return try #require(pipeline.takeEvents().first).workload.identity
    }

    /// As an image's labels may have it.
    private func setRuntime(_ runtime: ContainerRuntime? = .docker, user: UInt32? = nil, name: String = "web") {
        var container = RuntimeContainer(id: Self.containerID, runtime: .docker)
        container.name = name
        container.isSandbox = true
        container.containerName = "main"
        container.pod = .init(uid: Self.podUID, namespace: "agents", name: "planner-7c9d-x2x")
        host.answers[.runtimeState(runtime, id: Self.containerID, user: user)] = .bytes(container.encoded)
    }

    // MARK: Users

    @Test func `a user's unit and a user's container are not the system's of the same name`() throws {
        let manager = "/user.slice/user-1000.slice/user@1000.service"
        let own = try identity("\(manager)/app.slice/sshd.service")
        #expect([own.kind, own.name] == ["SystemdUnit", "user@1000.service/sshd.service"])
        #expect(try identity("/system.slice/sshd.service").name == "sshd.service")
        #expect(try identity(manager).name == "user@1000.service")
        #expect(try identity("/user.slice/user-1000.slice/session-3.scope").name == "session-3.scope")

        setRuntime(.podman, user: 1000)
        let container = try identity("\(manager)/user.slice/libpod-\(Self.containerID).scope")
        #expect([container.kind, container.name] == ["Container", "user@1000.service/web"])
        #expect(container.container?.name == "web")
    }

    @Test func `selectors tell a user's units from the system's`() throws {
        let selector = try WorkloadSelector(["SystemdUnit/sshd.service", "SystemdUnit/user@1000.service/sync*"])
        func selects(_ name: String) -> Bool {
            selector.matches(namespace: "", kind: "SystemdUnit", name: name, labels: [:])
        }
        #expect(selects("sshd.service"))
        #expect(!selects("user@1000.service/sshd.service"))
        #expect(selects("user@1000.service/sync.service"))
        #expect(!selects("user@1001.service/sync.service"))
    }

    // MARK: Trees of pods

    private func identity(
        ofPodBelow holder: String, own: String? = nil, below: [Glob] = []
    ) throws -> WorkloadIdentity {
        var configuration = PipelineConfiguration()
        configuration.podsBelow = below
        var session = Records.session
        session.pid = 7
        if let own { host.set(.file(pid: 7, .cgroup), "12:cpu:/elsewhere\n0::\(own)\n") }
        var pipeline = Pipeline(session: session, host: host, configuration: configuration)
        pipeline.consume(.scanCgroups)
        pipeline.consume(.cluster([.pod(pod(lists: [Self.containerID]))]))
        let path = "\(holder)/kubepods/burstable/pod\(Self.podUID)/\(Self.containerID)"
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 70, path: path)))
        pipeline.consume(.record(Records.open("/a", cgroup: 70)))
        return try #require(pipeline.takeEvents().first).workload.identity
    }

    private static let node = "/docker/" + String(repeating: "cd", count: 32)

    @Test(arguments: [
        ("/system.slice/app.service", "SystemdUnit", "app.service"),
        ("/system.slice/session-1.scope", "SystemdUnit", "session-1.scope"),
        (node, "Container", String(node.dropFirst(8))), ("/lxc.payload.n1", "Container", "n1"),
        ("/system.slice/app.service/containerd.service", "SystemdUnit", "app.service"),
    ])
    func `who was given a cgroup makes no pods in it`(_ holder: String, _ kind: String, _ name: String) throws {
        let identity = try identity(ofPodBelow: holder)
        #expect([identity.kind, identity.name] == [kind, name])
        #expect(identity.pod == nil)
        #expect(identity.spiffeID.isEmpty)
    }

    @Test(arguments: ["", "/nodes", "/nodes.slice", "/system.slice/containerd.service", "/system.slice/k3s.service"])
    func `a kubelet's own tree is believed`(_ holder: String) throws {
        #expect(try identity(ofPodBelow: holder).name == "planner")
    }

    @Test func `so is one in what the sensor itself runs in, or that the operator names`() throws {
        let pod = "\(Self.node)/kubelet/kubepods/besteffort/pod1c3f2f5e-6c34-4ba7-9f4c-1f5d6f2f0a11/\(Self.containerID)"
        #expect(try identity(ofPodBelow: Self.node + "/kubelet", own: pod).name == "planner")
        #expect(try identity(ofPodBelow: "/docker/" + Self.containerID, own: pod).kind == "Container")
        #expect(try identity(ofPodBelow: Self.node, below: [Glob("/docker/*")]).name == "planner")
    }

    // MARK: Labels

    @Test func `labels make a container no pod's, and no pause`() throws {
        setRuntime()
        var pipeline = pipeline()
        pipeline.consume(.cluster([.pod(pod(lists: ["another"]))]))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.settle(.max))
        let event = try #require(pipeline.takeEvents().first)
        let identity = event.workload.identity
        #expect(identity.kind == "Unknown")
        #expect(identity.pod == nil)
        #expect([identity.namespace, identity.serviceAccount] == ["", ""])
        #expect(identity.container?.name == "web")
        #expect(identity.container?.type == "")
    }

    @Test func `a container that its pod's status lists is that pod's, and waits for that word`() throws {
        setRuntime()
        var pipeline = pipeline()
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.cluster([.pod(pod(lists: []))]))
        #expect(pipeline.takeEvents().isEmpty)
        pipeline.consume(.cluster([.pod(pod(lists: [Self.containerID]))]))
        let identity = try #require(pipeline.takeEvents().first).workload.identity
        #expect(identity.name == "planner")
        #expect(identity.container?.name == "main")
        #expect(identity.container?.type == "main")
    }

    @Test func `without an API server labels say nothing of pods`() throws {
        setRuntime()
        var pipeline = pipeline(followsCluster: false)
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let identity = try #require(pipeline.takeEvents().first).workload.identity
        #expect([identity.kind, identity.name] == ["Container", "web"])
        #expect(identity.pod == nil)
        #expect(identity.container?.type == "")
    }

    @Test func `what a user runs is no pod's, though he gives it the id of a pod's container`() throws {
        setRuntime(.docker, user: 1000)
        var pipeline = pipeline("/user.slice/user-1000.slice/user@1000.service\(Self.path)")
        pipeline.consume(.cluster([.pod(pod(lists: [Self.containerID]))]))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        let identity = try #require(pipeline.takeEvents().first).workload.identity
        #expect([identity.kind, identity.name] == ["Container", "user@1000.service/web"])
    }

    @Test func `a pod that the runtime tells of at the first program is waited for like others`() throws {
        var pipeline = pipeline()
        setRuntime()
        pipeline.consume(.record(Records.exec(executable: "/app/planner", arguments: ["planner"], cgroup: 50)))
        #expect(pipeline.takeEvents().isEmpty)
        pipeline.consume(.cluster([.pod(pod(lists: [Self.containerID]))]))
        #expect(pipeline.takeEvents().map(\.workload.name) == ["planner"])
    }

    // MARK: Names that come back

    @Test func `a container made under the name of one that is gone is another`() throws {
        func setImage(_ image: String) {
            var container = RuntimeContainer(id: "web", runtime: .containerd)
            (container.name, container.image) = ("web", image)
            host.answers[.runtimeState(.containerd, id: "web", user: nil)] = .bytes(container.encoded)
        }
        setImage("img1")
        var pipeline = pipeline(followsCluster: false, "/default/web")
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 50, path: "/default/web")))
        setImage("img2")
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 51, path: "/default/web")))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 52, path: "/default/web/inner")))
        for cgroup in UInt64(50)...52 { pipeline.consume(.record(Records.open("/b", cgroup: cgroup))) }
        #expect(
            pipeline.takeEvents().map(\.workload.container?.image) == ["img1", "img1", "img2", "img2"])
        // The cgroup of the former is forgotten some time, the latter's name stays.
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 50, path: "/default/web/other")))
        pipeline.consume(.record(Records.open("/c", cgroup: 50)))
        #expect(pipeline.takeEvents().map(\.workload.container?.image) == ["img2"])
    }

    @Test func `a unit that starts again is the same unit`() {
        var pipeline = pipeline(followsCluster: false, "/system.slice/cron.service")
        let first = pipeline.cgroups.workload(of: 50, pid: 0)
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 50, path: "/system.slice/cron.service")))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 51, path: "/system.slice/cron.service")))
        #expect(pipeline.cgroups.workload(of: 51, pid: 0) === first)
    }
}
