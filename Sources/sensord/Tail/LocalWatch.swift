// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// A tail that collects by itself.
final class LocalWatch: TailWatch {
    let descriptor: Int32 = -1
    private let collector: Collector
    private let sink: TailSink
    private let pause: WakeUp
    private(set) var isWhole = true

    /// Returns once every event is seen.
    ///
    /// - Parameter completion: signalled when as many events were shown as were asked for.
    init(_ tail: TailConfiguration, root: UInt32?, writer: LineWriter, completion: WakeUp) throws {
        let demand = StreamDemand(filter: tail.filter, kinds: tail.compiled.kinds.withPrerequisites, root: root)
        var configuration = CollectorConfiguration(tail.settings)
        configuration.recording = tail.settings.record
        configuration.enabledKinds = demand.kinds.rawValue
        configuration.streamedKinds = demand.kinds.rawValue
        configuration.kernel.scopeOnly = !demand.isOfAll
        configuration.scope.processes = demand.pids
        configuration.scope.roots = root.map { [$0] } ?? []
        if !demand.isOfAll {
            configuration.stream = .scoped
        } else if !demand.isFirstSeenOnly {
            configuration.stream = .all
        }
        configuration.readsCounts = demand.isFirstSeenOnly
        pause = try WakeUp()
        sink = TailSink(
            filter: tail.compiled, root: root, isStreaming: !demand.isFirstSeenOnly, limit: tail.limit,
            formatter: tail.formatter(stream: configuration.streamID), output: writer, completion: completion)
        collector = try Collector(configuration, sinks: [sink])
    }

    func service() {}

    var isComplete: Bool { sink.progress.isComplete }

    func mute() { sink.mute() }

    func finish(waitsForSockets: Bool) -> TailSummary {
        if waitsForSockets {
            _ = collector.drained()
            let deadline = KernelSession.bootTime() + 1_000_000_000
            while sink.progress.hasOpenSockets, KernelSession.bootTime() < deadline { pause.wait(milliseconds: 20) }
        }
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
