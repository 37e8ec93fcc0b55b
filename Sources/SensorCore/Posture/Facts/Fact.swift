// SPDX-License-Identifier: Apache-2.0

/// What is known of one fact on this node, apart from its key. Every number only grows, so of two that come from the same
/// writer the larger one is the later one.
struct Fact {
    /// Times that it was so.
    var count: UInt64 = 0
    /// Of them, those done for tool calls, by `ToolCallReference.Method`; the rest was done for none that is known.
    var attributed = InlineArray<5, UInt32>(repeating: 0)
    /// Times that it was so again, which are in no other number yet; all in one hour, that of its profile's `repeatedHour`.
    var repeats: UInt32 = 0
    /// Payload bytes.
    var sent: UInt64 = 0
    var received: UInt64 = 0
    /// Wall clock, nanoseconds since 1970.
    var firstSeen: UInt64
    var lastSeen: UInt64
    var sightings = Sightings()
    /// Who did it: the four names with the smallest hashes.
    var replicas = NameSample()
    /// What did it.
    var processes = NameSample()
    /// Of the profile's revisions, those in which it was so.
    var revisions: UInt16 = 0
    /// Where its history is, 0: it was so in the hour of `firstSeen` alone.
    var historyPlace: UInt32 = 0
    /// It was new or changed since it was last told: when it last was, and with what count.
    var toldCount: UInt64 = 0
    var toldBytes: UInt64 = 0
    /// Seconds since 1970.
    var toldAt: UInt32 = 0

    init(firstSeen: UInt64) {
        self.firstSeen = firstSeen
        lastSeen = firstSeen
    }

    static func place(of method: ToolCallReference.Method) -> Int {
        switch method {
        case .exact: 0
        case .process: 1
        case .argument: 2
        case .candidates: 3
        case .window: 4
        }
    }
}

extension Fact {
    /// It was so again.
    ///
    /// - Returns: false if so many more cannot wait, or it was so before it was first seen.
    mutating func countAgain(_ count: UInt64, at time: UInt64) -> Bool {
        guard time >= firstSeen else { return false }
        lastSeen = max(lastSeen, time)
        let (sum, isOver) = repeats.addingReportingOverflow(UInt32(clamping: count))
        guard !isOver, count <= UInt32.max else { return false }
        repeats = sum
        return true
    }
}

// Telling.
extension Fact {
    private var times: UInt64 { count &+ UInt64(repeats) }
    private var bytes: UInt64 { sent &+ received }
    /// Since it was told.
    var isChanged: Bool { times != toldCount || bytes != toldBytes }
    /// Wall clock, nanoseconds since 1970.
    private var toldTime: UInt64 { UInt64(toldAt) * 1_000_000_000 }

    /// It is new, or has changed since it was told: by much, or long ago.
    ///
    /// - Parameters:
    ///   - time: wall clock, nanoseconds since 1970.
    ///   - refresh: how long a small change may wait, nanoseconds.
    func isDue(at time: UInt64, refresh: UInt64) -> Bool {
        guard isChanged else { return false }
        return times / 2 >= toldCount || bytes / 2 >= max(toldBytes, 512) || time &- toldTime >= refresh
    }

    /// Until when a small change waits; nil: there is none.
    func waits(refresh: UInt64) -> UInt64? { isChanged ? toldTime &+ refresh : nil }

    mutating func tell(at time: UInt64) {
        toldCount = times
        toldBytes = bytes
        toldAt = UInt32(clamping: time / 1_000_000_000)
    }
}

/// A few of many names, by their numbers in a `SharedNames`: those whose hashes are smallest, whoever is asked and in whatever
/// order they came.
struct NameSample: Equatable {
    static let capacity = 4
    private var numbers = InlineArray<4, UInt16>(repeating: 0)

    /// Numbers, 0 for none.
    func forEach(_ body: (UInt16) -> Void) {
        for index in numbers.indices where numbers[index] != 0 { body(numbers[index]) }
    }

    /// - Parameter number: 0: nobody knows who.
    mutating func note(_ number: UInt16, hash: (UInt16) -> UInt64) {
        if number == 0 { return }
        var largest = 0
        for index in numbers.indices {
            if numbers[index] == number { return }
            if numbers[index] == 0 {
                numbers[index] = number
                return
            }
            if hash(numbers[index]) > hash(numbers[largest]) { largest = index }
        }
        if hash(number) < hash(numbers[largest]) { numbers[largest] = number }
    }

    mutating func map(_ change: (UInt16) -> UInt16) {
        for index in numbers.indices where numbers[index] != 0 { numbers[index] = change(numbers[index]) }
    }

    static func == (one: Self, other: Self) -> Bool {
        one.numbers.indices.allSatisfy { one.numbers[$0] == other.numbers[$0] }
    }
}
