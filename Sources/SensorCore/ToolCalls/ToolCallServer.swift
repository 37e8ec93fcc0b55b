// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import Synchronization

/// Takes the messages of agents, on a thread of its own.
///
/// A client may send anything, stop reading, or vanish: it costs others nothing.
package final class ToolCallServer: Sendable {
    package struct Limits: Sendable {
        /// Of all workloads: when there are more, whoever has most gives one up.
        package var connections = 512
        package var workload = CallLimits()

        package init() {}
    }

    /// What has come and what was refused. No older than a second.
    package struct Statistics: Sendable, Equatable {
        package var messages: UInt64 = 0
        package var connections = 0
        package var sessions = 0
        package var calls = 0
        /// How often a workload wanted too much.
        package var refused: [CallResource: UInt64] = [:]
        /// Anomalies that were told, and that were held back since there were too many of them.
        package var anomalies: UInt64 = 0
        package var suppressedAnomalies: UInt64 = 0

        package init() {}
    }

    let limits: Limits
    let hearing: CallHearing
    let isStopping = Atomic(false)
    let backlog: @Sendable () -> CallInbox.Backlog
    let told: @Sendable () -> Void
    let crowded: @Sendable (UInt32) -> Void
    let counted = NIOLockedValueBox(Statistics())
    private let worker = NIOLockedValueBox<Worker?>(nil)

    /// Compiled for the kernel's marker: whoever makes a server is in another module, and all that its thread does would go
    /// through tables of the marker's type.
    ///
    /// - Parameters:
    ///   - marker: where the kernel looks for calls.
    ///   - digests: nil: of values nothing is told but their lengths.
    ///   - backlog: how far behind is whoever takes what is learned. On the server's thread.
    ///   - told: called soon after something was learned, once for all that was: whoever takes it may sleep until then. On
    ///     the server's thread.
    ///   - crowded: called once for a workload of which a connection was refused, with the process that wanted it or has lost
    ///     it. On the server's thread.
    ///   - hearing: where it is asked up to when it has heard its clients; nil: nobody asks.
    ///   - tell: takes what is learned, in order, before any event could be joined to it. On the server's thread.
    @_specialize(where Marker == KernelCalls)
    package init<Marker: CallMarker & Sendable>(
        listener: ToolCallListener, marker: Marker, senders: CallSenders, limits: Limits = Limits(),
        digests: DigestKeys? = nil, hearing: CallHearing? = nil,
        backlog: @escaping @Sendable () -> CallInbox.Backlog,
        told: @escaping @Sendable () -> Void = {}, crowded: @escaping @Sendable (UInt32) -> Void = { _ in },
        tell: @escaping @Sendable (CallChange) -> Void
    ) throws(SystemError) {
        self.limits = limits
        self.backlog = backlog
        self.told = told
        self.crowded = crowded
        if let hearing { self.hearing = hearing } else { self.hearing = try CallHearing() }
        let poll = try ConnectionPoll()
        let thread = try Worker(name: "sensord-calls") { [self] in
            let senders = CallTaskCache(senders)
            let learned = Untold()
            let book = CallBook(
                marker: marker, tasks: senders, accounts: CallAccounts(limits: limits.workload), digests: digests,
                clock: ClockReading.now,
                tell: { change in
                    learned.isSet = true
                    tell(change)
                })
            var loop = ToolCallLoop(
                server: self, listener: listener, senders: senders, poll: poll, learned: learned, book: book)
            loop.run()
        }
        worker.withLockedValue { $0 = thread }
    }

    package var statistics: Statistics { counted.withLockedValue { $0 } }

    /// Leaves all calls as they are and returns; no later than two seconds from now.
    package func stop() {
        isStopping.store(true, ordering: .relaxed)
        hearing.wakeUp.signal()
        _ = worker.withLockedValue { $0.take() }?.join(milliseconds: 2000)
    }
}
