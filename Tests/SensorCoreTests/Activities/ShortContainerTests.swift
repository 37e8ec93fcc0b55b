// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import SensorCore
import Testing

/// Pods whose containers are over before the API server tells of them.
@Suite(.tags(.kernel), .needsKernel) struct ShortContainerTests {
    private static let count = 1000

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

    private static func uid(_ number: Int) -> String {
        let digits = String(number)
        return "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    }

    private static func pod(_ number: Int) -> PodIdentity {
        var pod = PodIdentity(
            uid: uid(number), namespace: "agents", name: "app-\(number)-x2x",
            controller: .init(group: "apps", kind: "Deployment", name: "app-\(number)", uid: "d-\(number)"))
        let digits = String(number, radix: 16)
        pod.containers = [
            .init(name: "main", role: .main, ids: [String(repeating: "0", count: 64 - digits.count) + digits])
        ]
        return pod
    }

    @Test func `a container of fifty milliseconds is its Deployment's, however late its pod becomes known`() throws {
        let cgroup = try TestCgroup("pods")
        let kubepods = cgroup.path + "/kubepods"
        let error = mkdir(kubepods, 0o755)
        try #require(error == 0)
        defer { rmdir(kubepods) }
        let shown = String(kubepods.dropFirst(try #require(CgroupHierarchy.current().tracked).count))
        let collected = Collected(below: shown)

        var configuration = CollectorConfiguration()
        configuration.followsCluster = true
        configuration.stream = .scoped
        configuration.kernel.scopeOnly = true
        // A debug build on a busy machine is slow, and it is not rings that this is about.
        configuration.kernel.activityRingBytes = 32 << 20
        configuration.kernel.ringBudget = 16 << 20
        configuration.kernel.lifecycleRingBytes = 16 << 20
        let kinds: [EventKind] = [.processExec, .processFork, .processExit, .fileOpen, .cgroupCreated, .cgroupRemoved]
        configuration.enabledKinds = kinds.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
        let workload = try WorkloadProcess([
            WorkloadProcess.program, "containers", kubepods, "\(Self.count)", "25", "/etc/hostname", "50",
        ])
        configuration.scope.roots = [workload.pid]
        let collector = try Collector(configuration, sinks: [collected])
        defer { collector.stop() }
        try workload.openGate()
        // Two seconds of containers: the first are long gone when the last one starts.
        #expect(try workload.readLines(), "\(workload.lines)")
        collector.apply([.cluster(name: "test", id: "")] + (0..<Self.count).map { .pod(Self.pod($0)) } + [.synced])
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
        #expect(summary.statistics.unattributedEvents == 0)
        #expect(summary.statistics.refusedWaits == 0)
    }
}
