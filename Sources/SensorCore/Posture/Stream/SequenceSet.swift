// SPDX-License-Identifier: Apache-2.0

/// Sequences of a stream, as ranges. Of more ranges than it may have the lowest are forgotten.
struct SequenceSet: Equatable, Sendable {
    /// In order; none touches another.
    private(set) var ranges: [ClosedRange<UInt64>] = []
    private let limit: Int

    /// - Parameter limit: ranges that are remembered.
    init(limit: Int = 1024) { self.limit = limit }

    var isEmpty: Bool { ranges.isEmpty }

    func contains(_ sequence: UInt64) -> Bool {
        let place = place(of: sequence)
        return place < ranges.count && ranges[place].contains(sequence)
    }

    /// All of it is in one of the ranges.
    func contains(_ range: ClosedRange<UInt64>) -> Bool {
        let place = place(of: range.lowerBound)
        return place < ranges.count && ranges[place].lowerBound <= range.lowerBound
            && range.upperBound <= ranges[place].upperBound
    }

    mutating func insert(_ sequence: UInt64) { insert(sequence...sequence) }

    mutating func insert(_ range: ClosedRange<UInt64>) {
        // What ends right before it is joined with it, and so is what begins right behind it.
        let first = place(of: max(range.lowerBound, 1) - 1)
        var (end, joined) = (first, range)
        while end < ranges.count, ranges[end].lowerBound - 1 <= range.upperBound {
            joined =
                min(joined.lowerBound, ranges[end].lowerBound)...max(joined.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(first..<end, with: [joined])
        if ranges.count > limit { ranges.removeFirst(ranges.count - limit) }
    }

    mutating func remove(_ sequence: UInt64) {
        let place = place(of: sequence)
        guard place < ranges.count, ranges[place].contains(sequence) else { return }
        let range = ranges[place]
        var rest: [ClosedRange<UInt64>] = []
        if range.lowerBound < sequence { rest.append(range.lowerBound...(sequence - 1)) }
        if sequence < range.upperBound { rest.append((sequence + 1)...range.upperBound) }
        ranges.replaceSubrange(place...place, with: rest)
        if ranges.count > limit { ranges.removeFirst(ranges.count - limit) }
    }

    mutating func remove(through sequence: UInt64) {
        ranges.removeFirst(place(of: sequence))
        guard let first = ranges.first, first.contains(sequence) else { return }
        if sequence < first.upperBound { ranges[0] = (sequence + 1)...first.upperBound } else { ranges.removeFirst() }
    }

    /// Of the first range that does not end before the sequence.
    private func place(of sequence: UInt64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

// As a value of a log: the stream that they are of, and of each range the first and the last.
extension SequenceSet {
    func bytes(of stream: StreamID) -> [UInt8] {
        var bytes = stream.bytes
        for range in ranges {
            bytes.append(little: range.lowerBound)
            bytes.append(little: range.upperBound)
        }
        return bytes
    }

    /// - Returns: false if they are of another stream, or no such value.
    mutating func insert(_ bytes: [UInt8], of stream: StreamID) -> Bool {
        guard bytes.count % 16 == 0, StreamID(bytes: bytes.prefix(16)) == stream else { return false }
        for place in stride(from: 16, to: bytes.count, by: 16) {
            let (first, last): (UInt64, UInt64) = bytes.withUnsafeBytes {
                ($0.little(at: place), $0.little(at: place + 8))
            }
            guard first > 0, first <= last else { return false }
            insert(first...last)
        }
        return true
    }
}
