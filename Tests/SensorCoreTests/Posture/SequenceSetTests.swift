// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct SequenceSetTests {
    @Test(arguments: 1...20) func `it has what a set has`(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        var (ranges, plain) = (SequenceSet(), Set<UInt64>())
        for _ in 0..<300 {
            let first = UInt64.random(in: 1...200, using: &random)
            if Bool.random(using: &random) {
                let range = first...(first + UInt64.random(in: 0...12, using: &random))
                ranges.insert(range)
                plain.formUnion(range)
            } else {
                ranges.remove(first)
                plain.remove(first)
            }
        }
        for sequence in 0...220 as ClosedRange<UInt64> {
            #expect(ranges.contains(sequence) == plain.contains(sequence), "\(sequence)")
        }
        // In order, and no two that could be one.
        for (one, next) in zip(ranges.ranges, ranges.ranges.dropFirst()) {
            #expect(one.upperBound + 1 < next.lowerBound)
        }
    }

    @Test func `of too many ranges the lowest are forgotten`() {
        var ranges = SequenceSet(limit: 2)
        for sequence in [9, 1, 5] as [UInt64] { ranges.insert(sequence) }
        #expect(ranges.ranges == [5...5, 9...9])
        ranges.insert(6...8)
        #expect(ranges.ranges == [5...9])
        ranges.remove(7)
        #expect(ranges.ranges == [5...6, 8...9])
    }

    @Test func `the last sequence there can be is one as any other`() {
        var ranges = SequenceSet()
        ranges.insert(.max)
        ranges.insert(UInt64.max - 1)
        #expect(ranges.ranges == [(UInt64.max - 1)...UInt64.max] && ranges.contains(.max))
        ranges.remove(.max)
        #expect(ranges.ranges == [(UInt64.max - 1)...(UInt64.max - 1)])
    }
}
