// SPDX-License-Identifier: Apache-2.0

/// What tails ask of whoever collects. The calls wait for the collecting thread, so they are not for that thread.
package protocol StreamController: AnyObject, Sendable {
    /// Makes the kernel stream what the plan says, from when it returns.
    ///
    /// - Parameter leaving: processes that nobody needs any more, though the plan before did not name them: what a
    ///   command has forked.
    /// - Throws: if the kernel has no room for it; then a part of it may be streamed.
    func setStream(_ plan: StreamPlan, leaving: Set<UInt32>) throws(KernelError)

    /// What is lost up to now, once all that the kernel had written before this call was handed to the sinks.
    func drained() -> LossLedger
}

extension TailSummary {
    /// Adds what was lost between two looks at the ledger, by hook, and what was incomplete, by reason.
    package mutating func add(_ now: LossLedger, since start: LossLedger) {
        let before = start.lostForTailsByHook
        for (hook, count) in now.lostForTailsByHook {
            let new = count - min(count, before[hook] ?? 0)
            if new > 0 { lost[Via(rawValue: hook)?.name ?? "hook \(hook)", default: 0] += new }
        }
        let incompleteBefore = start.incompleteByReason
        for (reason, count) in now.incompleteByReason {
            let new = count - min(count, incompleteBefore[reason] ?? 0)
            if new > 0 { incomplete[reason.name, default: 0] += new }
        }
        let overflow = now.overflow - min(now.overflow, start.overflow)
        if overflow > 0 { lost["untold", default: 0] += overflow }
    }
}
