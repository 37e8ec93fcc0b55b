// SPDX-License-Identifier: Apache-2.0

/// That an agent's messages do not fit what is known of its sessions, with what shows it.
package struct AnomalyDetail: Sendable, Equatable, Codable {
    package var rule: AnomalyRule
    package var session: String
    /// Id of the call that it is about; empty if it is about none.
    package var call: String
    /// What the rule wants.
    package var expected: String
    /// What came instead.
    package var came: String
    /// How often the same rule was broken by the same workload since the last event of it, without one of its own.
    package var suppressed: UInt64

    package init(
        rule: AnomalyRule, session: String, call: String = "", expected: String, came: String, suppressed: UInt64 = 0
    ) {
        self.rule = rule
        self.session = session
        self.call = call
        self.expected = expected
        self.came = came
        self.suppressed = suppressed
    }
}

/// What an `anomaly.state` event tells of.
package enum AnomalyRule: String, Sendable, CaseIterable, Codable {
    /// The same operation was announced, or ended, once more.
    case duplicateOperation = "duplicate_operation"
    case outOfOrder = "out_of_order"
    /// A message is of another life of the session than the one that is known.
    case epochMismatch = "epoch_mismatch"
    /// Agent or server is of another version than it said before.
    case versionMismatch = "version_mismatch"
    case endWithoutBegin = "end_without_begin"
    case callAfterSessionEnd = "call_after_session_end"
    case authorityExpired = "authority_expired"
    /// More, or for longer, than what it derives from.
    case authorityWidened = "authority_widened"
    case repeatedRefresh = "repeated_refresh"
    case repeatedOverride = "repeated_override"
    case modeSwitchWithoutUser = "mode_switch_without_user"
    case controlChangeUnusual = "control_change_unusual"
    /// Authority from before a change of account is used after it.
    case staleTrust = "stale_trust"
    /// What belongs to another workload is claimed.
    case identityMismatch = "identity_mismatch"
    case effectWithoutCall = "effect_without_call"
    case callWithoutEffect = "call_without_effect"
}
