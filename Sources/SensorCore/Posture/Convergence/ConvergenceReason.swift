// SPDX-License-Identifier: Apache-2.0

/// Why a subject is in its state.
package enum ConvergenceReason: String, Sendable {
    /// Nothing was observed, or nothing was seen.
    case nothingSeen = "nothing_seen"
    /// It was not observed for long enough.
    case belowFloor = "below_floor"
    /// It was observed for long enough, and too much was lost meanwhile.
    case lossy
    /// Of what is seen on a day, more than the threshold may be new.
    case unseenAboveThreshold = "unseen_above_threshold"
    /// More new facts came in the last days than the threshold.
    case rateAboveThreshold = "rate_above_threshold"
    /// The ceiling is reached: converged without a margin, or not even so.
    case ceilingReached = "ceiling_reached"
    /// All thresholds were met.
    case withinThresholds = "within_thresholds"
    /// More new facts than was to be expected.
    case newFacts = "new_facts"
}
