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

/// What came of a tail.
package struct TailSummary: Sendable, Codable, Equatable {
    /// Events that were shown.
    package var shown: UInt64 = 0
    /// Events that are gone, by the hook that should have told of them.
    package var lost: [String: UInt64] = [:]
    /// Events that came with something missing, by `LossReason`.
    package var incomplete: [String: UInt64] = [:]

    package init() {}

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        shown = try container.decode(UInt64.self, forKey: .shown)
        lost = try container.decode([String: UInt64].self, forKey: .lost)
        // An older daemon does not tell.
        incomplete = try container.decodeIfPresent([String: UInt64].self, forKey: .incomplete) ?? [:]
    }

    /// All that was lost.
    package var lostCount: UInt64 { lost.values.reduce(0, &+) }

    /// For a person: `shown 12, lost 3 (sys_exit 2, subscriber 1), incomplete 1 (path_too_long 1)`. The last only if
    /// any are.
    package var text: String {
        let incompleteCount = incomplete.values.reduce(0, &+)
        let text = "shown \(shown), lost \(lostCount)\(Self.causes(lost))"
        return incompleteCount == 0 ? text : "\(text), incomplete \(incompleteCount)\(Self.causes(incomplete))"
    }

    /// In brackets, the greatest first.
    private static func causes(_ counts: [String: UInt64]) -> String {
        let causes = counts.filter { $0.value > 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return causes.isEmpty ? "" : " (" + causes.map { "\($0.key) \($0.value)" }.joined(separator: ", ") + ")"
    }
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
