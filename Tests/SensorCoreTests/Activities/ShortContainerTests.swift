// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import SensorCore
import SensorTestSupport
import Testing

/// Keeps what is told of cgroups below one.
private final class Collected: EventSink, Sendable {
    private let prefix: String
    private let events = NIOLockedValueBox<[Event]>([])

    init(below prefix: String) { self.prefix = prefix }

    var all: [Event] { events.withLockedValue { $0 } }

    func receive(_ batch: [Event]) {
        let ours = batch.filter { $0.workload.cgroup.text.hasPrefix(prefix) }
        events.withLockedValue { $0 += ours }
    }

    func finish() {}
}

private func pod(_ number: Int) -> PodIdentity {
    var pod = PodIdentity(
        uid: TestKubepods.uid(number), namespace: "agents", name: "app-\(number)-x2x",
        controller: .init(group: "apps", kind: "Deployment", name: "app-\(number)", uid: "d-\(number)"))
    pod.containers = [.init(name: "main", role: .main, ids: [TestKubepods.container(number)])]
    return pod
}

/// Everything that a process and what it forks do, as a daemon in a cluster sees it.
private func watching(_ pid: UInt32) -> CollectorConfiguration {
    var configuration = CollectorConfiguration()
    configuration.followsCluster = true
    // As many as there are here wait for the last of them, which on a busy machine takes longer than a pod may.
    configuration.pipeline.waitingTime = 600_000_000_000
    configuration.stream = .scoped
    configuration.scope.roots = [pid]
    configuration.kernel.scopeOnly = true
    // A debug build on a busy machine is slower than these containers, and it is not rings that this is about.
    configuration.kernel.activityRingBytes = 32 << 20
    configuration.kernel.ringBudget = 16 << 20
    configuration.kernel.lifecycleRingBytes = 16 << 20
    let kinds: [EventKind] = [.processExec, .processFork, .processExit, .fileOpen, .cgroupCreated, .cgroupRemoved]
    configuration.enabledKinds = kinds.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
    return configuration
}

/// Pods whose containers are over before the API server tells of them.
@Suite(.tags(.kernel), .needsKernel) struct ShortContainerTests {
    private static let count = 1000

    @Test func `a container of fifty milliseconds is its Deployment's, however late its pod becomes known`() throws {
        let tree = try TestKubepods()
        let collected = Collected(below: tree.shown)
        let workload = try WorkloadProcess([
            WorkloadProcess.program, "containers", tree.path, "\(Self.count)", "25", "/etc/hostname", "50",
        ])
        let collector = try Collector(watching(workload.pid), sinks: [collected])
        defer { collector.stop() }
        try workload.openGate()
        // Two seconds of containers, or as long as a busy machine takes: the first are long gone when the last one starts.
        #expect(try workload.readLines(within: 300), "\(workload.lines)")
        collector.apply([.cluster(name: "test", id: "")] + (0..<Self.count).map { .pod(pod($0)) } + [.synced])
        try workload.finish()
        let summary = collector.stop()

        let events = collected.all
        var execs: [String: Int] = [:]
        var opens: [String: Int] = [:]
        for event in events {
            let name = event.workload.name
            if event.kind == .processExec { execs[name, default: 0] += 1 }
            if event.kind == .fileOpen, event.file?.path == "/etc/hostname" { opens[name, default: 0] += 1 }
        }
        let expected = Set((0..<Self.count).map { "app-\($0)" })
        #expect(Set(execs.filter { $0.value == 1 }.keys) == expected)
        #expect(Set(opens.filter { $0.value == 1 }.keys) == expected)
        #expect(events.allSatisfy { $0.workload.kind == "Deployment" && $0.workload.container?.name == "main" })
        #expect(summary.losses.lost == 0)
        #expect(summary.statistics.tally.attributed(by: .none) == 0)
        #expect(summary.statistics.refusedWaits == 0)
    }
}

/// The API server's side and the kernel's together.
@Suite(.tags(.kernel), .needsKernel) struct ClusterEventTests {
    @Test func `from the API server to the event: what a container did before its pod was known is its Deployment's`()
        async throws
    {
        try await TestAPIServer.run { server in
            var (pod, objects) = PodFixture.deployment()
            server.cluster.set(objects)
            server.cluster.set(PodFixture.kubeSystem)
            pod.uid = TestKubepods.uid(0)
            pod.status = pod.status.replacing("c0ffee", with: TestKubepods.container(0))

            let tree = try TestKubepods()
            let collected = Collected(below: tree.shown)
            let workload = try WorkloadProcess([
                WorkloadProcess.program, "containers", tree.path, "1", "1", "/etc/hostname", "10",
            ])
            let collector = try Collector(watching(workload.pid), sinks: [collected])
            defer { collector.stop() }
            let ledger = ClusterLedger()
            try await ledger.watching(.test(server), handOn: { collector.apply($0) }) {
                try await ledger.wait("in sync") { $0.isSynced }
                try workload.openGate()
                _ = try workload.readLines()
                // It is over, and nobody has told whose it was.
                #expect(collector.summary().statistics.waitingEvents > 0)
                #expect(collected.all.isEmpty)
                server.cluster.put(pod.uid, pod.json)
                try await ledger.wait("the event") { _ in collected.all.contains { $0.kind == .processExec } }
            }
            try workload.finish()
            let exec = try #require(collected.all.first { $0.kind == .processExec })
            let identity = exec.workload.identity
            #expect([identity.cluster, identity.clusterID] == ["c1", "cluster-uid"])
            #expect([identity.namespace, identity.kind, identity.name] == ["agents", "Deployment", "planner"])
            #expect(identity.container?.name == "main")
            #expect(identity.container?.imageDigest == "sha256:0a1b")
            #expect(identity.revision == "3")
            #expect(identity.serviceAccount == "planner")
            #expect(
                identity.sources == [
                    "cgroup": "cgroup_mkdir", "container": "api_watch", "pod": "api_watch", "owner": "api_get",
                ])
            #expect(collected.all.allSatisfy { $0.workload.kind == "Deployment" })
        }
    }
}
