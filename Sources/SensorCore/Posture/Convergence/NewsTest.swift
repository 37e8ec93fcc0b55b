// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Whether more new facts came than was to be expected: the upper tail of a Poisson count whose rate is known only by what was
/// counted before (Jeffreys' prior), thus of a negative binomial one.
package enum NewsTest {
    /// The chance of `count` or more new facts in `exposure` days after `expected` of them stood for `baseline` days.
    package static func tail(_ count: Int, in exposure: Double, expected: Int, over baseline: Double) -> Double {
        guard count > 0 else { return 1 }
        guard exposure > 0, baseline > 0 else { return 1 }
        let shape = Double(expected) + 0.5
        let chance = exposure / (baseline + exposure)
        var mass = exp(shape * log(1 - chance))
        var below = 0.0
        for number in 0..<min(count, 10_000) {
            below += mass
            mass *= (shape + Double(number)) / Double(number + 1) * chance
        }
        return max(0, 1 - below)
    }
}
