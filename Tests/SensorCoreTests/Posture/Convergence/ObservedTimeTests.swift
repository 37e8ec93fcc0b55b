// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore
import Testing

@Suite struct ObservedTimeTests {
    private func days(_ active: [UInt32], lossy: [UInt32] = [], until days: Int, observed: [UInt32]? = nil) -> Double {
        let time = ObservedTime(
            observed: HourSet(observed ?? active), active: HourSet(active), lossy: HourSet(lossy))
        return time.effectiveDays(from: 20_000, until: someHour + UInt32(days * 24 - 1)).reduce(0, +)
    }

    @Test func `a server's day is a day`() {
        #expect(days((0..<240).map { someHour + $0 }, until: 10) == 10)
    }

    @Test func `so is a nightly job's hour, but for the part of the first day before it`() {
        #expect(abs(days((0..<10).map { someHour + 3 + $0 * 24 }, until: 10) - 9.875) < 0.001)
    }

    @Test func `a day cut short counts by its hours`() {
        let hours = (0..<120).map { someHour + $0 } + (0..<6).map { someHour + 120 + $0 }
        #expect(abs(days(hours, until: 6) - 5.25) < 0.001)
    }

    @Test func `a short first day is no more than the time since`() {
        #expect(abs(days((22..<48).map { someHour + $0 }, until: 2) - 26.0 / 24) < 0.001)
    }

    @Test func `lossy hours do not count, nor do those without the sensor or without activity`() {
        let hours = (0..<240).map { someHour + $0 }
        #expect(days(hours, lossy: hours.filter { $0 % 2 == 0 }, until: 10) == 5)
        #expect(days(hours, until: 10, observed: Array(hours.prefix(48))) == 2)
        #expect(days([], until: 10, observed: hours) == 0)
    }

    @Test func `hours after now do not count`() {
        let time = ObservedTime(
            observed: HourSet((0..<240).map { someHour + $0 }), active: HourSet((0..<240).map { someHour + $0 }))
        #expect(time.effectiveDays(from: 20_000, until: someHour + 59).reduce(0, +) == 2.5)
    }
}
