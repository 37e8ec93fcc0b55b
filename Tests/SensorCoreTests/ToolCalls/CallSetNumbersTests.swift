// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

@Suite struct CallSetNumbersTests {
    private func take(_ numbers: inout CallSetNumbers) throws -> UInt32 {
        let number = numbers.take()
        return try #require(number)
    }

    @Test func `a number is a place and how often that was given out, and none is uncertain or none at all`() throws {
        let places = UInt32(SENSOR_CALL_SETS)
        var numbers = CallSetNumbers(places: Int(places))
        var taken: Set<UInt32> = []
        for _ in 0..<places {
            let number = try take(&numbers)
            #expect(number > 0 && number < UInt32(SENSOR_CALLS_NUMBER))
            #expect(taken.insert(number).inserted)
        }
        #expect(Set(taken.map { $0 % places }).count == Int(places))
        #expect(numbers.take() == nil)
    }

    @Test func `with one free place left each new set takes one number, not as many as there are places`() throws {
        var numbers = CallSetNumbers(places: 1 << 15)
        var last: UInt32 = 0
        for _ in 0..<1 << 15 { last = try take(&numbers) }
        // The last place is in its second generation.
        for _ in 0..<30_000 {
            numbers.giveBack(last)
            let next = try take(&numbers)
            #expect(next == last + 1 << 15)
            last = next
        }
    }

    @Test func `places are given out in turn`() throws {
        var numbers = CallSetNumbers(places: 8)
        let first = try (0..<8).map { _ in try take(&numbers) }
        for number in first.reversed() { numbers.giveBack(number) }
        let second = try (0..<8).map { _ in try take(&numbers) }
        #expect(second == first.reversed().map { $0 + 8 })
    }

    @Test func `a place whose numbers are used up begins anew when nothing has named any of them for long`() throws {
        // Of each place the generations 1 to 3.
        var numbers = CallSetNumbers(places: 1, last: 4, restLooks: 3)
        for expected in UInt32(1)...3 {
            #expect(numbers.take() == expected)
            numbers.giveBack(expected)
        }
        #expect(numbers.take() == nil && numbers.isLooking)
        for named: Set<UInt32> in [[], [], [2], [], []] {
            numbers.look(named)
            #expect(numbers.take() == nil)
        }
        numbers.look([])
        #expect(!numbers.isLooking)
        #expect(numbers.take() == 1)
    }

    @Test func `places come to their ends one after the other`() throws {
        var numbers = CallSetNumbers(places: 16, last: 16 * 20)
        for _ in 0..<8 * 16 { numbers.giveBack(try take(&numbers)) }
        var left = 0
        while numbers.take() != nil { left += 1 }
        #expect(left >= 8 && left < 16)
    }
}
