// SPDX-License-Identifier: Apache-2.0

/// That something was done otherwise than before, in numbers. It is no judgement.
package struct ExerciseShift: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// A fact was done more, or less, often; or not any more.
        case more, less, ceased
        /// Categories have other shares.
        case mix
        /// A fact was done at an hour of the day (UTC) at which it never was.
        case newHour = "new_hour"
        /// Facts of a kind were done at hours of the week (UTC) that were empty.
        case hourOfWeek = "hour_of_week"
        /// A category, a sequence came that there was none of; a category did not come any more.
        case newCategory = "new_category"
        case ceasedCategory = "ceased_category"
        case newSequence = "new_sequence"
        /// A known fact was done that was not in the 28 days before.
        case resumed
    }

    /// What it is of, by the caller's number.
    package enum What: Sendable, Hashable {
        case fact(Int)
        case mix(Int)
        case category(String, of: Int)
        case kind(Int)
    }

    package var kind: Kind
    package var what: What
    /// Full days that it is about, the last ones; 0: today.
    package var window: Int
    /// Days of the history that they are compared with.
    package var historyDays: Int
    /// Times a whole day, before and then. Of `mix`, calls; of `newHour`, times in the history, at any hour; of `hourOfWeek`,
    /// times a week at those hours.
    package var baseline: Double
    package var recent: Double
    /// Of rates: the ratio of then to before. `mix`: the Jensen–Shannon distance. `newHour`: hours to the nearest one before.
    /// `hourOfWeek`: the share of the week's activity. `resumed`: days on which it is known to have been done before. Of other
    /// novelty: days of the history on which there was such novelty.
    package var distance: Double
    /// The chance of that or more if nothing shifted; of novelty, the chance that a day has any
    /// of its kind (`resumed`: this one).
    package var chance: Double?
    /// The same, corrected for all tests of the subject by `FalseDiscovery`; nil: novelty, which is no test.
    package var correctedChance: Double?
    /// UTC. Of `newHour` the hour of the day, of `hourOfWeek` that with the most, Monday 00:00 first.
    package var hour: Int?
}

/// What shifted of a subject.
package struct ExerciseReport: Sendable, Equatable {
    /// Tests with the least chance first, then novelty.
    package var shifts: [ExerciseShift] = []
    /// Shifts that there was no room for.
    package var leftOut = 0
    /// Tests made, over which chances are corrected.
    package var tests = 0
    /// Facts and mixes of which there was too little history, or too little of the latest days, for any test.
    package var insufficient = 0

    package static let correction = FalseDiscovery.name
}
