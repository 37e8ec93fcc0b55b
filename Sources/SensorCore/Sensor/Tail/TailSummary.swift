// SPDX-License-Identifier: Apache-2.0

/// What came of a tail.
package struct TailSummary: Sendable, Codable, Equatable {
    /// Events that were shown.
    package var shown: UInt64 = 0
    /// Events that are gone, by the hook that should have told of them.
    package var lost: [String: UInt64] = [:]
    /// The same by `LossReason`, then by hook.
    package var reasons: [String: [String: UInt64]] = [:]
    /// What no event tells of: io_uring's operations and 32-bit calls, by name.
    package var blind: [String: UInt64] = [:]
    /// Events that came with something missing, by `LossReason`.
    package var incomplete: [String: UInt64] = [:]
    /// Whoever knows what was lost has not said it.
    package var isLossUnknown = false

    package init() {}

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        shown = try container.decode(UInt64.self, forKey: .shown)
        lost = try container.decode([String: UInt64].self, forKey: .lost)
        // An older daemon does not tell.
        reasons = try container.decodeIfPresent([String: [String: UInt64]].self, forKey: .reasons) ?? [:]
        blind = try container.decodeIfPresent([String: UInt64].self, forKey: .blind) ?? [:]
        incomplete = try container.decodeIfPresent([String: UInt64].self, forKey: .incomplete) ?? [:]
        isLossUnknown = try container.decodeIfPresent(Bool.self, forKey: .isLossUnknown) ?? false
    }

    /// All that was lost.
    package var lostCount: UInt64 { lost.values.reduce(0, &+) }

    /// For a person: `shown 12, lost 3 (sys_exit 2, subscriber 1), blind 1 (io_uring unlinkat 1), incomplete 1
    /// (path_too_long 1)`. The last two only if there are any.
    package var text: String {
        "shown \(shown), lost \(isLossUnknown ? "unknown" : "\(lostCount)")\(Self.causes(lost))"
            + Self.part("blind", blind)
            + Self.part("incomplete", incomplete)
    }

    /// Why something was lost and what can be done about it, a line for each reason, the worst first.
    package var explanations: [String] {
        reasons.map { (reason: $0.key, hooks: $0.value, count: $0.value.values.reduce(0, &+)) }
            .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
            .map { "lost for \($0.reason) \($0.count)\(Self.causes($0.hooks))\(Self.advice($0.reason))" }
    }

    private static func part(_ name: String, _ counts: [String: UInt64]) -> String {
        let count = counts.values.reduce(0, &+)
        return count == 0 ? "" : ", \(name) \(count)\(causes(counts))"
    }

    /// In brackets, the greatest first.
    private static func causes(_ counts: [String: UInt64]) -> String {
        let causes = counts.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return causes.isEmpty ? "" : " (" + causes.map { "\($0.key) \($0.value)" }.joined(separator: ", ") + ")"
    }

    /// The settings of whoever collects that give more room.
    private static func advice(_ reason: String) -> String {
        switch reason {
        case LossReason.ringFull.name, LossReason.stream.name:
            ": more room with --activity-ring-bytes, for processes with --lifecycle-ring-bytes"
        case LossReason.ringBudget.name: ": a larger share with --ring-budget"
        case LossReason.subscriber.name: ": a longer queue with the daemon's --tail-queue-bytes"
        default: ""
        }
    }
}
