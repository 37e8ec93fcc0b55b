// SPDX-License-Identifier: Apache-2.0

/// What there was to find out: a fact, or all of files whose names are made up anew each time, which are nothing new.
///
/// So are those whose paths have one shape, and those of one directory that end alike where many of them were seen in one hour only,
/// on days of their own.
struct Discovery {
    private(set) var sightings: Sightings
    private(set) var count: UInt64
    /// Wall clock, nanoseconds since 1970.
    private(set) var firstSeen: UInt64

    private init(_ fact: SharedFact) {
        (sightings, count, firstSeen) = (fact.sightings, fact.counts.count, fact.firstSeen)
    }

    private mutating func add(_ other: Discovery) {
        sightings.merge(with: other.sightings)
        count &+= other.count
        firstSeen = min(firstSeen, other.firstSeen)
    }

    /// What is in one directory, of the same ending.
    private struct Siblings {
        var shapes: [SharedFact.Identity: Discovery] = [:]
        /// Some of it is kept as one.
        var isFolded = false

        /// Names that are never used twice: how many, and over how many days they came.
        var isMadeUp: Bool {
            let passing = shapes.values.filter { $0.sightings.earliestHours.count == 1 }
            guard passing.count >= Profile.ownFacts, passing.count * 4 >= shapes.count * 3 else { return false }
            return Set(passing.compactMap { $0.sightings.firstHour.map { $0 / 24 } }).count >= Self.days
        }

        private static let days = 3
    }

    /// In no order; nothing of what there was no room for.
    static func all(of facts: [SharedFact.Identity: SharedFact]) -> [Discovery] {
        var (found, directories): ([Discovery], [SharedFact.Identity: Siblings]) = ([], [:])
        for (identity, fact) in facts where !identity.isOverflow {
            let folds = identity.key.folds()
            guard let wide = folds.last else {
                found.append(Discovery(fact))
                continue
            }
            let (shape, new) = (folds.count > 1 ? folds[0] : identity.key, Discovery(fact))
            let place = SharedFact.Identity(key: shape, qualifiers: identity.qualifiers)
            let directory = SharedFact.Identity(key: wide, qualifiers: identity.qualifiers)
            if directories[directory, default: Siblings()].shapes[place]?.add(new) == nil {
                directories[directory]?.shapes[place] = new
            }
            if identity.key == wide { directories[directory]?.isFolded = true }
        }
        for siblings in directories.values {
            guard siblings.isFolded || siblings.isMadeUp, var all = siblings.shapes.values.first else {
                found += siblings.shapes.values
                continue
            }
            for other in siblings.shapes.values.dropFirst() { all.add(other) }
            found.append(all)
        }
        return found
    }
}
