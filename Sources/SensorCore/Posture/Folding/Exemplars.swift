// SPDX-License-Identifier: Apache-2.0

/// Those with the smallest hashes: of shares that come together, the smallest of each share's smallest.
struct Exemplars<Value> {
    private var kept: [(hash: UInt64, key: [UInt8], value: Value)] = []
    private let limit: Int

    init(limit: Int) {
        self.limit = limit
    }

    /// Smallest hash first.
    var values: [Value] { kept.map(\.value) }

    /// - Parameter key: what is hashed; another value has another key, also where somebody made their hashes equal. One that is kept
    ///   may come again.
    mutating func offer(_ value: Value, key: [UInt8]) {
        let hash = StableHash.of(key)
        if kept.count == limit, let last = kept.last, last.hash < hash { return }
        if kept.contains(where: { $0.hash == hash && $0.key == key }) { return }
        let place = kept.firstIndex { $0.hash > hash || $0.hash == hash && key.lexicographicallyPrecedes($0.key) }
        kept.insert((hash, key, value), at: place ?? kept.count)
        if kept.count > limit { kept.removeLast() }
    }
}
