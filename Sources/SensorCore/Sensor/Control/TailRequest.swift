// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// What a `--tail` asks of the daemon.
package struct TailRequest: Sendable, Codable, Equatable {
    /// Bytes of the longest request that is taken.
    package static let maximumBytes = 64 << 10
    package static let currentVersion = 1

    package var version = currentVersion
    package var filter = EventFilter()
    /// Only this process and its descendants, as the daemon's pid namespace numbers it.
    package var root: UInt32?
    /// Events after which nothing more is sent.
    package var limit: UInt64?

    package init(filter: EventFilter, root: UInt32? = nil, limit: UInt64? = nil) {
        self.filter = filter
        self.root = root
        self.limit = limit
    }
}

/// The daemon's word that it watches.
package struct TailAcceptance: Sendable, Codable, Equatable {
    package var version = TailRequest.currentVersion

    package init() {}
}

/// Small values as JSON; nothing here is in a hurry.
enum ControlJSON {
    static func encode(_ value: some Encodable) -> [UInt8] {
        // Values made of strings and numbers cannot fail to encode.
        (try? JSONEncoder().encode(value)).map { Array($0) } ?? Array("{}".utf8)
    }

    static func decode<Value: Decodable>(_ bytes: [UInt8], as: Value.Type = Value.self) -> Value? {
        try? JSONDecoder().decode(Value.self, from: Data(bytes))
    }
}
