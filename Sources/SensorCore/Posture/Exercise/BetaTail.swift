// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Tails of the distributions that come down to the regularised incomplete beta function.
enum BetaTail {
    /// I_x(a, b), by its continued fraction (Lentz's method). Zero is 0, whole is 1; both parameters are above 0.
    static func incompleteBeta(_ x: Double, _ a: Double, _ b: Double) -> Double {
        guard x > 0 else { return 0 }
        guard x < 1 else { return 1 }
        let front = exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * log(x) + b * log1p(-x))
        if x < (a + 1) / (a + b + 2) { return min(1, front * fraction(x, a, b) / a) }
        return max(0, 1 - front * fraction(1 - x, b, a) / b)
    }

    private static func logGamma(_ value: Double) -> Double {
        var sign: Int32 = 0
        return lgamma_r(value, &sign)
    }

    private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        let tiny = 1e-300
        var c = 1.0
        var d = 1 - (a + b) * x / (a + 1)
        d = 1 / (abs(d) < tiny ? tiny : d)
        var result = d
        for step in 1...2000 {
            let m = Double(step)
            for factor in [
                m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
            ] {
                d = 1 + factor * d
                d = 1 / (abs(d) < tiny ? tiny : d)
                c = 1 + factor / c
                c = abs(c) < tiny ? tiny : c
                result *= d * c
            }
            if abs(d * c - 1) < 1e-12 { break }
        }
        return result
    }

    /// Above `value`, of Student's t.
    static func student(_ value: Double, _ freedom: Double) -> Double {
        guard value.isFinite else { return value > 0 ? 0 : 1 }
        let tail = incompleteBeta(freedom / (freedom + value * value), freedom / 2, 0.5) / 2
        return value > 0 ? tail : 1 - tail
    }

    /// Above `value`, of Fisher's F.
    static func fisher(_ value: Double, _ freedom: Double, _ other: Double) -> Double {
        guard value > 0 else { return 1 }
        return incompleteBeta(other / (other + freedom * value), other / 2, freedom / 2)
    }

    /// `count` or more (`.more`), or `count` or less, of a negative binomial with this mean and shape: a Poisson count whose
    /// rate is gamma distributed. The variance is mean + mean² / shape.
    static func negativeBinomial(_ count: Double, mean: Double, shape: Double) -> (more: Double, less: Double) {
        // Of larger counts the Poisson part is of no account. To scale them makes it larger than it is, never smaller.
        let scale = min(1, 10_000 / max(mean, 1))
        let (count, mean) = (count * scale, mean * scale)
        let chance = shape / (shape + mean)
        let less = incompleteBeta(chance, shape, count + 1)
        return (count > 0 ? incompleteBeta(1 - chance, count, shape) : 1, less)
    }
}
