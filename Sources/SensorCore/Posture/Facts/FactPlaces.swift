// SPDX-License-Identifier: Apache-2.0

/// Where what an event says stands among its subject's facts, so that it need not be looked for when it is so again.
package struct FactPlaces: Equatable, Sendable {
    /// Number of the profile; nil: it is to be looked for.
    private(set) var profile: ProfileNumber?
    private var first: UInt32 = 0
    /// And 1 more, 0: there is only one.
    private var second: UInt32 = 0

    /// To be looked for.
    package init() {}

    init?(profile: ProfileNumber, _ indices: [Int]) {
        guard (1...2).contains(indices.count) else { return nil }
        self.profile = profile
        first = UInt32(indices[0])
        second = indices.count == 2 ? UInt32(indices[1] + 1) : 0
    }

    func forEach(_ body: (Int) -> Void) {
        body(Int(first))
        if second != 0 { body(Int(second) - 1) }
    }
}

/// A profile's place in its table, and how many have had that place before: one that was let go is not taken for its successor.
struct ProfileNumber: Equatable, Sendable {
    var place: UInt16
    var generation: UInt16
}
