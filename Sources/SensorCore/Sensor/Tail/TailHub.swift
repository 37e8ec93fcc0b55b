// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Hands the stream to the tails that are attached, however many there are.
///
/// On the collecting thread, so that what a tail costs is bounded: one that does not read costs its filter, and no
/// more (see `SubscriberQueue`).
package final class TailHub: EventSink {
    private struct Entry {
        var sink: TailSink
        var demand: StreamDemand
    }

    private let entries = NIOLockedValueBox<[Int: Entry]>([:])

    package init() {}

    package func receive(_ events: [Event]) {
        // Not under the lock: a tail may come or go meanwhile.
        for sink in entries.withLockedValue({ $0.values.map(\.sink) }) { sink.receive(events) }
    }

    /// The tails themselves are ended by whoever serves them.
    package func finish() {}

    package func add(_ sink: TailSink, demand: StreamDemand, as number: Int) {
        entries.withLockedValue { $0[number] = Entry(sink: sink, demand: demand) }
    }

    func remove(_ number: Int) {
        entries.withLockedValue { $0[number] = nil }
    }

    /// Processes of the commands that tails watch.
    var livingProcesses: Set<UInt32> {
        let sinks = entries.withLockedValue { $0.values.map(\.sink) }
        return sinks.reduce(into: []) { $0.formUnion($1.livingProcesses) }
    }

    /// What all of them together need of the kernel.
    var plan: StreamPlan { entries.withLockedValue { StreamPlan($0.values.map(\.demand)) } }
}
