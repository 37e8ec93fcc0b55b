// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Random numbers of the distributions that workloads are made of.
struct Chance: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ (value >> 30)) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ (value >> 27)) &* 0x94d0_49bb_1331_11eb
        return value ^ (value >> 31)
    }

    mutating func uniform() -> Double { Double(next() >> 11) / Double(1 << 53) + 1e-17 }

    mutating func normal() -> Double { (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform()) }

    /// Marsaglia and Tsang; the mean is `shape`.
    mutating func gamma(_ shape: Double) -> Double {
        if shape < 1 { return gamma(shape + 1) * pow(uniform(), 1 / shape) }
        let d = shape - 1.0 / 3
        let c = 1 / (9 * d).squareRoot()
        while true {
            let x = normal()
            let v = (1 + c * x) * (1 + c * x) * (1 + c * x)
            if v > 0, log(uniform()) < x * x / 2 + d - d * v + d * log(v) { return d * v }
        }
    }

    mutating func poisson(_ mean: Double) -> UInt64 {
        if mean > 500 { return UInt64(max(0, (mean + mean.squareRoot() * normal()).rounded())) }
        if mean > 20 {
            // In two parts, each of which is drawn by products.
            return poisson(mean / 2) + poisson(mean / 2)
        }
        let limit = exp(-mean)
        var (count, product): (UInt64, Double) = (0, uniform())
        while product > limit {
            count += 1
            product *= uniform()
        }
        return count
    }
}
