// SPDX-License-Identifier: Apache-2.0

/// What there was to find out: a fact, or all that tell of paths of one shape. A name that is made up anew each time is nothing new.
struct Discovery {
    private(set) var sightings: Sightings
    private(set) var count: UInt64
    /// Wall clock, nanoseconds since 1970.
    private(set) var firstSeen: UInt64

    private init(_ fact: SharedFact) {
        (sightings, count, firstSeen) = (fact.sightings, fact.counts.count, fact.firstSeen)
    }

    private mutating func add(_ fact: SharedFact) {
        sightings.merge(with: fact.sightings)
        count &+= fact.counts.count
        firstSeen = min(firstSeen, fact.firstSeen)
    }

    /// In no order; nothing of what there was no room for.
    static func all(of facts: [SharedFact.Identity: SharedFact]) -> [Discovery] {
        var (alone, alike): ([Discovery], [SharedFact.Identity: Discovery]) = ([], [:])
        for (identity, fact) in facts where !identity.isOverflow {
            guard let folded = identity.key.folded() else {
                alone.append(Discovery(fact))
                continue
            }
            let shape = SharedFact.Identity(key: folded, qualifiers: identity.qualifiers)
            if alike[shape]?.add(fact) == nil { alike[shape] = Discovery(fact) }
        }
        return alone + alike.values
    }
}
