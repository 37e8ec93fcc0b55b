// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct TailSummaryTests {
    private func ledger(_ counts: [(LossReason, UInt64)]) -> LossLedger {
        var ledger = LossLedger()
        for (reason, count) in counts {
            ledger.add(LossLedger.Key(cgroup: 1, hook: 1, reason: reason.rawValue, kind: 10), count: count)
        }
        return ledger
    }

    @Test func `what came incomplete since the start is told by its reason, behind what was lost`() {
        var summary = TailSummary()
        summary.shown = 9
        let start = ledger([(.pathTooLong, 5), (.compat, 1)])
        summary.add(
            ledger([(.pathTooLong, 7), (.readFault, 3), (.compat, 1), (.ringFull, 4), (.memoryBudget, 8)]),
            since: start)
        #expect(summary.text == "shown 9, lost 4 (sys_exit 4), incomplete 5 (read_fault 3, path_too_long 2)")
        #expect(ControlJSON.decode(ControlJSON.encode(summary)) == summary)
    }

    @Test func `where nothing is incomplete nothing is said of it`() {
        var summary = TailSummary()
        summary.add(ledger([(.memoryFull, 8)]), since: LossLedger())
        #expect(summary.text == "shown 0, lost 0")
    }

    @Test func `a daemon that tells nothing of incomplete events is understood`() {
        let summary = ControlJSON.decode(Array(#"{"shown":3,"lost":{"sys_exit":1}}"#.utf8), as: TailSummary.self)
        #expect(summary?.text == "shown 3, lost 1 (sys_exit 1)")
    }
}
