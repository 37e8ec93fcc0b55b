// SPDX-License-Identifier: Apache-2.0

/// What each sender may send, so that one who sends too much costs only itself.
///
/// A request is taken whole as long as something is left; what it takes beyond that is owed.
struct TraceAllowance {
    struct Limits: Sendable {
        /// Of one workload, a second, and how many seconds' worth may come at once.
        var calls = 500
        var bytes = 2 << 20
        var burst = 8
        /// Of all together.
        var allCalls = 4000
        var allBytes = 16 << 20
        /// Calls of one workload that wait for the pipeline.
        var waiting = 1024
        /// Those of all together, before each has no more than its share.
        var backlog = 16_384
        var share = 64
        /// That are kept count of; whoever comes beyond that shares one count.
        var senders = 1024
    }

    private struct Left {
        var calls: Int
        var bytes: Int
        var time: UInt64
        /// Calls since everything that waited for the pipeline was taken for the last time.
        var waiting: (takes: UInt64, calls: Int) = (0, 0)
    }

    private let limits: Limits
    private var all: Left
    private var senders: [UInt64: Left] = [:]

    init(limits: Limits = Limits(), at time: UInt64) {
        self.limits = limits
        all = Left(calls: limits.allCalls * limits.burst, bytes: limits.allBytes * limits.burst, time: time)
    }

    /// Whole seconds to wait before a sender may send again; nil: it may now.
    ///
    /// - Parameters:
    ///   - workload: the sender's; 0: not known.
    ///   - time: boot clock, ns.
    mutating func wait(_ workload: UInt64, at time: UInt64) -> Int? {
        refill(workload, at: time)
        let own = senders[place(of: workload)] ?? full(at: time)
        let owed = [
            -own.calls / limits.calls, -own.bytes / limits.bytes, -all.calls / limits.allCalls,
            -all.bytes / limits.allBytes,
        ]
        guard own.calls <= 0 || own.bytes <= 0 || all.calls <= 0 || all.bytes <= 0 else { return nil }
        return (owed.max() ?? 0) + 1
    }

    /// Whether one more request of a sender may wait for the pipeline.
    func allowsWaiting(_ workload: UInt64, in backlog: CallInbox.Backlog) -> Bool {
        guard backlog.changes > 0, let waiting = senders[place(of: workload)]?.waiting, waiting.takes == backlog.takes
        else { return true }
        // Where others have filled it, who has not yet had a share still gets one.
        return waiting.calls < (backlog.changes < limits.backlog ? limits.waiting : limits.share)
    }

    /// - Parameter takes: how often everything that waited for the pipeline had been taken.
    mutating func take(_ workload: UInt64, calls: Int, bytes: Int, at time: UInt64, takes: UInt64 = 0) {
        refill(workload, at: time)
        all.calls -= calls
        all.bytes -= bytes
        var left = senders[place(of: workload)] ?? full(at: time)
        left.calls -= calls
        left.bytes -= bytes
        if calls > 0 { left.waiting = (takes, (left.waiting.takes == takes ? left.waiting.calls : 0) + calls) }
        senders[place(of: workload)] = left
    }

    private func full(at time: UInt64) -> Left {
        Left(calls: limits.calls * limits.burst, bytes: limits.bytes * limits.burst, time: time)
    }

    private func place(of workload: UInt64) -> UInt64 {
        senders[workload] == nil && senders.count >= limits.senders ? 0 : workload
    }

    private mutating func refill(_ workload: UInt64, at time: UInt64) {
        Self.refill(&all, calls: limits.allCalls, bytes: limits.allBytes, burst: limits.burst, at: time)
        if senders[workload] == nil, senders.count >= limits.senders {
            // Whoever has all that it may have needs no count.
            senders = senders.filter { _, left in
                var left = left
                Self.refill(&left, calls: limits.calls, bytes: limits.bytes, burst: limits.burst, at: time)
                return left.calls < limits.calls * limits.burst || left.bytes < limits.bytes * limits.burst
            }
        }
        let place = place(of: workload)
        var left = senders[place] ?? full(at: time)
        Self.refill(&left, calls: limits.calls, bytes: limits.bytes, burst: limits.burst, at: time)
        senders[place] = left
    }

    private static func refill(_ left: inout Left, calls: Int, bytes: Int, burst: Int, at time: UInt64) {
        guard time > left.time else { return }
        // Beyond what a burst takes nothing is gained, and nothing may overflow.
        let milliseconds = Int(min((time - left.time) / 1_000_000, 1_000_000))
        // Less would be rounded away.
        guard milliseconds >= 10 else { return }
        left.calls = min(left.calls + calls * milliseconds / 1000, calls * burst)
        left.bytes = min(left.bytes + bytes * milliseconds / 1000, bytes * burst)
        left.time = time
    }
}
