// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// How many facts there are, by those that were seen in exactly one and in exactly two sampling units (Chao 1987): a lower
/// bound, with its log-normal 95 % interval.
package struct Chao2: Sendable, Equatable {
    package let seen: Int
    /// Facts that have not been seen yet.
    package let unseen: Double
    package let unseenLow: Double
    package let unseenHigh: Double

    /// - Parameters:
    ///   - seen: different facts.
    ///   - once: those of them seen in exactly one unit; `twice`: in exactly two.
    ///   - incidences: pairs of a fact and a unit in which it was seen.
    ///   - units: sampling units.
    package init(seen: Int, once: Int, twice: Int, incidences: Int, units: Double) {
        self.seen = seen
        guard seen > 0, units >= 1 else {
            unseen = 0
            unseenLow = 0
            unseenHigh = seen > 0 ? .infinity : 0
            return
        }
        let (q1, q2) = (Double(once), Double(twice))
        let correction = (units - 1) / units
        // Bias-corrected where there is nothing to divide by.
        let estimate = correction * (twice > 0 ? q1 * q1 / (2 * q2) : q1 * (q1 - 1) / 2)
        guard estimate > 0 else {
            // No rare fact: the chance that one as common as the average was never seen.
            let missed = exp(-Double(incidences) / Double(seen))
            let spread = 1.96 * (Double(seen) * missed).squareRoot() / (1 - missed)
            unseen = 0
            unseenLow = 0
            unseenHigh = max(0, Double(seen) / (1 - missed) + spread - Double(seen))
            return
        }
        let variance: Double
        if twice > 0 {
            let ratio = q1 / q2
            let square = ratio * ratio
            let (simple, cubed) = (correction / 2 * square, correction * correction * square * ratio)
            variance = q2 * (simple + cubed + correction * correction / 4 * square * square)
        } else {
            let odd = 2 * q1 - 1
            let tail = correction * correction * q1 * q1 * q1 * q1 / (4 * (Double(seen) + estimate))
            let sum = correction * q1 * (q1 - 1) / 2 + correction * correction * q1 * odd * odd / 4
            variance = max(0, sum - tail)
        }
        let factor = exp(1.96 * log(1 + variance / (estimate * estimate)).squareRoot())
        unseen = estimate
        unseenLow = estimate / factor
        unseenHigh = estimate * factor
    }
}
