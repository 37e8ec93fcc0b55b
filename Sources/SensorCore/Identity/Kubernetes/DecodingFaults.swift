// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import NIOConcurrencyHelpers

/// What was wrong with fields of one foreign document that could be read for the rest.
final class DecodingFaults: Sendable {
    private static let key = CodingUserInfoKey(rawValue: "sensord.faults")

    private let found = NIOLockedValueBox<(count: UInt64, first: String?)>((0, nil))

    var count: UInt64 { found.withLockedValue { $0.count } }
    /// Where the first one was, as `spec.containers.0.image`.
    var first: String? { found.withLockedValue { $0.first } }

    func add(_ path: [any CodingKey]) {
        found.withLockedValue { found in
            found.count += 1
            if found.first == nil {
                found.first = path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
            }
        }
    }

    /// A decoder that tells this object of fields that it skips.
    func decoder() -> JSONDecoder {
        let decoder = JSONDecoder()
        if let key = Self.key { decoder.userInfo[key] = self }
        return decoder
    }

    static func of(_ decoder: any Decoder) -> DecodingFaults? {
        key.flatMap { decoder.userInfo[$0] as? DecodingFaults }
    }
}
