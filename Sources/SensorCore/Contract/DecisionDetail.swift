// SPDX-License-Identifier: Apache-2.0

/// That a policy was asked about a tool call, and what came of it, as the agent says.
package struct DecisionDetail: Sendable, Equatable, Codable {
    package var session: String
    /// Id of the call.
    package var call: String
    package var policy: String
    /// `allow`, `deny`, `override` or `escalate`.
    package var outcome: String
    /// Who or what decided.
    package var by: String

    package init(session: String, call: String, policy: String, outcome: String, by: String = "") {
        self.session = session
        self.call = call
        self.policy = policy
        self.outcome = outcome
        self.by = by
    }
}
