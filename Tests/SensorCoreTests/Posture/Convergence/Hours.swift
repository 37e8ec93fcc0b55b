// SPDX-License-Identifier: Apache-2.0

@testable import SensorCore

/// The first hour of a day in 2024.
let someHour: UInt32 = 20_000 * 24

extension HourSet {
    init(_ hours: some Sequence<UInt32>) {
        self.init()
        for hour in hours { insert(hour) }
    }
}

extension Sightings {
    init(_ hours: some Sequence<UInt32>) {
        self.init()
        for hour in hours { note(hour: hour) }
    }

    /// On these days after `someHour`'s, at noon.
    init(days: some Sequence<Int>) { self.init(days.map { someHour + UInt32($0 * 24 + 12) }) }
}

/// Merges shares in a random order and grouping, some of them twice.
func merged<Share>(
    _ shares: [Share], _ random: inout SplitMix, _ merge: (inout Share, Share) -> Void
) -> Share? {
    var pile = shares + shares.filter { _ in Bool.random(using: &random) }
    while pile.count > 1 {
        let other = pile.remove(at: Int.random(in: 0..<pile.count, using: &random))
        merge(&pile[Int.random(in: 0..<pile.count, using: &random)], other)
    }
    return pile.first
}
