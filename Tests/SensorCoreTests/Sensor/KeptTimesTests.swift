// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct KeptTimesTests {
    private let start = ContinuousClock.now

    @Test func `a record is as old as the commit that has kept it`() {
        var times = KeptTimes()
        #expect(times.time(after: 0) == nil)
        times.note(last: 10, at: start)
        times.note(last: 10, at: start + .seconds(1))
        times.note(last: 12, at: start + .seconds(2))
        #expect(times.time(after: 0) == start && times.time(after: 9) == start)
        #expect(times.time(after: 10) == start + .seconds(2) && times.time(after: 11) == start + .seconds(2))
        #expect(times.time(after: 12) == nil)
        times.forget(through: 10)
        #expect(times.time(after: 0) == start + .seconds(2))
        times.forget(through: 100)
        #expect(times.time(after: 0) == nil)
    }

    @Test func `where there are many, one is told to be older than it is, never younger`() {
        var times = KeptTimes(limit: 16)
        let count: UInt64 = 1000
        for number in 1...count { times.note(last: number * 3, at: start + .seconds(Double(number))) }
        for sequence in 0..<count * 3 {
            let kept = start + .seconds(Double(sequence / 3 + 1))
            guard let told = times.time(after: sequence) else { return #expect(Bool(false), "\(sequence)") }
            #expect(told <= kept)
        }
        // The latest are told exactly, and the first too.
        #expect(times.time(after: 0) == start + .seconds(1))
        #expect(times.time(after: count * 3 - 1) == start + .seconds(Double(count)))
    }
}
