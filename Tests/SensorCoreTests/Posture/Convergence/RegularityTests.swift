// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct RegularityTests {
    @Test(arguments: [
        ([0, 7, 14], 7), ([0, 7, 15, 21], 7), ([0, 31, 59, 90], 31), ([0, 30, 60], 30), ([0, 91, 182], 91),
        ([0, 1, 30, 31, 60, 61], 30), ([0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18], 7),
        ([0, 10, 20, 30], 10), ([0, 7, 21, 28, 35], 7), ([0, 91, 182, 273], 91),
    ])
    func `even distances are a period`(_ days: [Int], _ period: Int) {
        #expect(Regularity(Sightings(days: days))?.period == period)
    }

    @Test(arguments: [
        [], [0], [0, 7], [0, 10, 20], [0, 5, 30], Array(0..<40), [0, 2, 4, 6, 8, 10], [0, 7, 20, 23, 50],
    ])
    func `others are none`(_ days: [Int]) {
        #expect(Regularity(Sightings(days: days)) == nil)
    }

    @Test(arguments: 300..<314) func `working days are a week, however long it goes on`(_ days: Int) {
        #expect(Regularity(Sightings(days: (0..<days).filter { $0 % 7 < 5 }))?.period == 7)
    }

    @Test func `chance is seldom called regular`() {
        var random = SplitMix(seed: 3)
        var found = 0
        for _ in 0..<2000 {
            let days = (0..<Int.random(in: 3...8, using: &random)).map { _ in Int.random(in: 0..<90, using: &random) }
            if Regularity(Sightings(days: days)) != nil { found += 1 }
        }
        #expect(found < 40)
    }

    @Test func `it is overdue only if it was looked for when it was due`() throws {
        let monthly = try #require(Regularity(Sightings(days: [0, 30, 60])))
        let always = HourSet((0..<120 * 24).map { someHour + UInt32($0) })
        let seldom = HourSet((0..<80 * 24).map { someHour + UInt32($0) })
        #expect(!monthly.isOverdue(at: someHour + 85 * 24, observed: always))
        #expect(monthly.isOverdue(at: someHour + 95 * 24, observed: always))
        #expect(!monthly.isOverdue(at: someHour + 95 * 24, observed: seldom))
        #expect(monthly.needed == 60)
    }
}
