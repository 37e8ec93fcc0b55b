// SPDX-License-Identifier: Apache-2.0

/// How often each of a few categories was used on each day, by one writer: a subject's tools, who asked for a tool, or from
/// where a tool's prompt context came. What there is no room for is counted together.
///
/// Merging is a join by maximum. It is for counts of one and the same writer; those of several are added up by `MixSeries`.
package struct ExerciseMix: Sendable, Equatable {
    /// Categories that have counts of their own: the first ones that came.
    package static let limit = 48
    /// Bytes of a name; what is longer ends in a hash of all of it.
    static let nameLimit = 128

    package private(set) var categories: [String: DayCounts] = [:]
    package private(set) var other = DayCounts()

    package init() {}

    /// As it was stored.
    package init(categories: [String: DayCounts], other: DayCounts) {
        self.categories = categories
        self.other = other
        cut()
    }

    package var isEmpty: Bool { categories.isEmpty && other.isEmpty }
    /// Bytes of it, about.
    package var bytes: Int {
        80 + categories.capacity * 56 + categories.keys.reduce(0) { $0 + max(0, $1.utf8.count - 15) }
    }

    /// See `DayCounts.add`.
    package mutating func add(_ count: UInt64, of category: String, hour: UInt32, random: @autoclosure () -> UInt64) {
        let name = Self.name(category)
        if categories[name]?.add(count, hour: hour, random: random()) != nil { return }
        var counts = DayCounts()
        counts.add(count, hour: hour, random: random())
        guard !counts.isEmpty else { return }
        if categories.count < Self.limit {
            categories[name] = counts
        } else {
            other.add(count, hour: hour, random: random())
        }
    }

    /// It is this UTC hour since 1970, not as late as it was noted to be.
    mutating func turnBack(to hour: UInt32) {
        let day = UInt16(clamping: hour / 24)
        for name in categories.keys { categories[name]?.turnBack(to: day) }
        other.turnBack(to: day)
    }

    /// Of the same writer.
    package mutating func merge(with mix: ExerciseMix) {
        categories.merge(mix.categories) { one, other in
            var one = one
            one.merge(with: other)
            return one
        }
        other.merge(with: mix.other)
        cut()
    }

    /// A writer never has more than there is room for, whenever it is asked. Should more come together, those with the least
    /// hashes stay: the same ones, in whatever order they came.
    private mutating func cut() {
        guard categories.count > Self.limit else { return }
        let names = categories.keys.map { (hash: StableHash.of(Array($0.utf8)), name: $0) }
        for (_, name) in names.sorted(by: { ($0.hash, $0.name) < ($1.hash, $1.name) }).dropFirst(Self.limit) {
            categories[name] = nil
        }
    }

    private static func name(_ category: String) -> String {
        guard category.utf8.count > nameLimit else { return category }
        let hash = String(StableHash.of(Array(category.utf8)), radix: 16)
        return String(decoding: category.utf8.prefix(nameLimit - 24), as: UTF8.self) + "…~" + hash
    }
}

/// Of any number of writers together.
package struct MixSeries: Sendable {
    package static let limit = 4 * ExerciseMix.limit

    package let today: UInt16
    package private(set) var categories: [String: DaySeries] = [:]
    package private(set) var other: DaySeries

    package init(today: UInt16) {
        self.today = today
        other = DaySeries(today: today)
    }

    package init(_ mix: ExerciseMix, today: UInt16) {
        self.init(today: today)
        add(mix)
    }

    package mutating func add(_ mix: ExerciseMix) {
        for (name, counts) in mix.categories.sorted(by: { $0.key < $1.key }) {
            if categories[name]?.add(counts) != nil { continue }
            if categories.count < Self.limit {
                categories[name] = DaySeries(counts, today: today)
            } else {
                other.add(counts)
            }
        }
        other.add(mix.other)
    }
}
