// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import SensorCore

/// A tail that collects by itself.
final class LocalWatch: TailWatch {
    let descriptor: Int32 = -1
    private let collector: Collector
    private let sink: TailSink
    private let pause: WakeUp
    /// Follows the API server.
    private let background: BackgroundServices?
    private(set) var isWhole = true

    /// Returns once every event is seen.
    ///
    /// - Parameters:
    ///   - endpoint: of the API server that knows this node's pods, if there is one.
    ///   - completion: signalled when as many events were shown as were asked for.
    init(
        _ tail: TailConfiguration, endpoint: APIEndpoint?, root: UInt32?, writer: LineWriter, completion: WakeUp
    ) throws {
        if endpoint == nil, !tail.filter.namespaces.isEmpty, tail.settings.workloadMap == nil {
            StandardStream.complain("--namespace: no API server is known here, so nothing is shown")
        }
        let demand = StreamDemand(filter: tail.filter, compiled: tail.compiled, root: root)
        var configuration = CollectorConfiguration(tail.settings)
        configuration.recording = tail.settings.record
        configuration.enabledKinds = demand.kinds.rawValue
        configuration.streamedKinds = demand.kinds.rawValue
        configuration.streamedWorkloads = demand.workloads.isEverything ? [] : [demand.workloads]
        configuration.kernel.scopeOnly = !demand.isOfAll
        configuration.scope.processes = demand.pids
        configuration.scope.roots = root.map { [$0] } ?? []
        if !demand.isOfAll {
            configuration.stream = .scoped
        } else if !demand.isFirstSeenOnly {
            configuration.stream = .all
        }
        configuration.readsCounts = demand.isFirstSeenOnly
        configuration.followsCluster = endpoint != nil
        pause = try WakeUp()
        sink = TailSink(
            filter: tail.compiled, scope: root.map { ProcessScope(root: $0, isExclusive: true) },
            isStreaming: !demand.isFirstSeenOnly, limit: tail.limit,
            formatter: tail.formatter(stream: configuration.streamID), output: writer, completion: completion)
        let collector = try Collector(configuration, sinks: [sink])
        self.collector = collector
        background = try endpoint.map { try Self.follow($0, tail.settings, configuration, collector) }
    }

    /// Has the collector told of this node's pods. Returns when they are known, or else after two seconds: events of those
    /// that are not known yet wait.
    private static func follow(
        _ endpoint: APIEndpoint, _ settings: Settings, _ configuration: CollectorConfiguration, _ collector: Collector
    ) throws -> BackgroundServices {
        let log = Logger(settings, atLeast: .warning)
        let background = try BackgroundServices(log: log)
        let synced = try WakeUp()
        var cluster = ClusterSettings(settings, node: configuration.node)
        // It is the daemon's.
        cluster.cacheFile = nil
        background.start([
            ClusterWatch(
                endpoint, cluster, status: ClusterStatusBoard(), group: background.group, log: log,
                handle: { changes in
                    collector.apply(changes)
                    if changes.contains(.synced) { synced.signal() }
                })
        ])
        if !synced.wait(milliseconds: 2000) {
            log.warning("the API server has not told of this node's pods yet", metadata: ["server": "\(endpoint)"])
        }
        return background
    }

    func service() {}

    var isComplete: Bool { sink.progress.isComplete }

    func mute() { sink.mute() }

    func finish(waitsForSockets: Bool, isHurried: Bool, signals: borrowing SignalSource) -> TailSummary {
        if waitsForSockets {
            _ = collector.drained()
            let deadline = KernelSession.bootTime() + 1_000_000_000
            while sink.progress.hasOpenSockets, KernelSession.bootTime() < deadline { pause.wait(milliseconds: 20) }
        }
        background?.stop()
        let collected = collector.stop()
        var summary = TailSummary()
        summary.shown = sink.progress.shown
        summary.add(collected)
        if let trouble = collected.trouble {
            StandardStream.complain(trouble)
            isWhole = false
        }
        return summary
    }
}
