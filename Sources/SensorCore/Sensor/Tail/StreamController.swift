// SPDX-License-Identifier: Apache-2.0

/// What tails ask of whoever collects. The calls wait for the collecting thread, so they are not for that thread.
package protocol StreamController: AnyObject, Sendable {
    /// Makes the kernel stream what the plan says, from when it returns.
    ///
    /// - Parameter leaving: processes that nobody needs any more, though the plan before did not name them: what a
    ///   command has forked.
    /// - Throws: if the kernel has no room for it; then a part of it may be streamed.
    func setStream(_ plan: StreamPlan, leaving: Set<UInt32>) throws(KernelError)

    /// How it went up to now, once all that the kernel had written before this call was handed to the sinks.
    func drained() -> CollectorSummary
}

extension TailSummary {
    /// Adds what was lost, incomplete or out of sight between two looks.
    package mutating func add(_ now: CollectorSummary, since start: CollectorSummary = CollectorSummary()) {
        for (cause, new) in Self.growth(now.losses.lostForTails, since: start.losses.lostForTails) {
            lost[cause.hookName, default: 0] += new
            reasons[cause.reasonName, default: [:]][cause.hookName, default: 0] += new
        }
        for (reason, new) in Self.growth(now.losses.incompleteByReason, since: start.losses.incompleteByReason) {
            incomplete[reason.name, default: 0] += new
        }
        for (name, new) in Self.growth(now.blindOperations, since: start.blindOperations) {
            blind[name, default: 0] += new
        }
        let overflow = now.losses.overflow - min(now.losses.overflow, start.losses.overflow)
        if overflow > 0 { lost["untold", default: 0] += overflow }
    }

    private static func growth<Key>(_ now: [Key: UInt64], since start: [Key: UInt64]) -> [Key: UInt64] {
        var growth: [Key: UInt64] = [:]
        for (key, count) in now {
            let before = start[key] ?? 0
            if count > before { growth[key] = count - before }
        }
        return growth
    }
}
