// SPDX-License-Identifier: Apache-2.0

/// What a shift must be like to be stated.
package struct ExerciseSettings: Sendable, Equatable {
    /// The corrected chance that it must stay below: if nothing shifts, the chance that a subject has any on a day.
    package var level = 0.01
    /// Days of the history that a test of rates needs, and of a history that novelty is news in.
    package var leastDays = 7
    package var leastKnownDays = 14
    /// Of a usual day that must have been watched, for it to count.
    package var leastShare = 0.5
    /// Full days that are compared with those before them; today is looked at besides, for more than on a whole day.
    package var windows = [1, 3, 7]
    /// The least ratio of two rates, either way.
    package var leastRatio = 2.0
    /// The least Jensen–Shannon distance, and calls in a window.
    package var leastDistance = 0.1
    package var leastCalls = 10.0
    /// Hours between a new hour of the day and the nearest one before.
    package var leastHours = 2
    /// Days on which a fact must have been seen before it can have new hours.
    package var leastSeenDays = 10
    /// Weeks before the one that is looked at.
    package var leastWeeks = 2
    /// An hour of the week counts as empty below this share of the average one's count, together with those beside it.
    package var emptyShare = 0.02
    /// The least share of a week's activity that lies in such hours.
    package var leastEmptyActivity = 0.1
    /// Shifts that are listed, and categories and hours of each kind of novelty.
    package var limit = 64

    package init() {}
}
