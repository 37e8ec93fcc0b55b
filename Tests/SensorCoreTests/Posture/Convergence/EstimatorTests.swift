// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct EstimatorTests {
    @Test func `what is seen once and twice tells what is not seen`() {
        let some = Chao2(seen: 50, once: 10, twice: 5, incidences: 300, units: 10)
        // 0.9 × 10² / (2 × 5); variance 5 × (0.45 × 4 + 0.81 × 8 + 0.2025 × 16).
        #expect(abs(some.unseen - 9) < 1e-9)
        #expect(abs(some.unseenLow - 9 / 4.2053) < 0.01 && abs(some.unseenHigh - 9 * 4.2053) < 0.05)
    }

    @Test func `without any seen twice it is corrected`() {
        let some = Chao2(seen: 20, once: 4, twice: 0, incidences: 100, units: 10)
        #expect(abs(some.unseen - 0.9 * 4 * 3 / 2) < 1e-9)
        #expect(some.unseenLow > 0 && some.unseenLow < some.unseen && some.unseenHigh > some.unseen)
    }

    @Test func `without a rare fact nothing is estimated, and little is possible`() {
        let some = Chao2(seen: 100, once: 0, twice: 3, incidences: 700, units: 7)
        #expect(some.unseen == 0 && some.unseenLow == 0)
        #expect(some.unseenHigh > 0 && some.unseenHigh < 1)
        #expect(Chao2(seen: 0, once: 0, twice: 0, incidences: 0, units: 9).unseenHigh == 0)
        #expect(Chao2(seen: 3, once: 3, twice: 0, incidences: 3, units: 0).unseenHigh == .infinity)
    }

    @Test func `news is as likely as a Poisson count when the rate is well known`() {
        // P(X ≥ 3) with mean 1.
        #expect(abs(NewsTest.tail(3, in: 1, expected: 100_000, over: 100_000) - 0.0803) < 0.0002)
        #expect(NewsTest.tail(0, in: 1, expected: 0, over: 10) == 1)
        #expect(NewsTest.tail(1, in: 1, expected: 0, over: 0) == 1)
        #expect(NewsTest.tail(5000, in: 1, expected: 1, over: 10) < 1e-9)
    }

    @Test func `what is known for longer makes less news significant`() {
        let tails = [7.0, 14, 28, 56].map { NewsTest.tail(2, in: 1, expected: 0, over: $0) }
        #expect(tails == tails.sorted(by: >))
        #expect(tails[0] < 0.01)
    }
}
