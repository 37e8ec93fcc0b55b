// SPDX-License-Identifier: Apache-2.0

/// What it takes for a subject to count as known.
package struct ConvergenceSettings: Sendable, Equatable {
    /// Effective days without which nothing has converged; a week, so that each day of it was seen.
    package var floor = 7.0
    /// Effective days after which the estimate alone decides, without its margin: waiting is no answer any more.
    package var ceiling = 14.0
    /// The share of what is seen on a day that may be new.
    package var unseenShare = 0.05
    /// The margin of that share, in standard errors of the count of rare facts.
    package var margin = 0.5
    /// Effective days by which the estimate goes, a week, and by which the rate now does.
    package var window = 7.0
    package var rateWindow = 3.0
    /// More new facts than have this chance are drift.
    package var significance = 0.005
    /// The same of new facts that are seen in three hours of their first day or more.
    package var significanceOfCommon = 0.02

    package init() {}
}
