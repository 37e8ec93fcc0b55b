// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

@Suite struct TailSummaryTests {
    private func collected(_ counts: [(LossReason, UInt64)]) -> CollectorSummary {
        var summary = CollectorSummary()
        for (reason, count) in counts {
            summary.losses.add(LossLedger.Key(cgroup: 1, hook: 1, reason: reason.rawValue, kind: 10), count: count)
        }
        return summary
    }

    @Test func `what came incomplete since the start is told by its reason, behind what was lost`() {
        var summary = TailSummary()
        summary.shown = 9
        let start = collected([(.pathTooLong, 5), (.compat, 1)])
        summary.add(
            collected([(.pathTooLong, 7), (.readFault, 3), (.compat, 1), (.ringFull, 4), (.memoryBudget, 8)]),
            since: start)
        #expect(summary.text == "shown 9, lost 4 (sys_exit 4), incomplete 5 (read_fault 3, path_too_long 2)")
        #expect(ControlJSON.decode(ControlJSON.encode(summary)) == summary)
    }

    @Test func `where nothing is incomplete nothing is said of it`() {
        var summary = TailSummary()
        summary.add(collected([(.memoryFull, 8)]))
        #expect(summary.text == "shown 0, lost 0")
    }

    @Test func `what no event tells of stands between what was lost and what was incomplete`() {
        var summary = TailSummary()
        let start = collected([(.compat, 1)])
        var now = collected([(.compat, 4), (.ringFull, 2), (.readFault, 1)])
        now.uringOperations = [.init(cgroup: 1, opcode: 36): 1, .init(cgroup: 2, opcode: 36): 1]
        now.uringOperations[.init(cgroup: 1, opcode: 18 | UInt32(SENSOR_URING_DIRECT))] = 1
        now.uringOperations[.init(cgroup: 1, opcode: 200)] = 1
        summary.add(now, since: start)
        let blind = "blind 7 (compat 3, io_uring unlinkat 2, io_uring 200 1, io_uring openat direct 1)"
        #expect(summary.text == "shown 0, lost 2 (sys_exit 2), \(blind), incomplete 1 (read_fault 1)")
        #expect(ControlJSON.decode(ControlJSON.encode(summary)) == summary)
    }

    @Test func `each reason of a loss is told with what can be done about it`() {
        var summary = TailSummary()
        summary.add(collected([(.ringFull, 2), (.daemonLimit, 5)]))
        #expect(
            summary.explanations == [
                "lost for daemon_limit 5 (sys_exit 5)",
                "lost for ring_full 2 (sys_exit 2): more room with --activity-ring-bytes, for processes with "
                    + "--lifecycle-ring-bytes",
            ])
    }

    @Test func `a daemon that tells nothing of incomplete events is understood`() {
        let summary = ControlJSON.decode(Array(#"{"shown":3,"lost":{"sys_exit":1}}"#.utf8), as: TailSummary.self)
        #expect(summary?.text == "shown 3, lost 1 (sys_exit 1)")
    }
}
