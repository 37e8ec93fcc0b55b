// SPDX-License-Identifier: Apache-2.0

/// The names that each workload was told addresses by, for as long as it may believe them.
package struct PeerNames: ~Copyable {
    // Not private: the compiler (6.3) fails on generic tables with private keys.
    struct Key: TableKey {
        var workload: UInt64
        var high: UInt64
        var low: UInt64
        var family: UInt64

        func tableHash(seed: UInt64) -> UInt64 {
            mixed(mixed(workload ^ family << 63, seed), mixed(high ^ seed, low))
        }
    }

    struct Names {
        var names: [String]
        var expiries: [UInt64]
    }

    /// Where connections of a workload lead to.
    package struct Target: TableKey {
        var peer: Key
        var port: UInt16
        var transport: UInt8

        package init(_ address: IPAddress, port: UInt16, transport: Transport, for workload: UInt64) {
            peer = PeerNames.key(workload, address)
            (self.port, self.transport) = (port, transport.rawValue)
        }

        package func tableHash(seed: UInt64) -> UInt64 {
            peer.tableHash(seed: seed ^ UInt64(port) << 8 ^ UInt64(transport))
        }
    }

    /// Addresses that have names.
    package var count: Int { table.count }

    private var table: RecencyTable<Key, Names>
    private var told: RecencyTable<Target, [String]>
    private let minimumLife: UInt64
    /// Entries that had to go before they expired.
    package private(set) var evicted: UInt64 = 0

    /// An address with more names than this is a shared front end; the latest are kept.
    private static let namesLimit = 4
    private static let maximumLife: UInt64 = 86_400 * 1_000_000_000

    /// - Parameters:
    ///   - capacity: addresses of all workloads together.
    ///   - minimumLife: ns for which a name is believed whatever its TTL, since a program connects to what it was
    ///     told a while ago, TTL 0 included.
    package init(capacity: Int, minimumLife: UInt64 = 60 * 1_000_000_000) {
        table = RecencyTable(capacity: capacity)
        told = RecencyTable(capacity: capacity)
        self.minimumLife = minimumLife
    }

    /// `workload` was told at `time` (boot clock, ns) that `name` is at `address`, for `ttl` seconds.
    package mutating func learn(
        _ name: String, of address: IPAddress, for workload: UInt64, ttl: UInt32, at time: UInt64
    ) {
        let life = min(max(UInt64(ttl) * 1_000_000_000, minimumLife), Self.maximumLife)
        let expiry = time &+ life
        let key = Self.key(workload, address)
        let known: Void? = table.modify(key) { entry in
            if let index = entry.names.firstIndex(of: name) {
                entry.names.remove(at: index)
                entry.expiries.remove(at: index)
            } else if entry.names.count == Self.namesLimit {
                entry.names.removeLast()
                entry.expiries.removeLast()
            }
            entry.names.insert(name, at: 0)
            entry.expiries.insert(expiry, at: 0)
        }
        guard known == nil else { return }
        if let gone = table.insert(key, Names(names: [name], expiries: [expiry])),
            gone.value.expiries.contains(where: { $0 > time })
        {
            evicted += 1
        }
    }

    /// The names of `address` that `workload` may still believe at `time`, latest first.
    package mutating func names(of address: IPAddress, for workload: UInt64, at time: UInt64) -> [String] {
        let key = Self.key(workload, address)
        guard let entry = table.use(key) else { return [] }
        if entry.expiries.allSatisfy({ $0 > time }) { return entry.names }
        let alive = entry.names.indices.filter { entry.expiries[$0] > time }
        if alive.isEmpty { table.remove(key) }
        return alive.map { entry.names[$0] }
    }

    /// A connection to there is told of with these names.
    package mutating func begin(_ target: Target, with names: [String]) {
        if let gone = told.insert(target, names), gone.key != target, !gone.value.isEmpty { evicted += 1 }
    }

    /// What the latest connection to there was told of with: at its end the names may long have expired. nil: its beginning was
    /// not seen.
    package mutating func names(ending target: Target) -> [String]? { told.use(target) }

    private static func key(_ workload: UInt64, _ address: IPAddress) -> Key {
        let address = address.unmapped
        return Key(
            workload: workload, high: address.high, low: address.low, family: UInt64(address.family.rawValue))
    }
}
