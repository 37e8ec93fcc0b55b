// SPDX-License-Identifier: Apache-2.0

/// Which cgroups most records are about, in a few places however many there are: whoever has more than one in seventeen is among them
/// (Misra and Gries). For the hot path.
struct BusyCgroups {
    private static let places = 16

    private var cgroups = InlineArray<16, UInt64>(repeating: 0)
    private var counts = InlineArray<16, UInt64>(repeating: 0)
    private var total: UInt64 = 0

    mutating func count(_ cgroup: UInt64) {
        total &+= 1
        var free: Int?
        for place in 0..<Self.places {
            if counts[place] == 0 {
                free = free ?? place
            } else if cgroups[place] == cgroup {
                counts[place] &+= 1
                return
            }
        }
        if let free {
            (cgroups[free], counts[free]) = (cgroup, 1)
        } else {
            for place in 0..<Self.places { counts[place] &-= 1 }
        }
    }

    /// How many records there were since the last call, and how many of them each cgroup has, at least.
    mutating func take() -> (total: UInt64, cgroups: [(cgroup: UInt64, records: UInt64)]) {
        defer { self = Self() }
        return (total, (0..<Self.places).filter { counts[$0] > 0 }.map { (cgroups[$0], counts[$0]) })
    }
}
