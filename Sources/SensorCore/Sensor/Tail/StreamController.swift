// SPDX-License-Identifier: Apache-2.0

/// What tails ask of whoever collects. All closures run on the collecting thread, soon.
package protocol StreamController: AnyObject, Sendable {
    /// Makes the kernel stream what the plan says, then calls with the losses up to now.
    func setStream(_ plan: StreamPlan, then body: @escaping @Sendable (LossLedger) -> Void)

    /// Calls with the losses up to now, once all that the kernel had written before this call was handed to the sinks.
    func afterDrain(_ body: @escaping @Sendable (LossLedger) -> Void)
}

extension TailSummary {
    /// Adds what was lost between two looks at the ledger, by hook.
    package mutating func add(_ now: LossLedger, since start: LossLedger) {
        let before = start.lostByHook
        for (hook, count) in now.lostByHook {
            let new = count - min(count, before[hook] ?? 0)
            if new > 0 { lost[Via(rawValue: hook)?.name ?? "hook \(hook)", default: 0] += new }
        }
        let overflow = now.overflow - min(now.overflow, start.overflow)
        if overflow > 0 { lost["untold", default: 0] += overflow }
    }
}
