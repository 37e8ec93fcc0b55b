// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct TurnPaceTests {
    private static let millisecond: UInt64 = 1_000_000

    /// Turns that each serve so many, one after the other, with the rest that they are told to take and no other time.
    ///
    /// - Returns: how long was rested in all, and how many turns there were.
    private func run(
        _ pace: inout TurnPace, from begin: UInt64, for time: UInt64, serving count: Int, taking work: UInt64
    ) -> (rested: UInt64, turns: Int) {
        var (now, rested, turns) = (begin, 0 as UInt64, 0)
        while now < begin + time {
            pace.served(count, at: now)
            now += work
            let rest = pace.rest(at: now)
            now += rest
            rested += rest
            turns += 1
        }
        return (rested, turns)
    }

    @Test func `whoever is alone is answered at once`() {
        var pace = TurnPace()
        // One round trip after the other.
        let alone = run(&pace, from: 1, for: 100 * Self.millisecond, serving: 1, taking: 120_000)
        #expect(alone.rested == 0)
        #expect(!pace.isBusy)
    }

    @Test func `where much comes, turns begin half a millisecond apart, and no longer than it does`() {
        var pace = TurnPace()
        _ = run(&pace, from: 1, for: 10 * Self.millisecond, serving: 6, taking: 100_000)
        #expect(pace.isBusy)
        let busy = run(&pace, from: 11 * Self.millisecond, for: 100 * Self.millisecond, serving: 12, taking: 200_000)
        #expect((190...210).contains(busy.turns))
        // A turn that takes longer than that is followed by the next one.
        let slow = run(&pace, from: 200 * Self.millisecond, for: 100 * Self.millisecond, serving: 20, taking: 600_000)
        #expect(slow.rested == 0)
        #expect(pace.isBusy)
        let calm = run(&pace, from: 400 * Self.millisecond, for: 100 * Self.millisecond, serving: 1, taking: 300_000)
        #expect(calm.rested <= 5 * Self.millisecond)
        #expect(!pace.isBusy)
    }

    @Test func `a clock that stands still, or goes back, makes nobody wait for long`() {
        var pace = TurnPace()
        for _ in 0..<100 { pace.served(1000, at: 5) }
        pace.served(1000, at: 100 * Self.millisecond)
        #expect(pace.isBusy)
        #expect(pace.rest(at: 100 * Self.millisecond) == TurnPace.turn)
        #expect(pace.rest(at: 99 * Self.millisecond) == 0)
        #expect(pace.rest(at: 200 * Self.millisecond) == 0)
    }
}
