// SPDX-License-Identifier: Apache-2.0

/// About how many different things there were, by the smallest of their hashes (KMV: Bar-Yossef and others, 2002). Exact up
/// to `capacity`; beyond, the standard error is about one eighth.
struct DistinctSample: Equatable {
    static let capacity = 64
    /// The smallest, in order.
    private(set) var hashes: [UInt64] = []

    mutating func note(_ hash: UInt64) {
        let place = hashes.firstIndex { $0 >= hash } ?? hashes.count
        if place < hashes.count, hashes[place] == hash { return }
        guard place < Self.capacity else { return }
        hashes.insert(hash, at: place)
        if hashes.count > Self.capacity { hashes.removeLast() }
    }

    var estimate: UInt64 {
        guard hashes.count == Self.capacity, let largest = hashes.last, largest > 0 else { return UInt64(hashes.count) }
        let estimate = Double(Self.capacity - 1) / (Double(largest) / 0x1p64)
        return UInt64(min(estimate, 0x1p62))
    }
}

/// The same over restarts, after which nobody knows any more which ones they were.
struct DistinctCount: Equatable {
    private var sample = DistinctSample()
    /// How many there were before.
    var before: UInt64 = 0

    mutating func note(_ bytes: [UInt8]) { sample.note(StableHash.of(bytes)) }

    /// At least; of what came since the restart, about.
    var estimate: UInt64 { max(sample.estimate, before) }
}
