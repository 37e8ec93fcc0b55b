// SPDX-License-Identifier: Apache-2.0

/// What is known of a subject's facts of one discipline, or of one tool, and how well.
package struct ConvergenceEstimate: Sendable, Equatable {
    package var state: Convergence
    package var reason: ConvergenceReason
    /// The UTC hour since 1970 since which it is in this state.
    package var since: UInt32
    /// Facts seen and unseen, by days; by hours while there are less than three effective days.
    package var facts: Chao2
    package var unitIsHour: Bool
    /// The share of what is seen on a day that is known already (Good–Turing).
    package var coverage: Double
    /// The share of the events that are of facts seen on more than one day.
    package var eventCoverage: Double
    /// New facts a day, in the last effective days.
    package var newPerDay: Double
    /// New facts a day that are to be expected.
    package var expectedPerDay: Double
    /// Effective days.
    package var effectiveDays: Double
    /// Facts that come back at a period of their own.
    package var regularFacts: Int
}
