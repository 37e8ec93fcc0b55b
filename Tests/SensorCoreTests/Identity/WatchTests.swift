// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// Which workloads are watched: the decision, what the kernel is told of it, and what becomes of events.
@Suite struct WatchTests {
    private static let uid = "0c3f2f5e-6c34-4ba7-9f4c-1f5d6f2f0a11"
    private static let containerID = String(repeating: "ab", count: 32)
    private static let path = "/kubepods/burstable/pod\(uid)/\(containerID)"

    private func pod(namespace: String = "agents", labels: [String: String] = [:], hasContainer: Bool = true)
        -> PodIdentity
    {
        var pod = PodIdentity(
            uid: Self.uid, namespace: namespace, name: "planner-7c9d-x2x",
            controller: .init(group: "apps", kind: "Deployment", name: "planner", uid: "d-1"), controllerSource: .get)
        pod.labels = labels
        if hasContainer { pod.containers = [.init(name: "main", role: .main, ids: [Self.containerID])] }
        return pod
    }

    private func pipeline(watch: String..., map: WorkloadMap = WorkloadMap()) -> Pipeline {
        var configuration = PipelineConfiguration()
        configuration.workloadMap = map
        var pipeline = Pipeline(session: Records.session, host: FakeHost(), configuration: configuration)
        pipeline.consume(.watch(watch))
        pipeline.consume(.cluster([.stale]))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 50, path: Self.path)))
        return pipeline
    }

    private func changes(_ pipeline: inout Pipeline) -> [UInt64: Bool] {
        Dictionary(
            pipeline.takeWatchChanges().map { ($0.cgroup, $0.isWatched) }, uniquingKeysWith: { $1 })
    }

    // MARK: The decision

    @Test func `without selectors nothing is looked up and nothing changes`() {
        var pipeline = pipeline()
        pipeline.consume(.cluster([.pod(pod())]))
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        #expect(pipeline.takeEvents().count == 1)
        #expect(pipeline.takeWatchChanges().isEmpty)
        #expect(pipeline.statistics.unwatchedCgroups == 0)
    }

    @Test func `a pod's container is watched until its pod is known, and then as the selectors say`() {
        for (selector, isWatched) in [
            ("namespace=agents", true), ("namespace=other", false), ("deploy/plan*", true), ("label:team=ai", true),
            ("label:team=hr", false), ("!Deployment/planner", false),
        ] {
            var pipeline = pipeline(watch: selector)
            #expect(pipeline.takeWatchChanges().isEmpty, "\(selector)")
            pipeline.consume(.cluster([.pod(pod(labels: ["team": "ai"]))]))
            #expect(changes(&pipeline) == (isWatched ? [:] : [50: false]), "\(selector)")
            #expect(pipeline.statistics.unwatchedCgroups == (isWatched ? 0 : 1), "\(selector)")
        }
    }

    @Test func `a pod decides for its containers before they have names`() {
        var pipeline = pipeline(watch: "namespace=other")
        pipeline.consume(.cluster([.pod(pod(hasContainer: false))]))
        #expect(changes(&pipeline) == [50: false])
    }

    @Test func `who stays unknown stays watched`() {
        var pipeline = pipeline(watch: "namespace=agents")
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.record(Records.open("/b", cgroup: 999)))
        pipeline.consume(.settle(.max))
        #expect(pipeline.takeEvents().map(\.workload.kind).sorted() == ["Unknown", "Unknown"])
        #expect(pipeline.takeWatchChanges().isEmpty)
    }

    @Test func `labels that change, change the decision`() {
        var pipeline = pipeline(watch: "label:team=ai")
        pipeline.consume(.cluster([.pod(pod())]))
        #expect(changes(&pipeline) == [50: false])
        pipeline.consume(.cluster([.pod(pod(labels: ["team": "ai"]))]))
        #expect(changes(&pipeline) == [50: true])
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        #expect(pipeline.takeEvents().count == 1)
    }

    @Test func `the host and its units are decided as they are found`() {
        var pipeline = pipeline(watch: "SystemdUnit/nginx.service")
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: "/system.slice/nginx.service")))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 61, path: "/system.slice/cron.service")))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 62, path: "/shells")))
        #expect(changes(&pipeline) == [61: false, 62: false])
    }

    @Test func `a cgroup made below a known owner is decided with it, one that is removed counts no more`() {
        var pipeline = pipeline(watch: "namespace=other")
        pipeline.consume(.cluster([.pod(pod())]))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 51, path: Self.path + "/inner")))
        #expect(changes(&pipeline) == [50: false, 51: false])
        #expect(pipeline.statistics.unwatchedCgroups == 2)
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 51, path: Self.path + "/inner")))
        #expect(pipeline.takeWatchChanges().isEmpty)
        #expect(pipeline.takeRemovedCgroups() == [51])
        #expect(pipeline.statistics.unwatchedCgroups == 1)
        // What comes late of it is still not watched.
        pipeline.consume(.record(Records.open("/late", cgroup: 51)))
        #expect(pipeline.takeEvents().isEmpty)
    }

    @Test func `a cgroup that the table has no room for any more is watched again`() {
        var configuration = PipelineConfiguration()
        configuration.cgroups.live = 2
        var pipeline = Pipeline(session: Records.session, host: FakeHost(), configuration: configuration)
        pipeline.consume(.watch(["namespace=agents"]))
        for id in UInt64(60)...62 {
            pipeline.consume(
                .record(Records.cgroup(SENSOR_CGROUP_CREATED, id: id, path: "/system.slice/\(id).service")))
        }
        #expect(changes(&pipeline) == [60: true, 61: false, 62: false])
    }

    @Test func `other selectors decide anew for all that are known`() {
        var pipeline = pipeline(watch: "namespace=agents")
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: "/shells")))
        pipeline.consume(.cluster([.pod(pod())]))
        #expect(changes(&pipeline) == [60: false])
        pipeline.consume(.watch(["Host/*"]))
        #expect(changes(&pipeline) == [50: false, 60: true])
        pipeline.consume(.watch([]))
        #expect(changes(&pipeline) == [50: true])
        #expect(pipeline.statistics.unwatchedCgroups == 0)
    }

    // MARK: What tails ask for

    private func streamChanges(_ pipeline: inout Pipeline) -> [UInt64: Bool] {
        Dictionary(pipeline.takeStreamChanges().map { ($0.cgroup, $0.isStreamed) }, uniquingKeysWith: { $1 })
    }

    private func filter(_ change: (inout EventFilter) -> Void) throws -> WorkloadFilter {
        var filter = EventFilter()
        change(&filter)
        return try CompiledFilter(filter).workloads
    }

    @Test func `a workload is streamed until it is known, and then if a tail asks for it`() throws {
        for (filter, isStreamed) in [
            (try filter { $0.namespaces = ["agents"] }, true), (try filter { $0.namespaces = ["other"] }, false),
            (try filter { $0.workloads = ["deployment/plan*"] }, true),
            (try filter { $0.workloads = ["deploy/plan*"] }, true), (try filter { $0.workloads = ["ds/plan*"] }, false),
            (try filter { $0.workloads = ["Deployments"] }, true),
            (try filter { $0.workloads = ["StatefulSet"] }, false), (try filter { $0.containers = ["main"] }, true),
            (try filter { $0.containers = [String(Self.containerID.prefix(12))] }, true),
            (try filter { $0.containers = ["sidecar"] }, false),
        ] {
            var pipeline = pipeline()
            pipeline.stream([filter])
            #expect(pipeline.takeStreamChanges().isEmpty, "\(filter)")
            pipeline.consume(.cluster([.pod(pod())]))
            #expect(streamChanges(&pipeline) == (isStreamed ? [:] : [50: false]), "\(filter)")
            #expect(pipeline.takeWatchChanges().isEmpty, "\(filter)")
        }
    }

    @Test func `each tail adds to what is streamed, and when the last of them goes all is as it was`() throws {
        var pipeline = pipeline()
        pipeline.consume(.cluster([.pod(pod())]))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: "/system.slice/cron.service")))
        let (agents, cron) = (
            try filter { $0.namespaces = ["agents"] }, try filter { $0.workloads = ["SystemdUnit/cron.service"] }
        )
        pipeline.stream([agents])
        #expect(streamChanges(&pipeline) == [60: false])
        pipeline.stream([agents, cron])
        #expect(streamChanges(&pipeline) == [60: true])
        pipeline.stream([cron])
        #expect(streamChanges(&pipeline) == [50: false])
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 51, path: Self.path + "/inner")))
        #expect(streamChanges(&pipeline) == [51: false])
        pipeline.stream([])
        #expect(streamChanges(&pipeline) == [50: true, 51: true])
    }

    @Test func `who stays unknown, or gets another name for one of its programs, stays streamed`() throws {
        let map = try WorkloadMap(
            Array(
                """
                [{"cgroup": "/shells", "executable": "*/python3*", "workload": {"kind": "Agent", "name": "writer"}}]
                """.utf8), from: "map.json")
        var pipeline = pipeline(map: map)
        pipeline.stream([try filter { $0.workloads = ["Agent/*"] }])
        pipeline.consume(.record(Records.open("/a", cgroup: 50)))
        pipeline.consume(.settle(.max))
        #expect(pipeline.takeEvents().map(\.workload.kind) == ["Unknown"])
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: "/shells")))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 61, path: "/others")))
        #expect(streamChanges(&pipeline) == [61: false])
    }

    // MARK: Events

    @Test func `no event comes of what is not watched, and what came of it is counted`() {
        var pipeline = pipeline(watch: "namespace=other")
        let open = Records.open("/a", cgroup: 50)
        pipeline.consume(.record(open))
        #expect(pipeline.statistics.waitingEvents == 1)
        pipeline.consume(.cluster([.pod(pod())]))
        pipeline.consume(.record(Records.open("/b", cgroup: 50)))
        pipeline.consume(.count(CountDelta(key: key(of: open), count: 5)))
        #expect(pipeline.takeEvents().isEmpty)
        #expect(pipeline.statistics.waitingEvents == 0)
        #expect(pipeline.statistics.unwatchedEvents == 7)
        #expect(pipeline.ledger.lost == 0)
    }

    @Test func `a tail is shown what it asked for, but that is no first sight`() throws {
        var pipeline = pipeline(watch: "namespace=other")
        let flags = SENSOR_FIRST_SEEN | SENSOR_STREAMED
        pipeline.consume(.record(Records.open("/a", flags: flags, cgroup: 50)))
        pipeline.consume(.cluster([.pod(pod())]))
        pipeline.consume(.record(Records.open("/b", flags: flags, cgroup: 50)))
        let events = pipeline.takeEvents()
        #expect(events.map(\.fileDetail?.path.text) == ["/a", "/b"])
        for event in events {
            #expect(event.isStreamed)
            #expect(!event.isFirstSeen)
        }
    }

    @Test func `a cgroup is captured for a program that the operator's map has a watched workload for`() throws {
        let map = try WorkloadMap(
            Array(
                """
                [{"cgroup": "/shells", "executable": "*/python3*", "workload": {"kind": "Agent", "name": "writer"}}]
                """.utf8), from: "map.json")
        var pipeline = pipeline(watch: "Agent/*", map: map)
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 60, path: "/shells")))
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 61, path: "/others")))
        #expect(changes(&pipeline) == [61: false])
        pipeline.consume(.record(Records.exec(pid: 101, start: 8, executable: "/usr/bin/python3.11", cgroup: 60)))
        pipeline.consume(.record(Records.exec(pid: 102, start: 8, executable: "/usr/bin/vi", cgroup: 60)))
        #expect(pipeline.takeEvents().map(\.workload.name) == ["writer"])
        pipeline.consume(.watch(["!Agent/*", "!Host/*"]))
        #expect(changes(&pipeline) == [60: false])
    }

    @Test func `a process that an unwatched workload forks is known as the parent of a watched one`() throws {
        var pipeline = pipeline(watch: "!Host/*")
        pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 42, path: "/shells")))
        pipeline.consume(.cluster([.pod(pod())]))
        pipeline.consume(.record(Records.exec(pid: 200, start: 9)))
        #expect(pipeline.takeEvents().isEmpty)
        pipeline.consume(.record(Records.open("/a", pid: 200, start: 9, cgroup: 50)))
        let event = try #require(pipeline.takeEvents().first)
        #expect(event.process?.executable.bytes.isEmpty == false)
        #expect(pipeline.statistics.unknownProcesses == 0)
    }
}
