// SPDX-License-Identifier: Apache-2.0

/// What a fact is about: with its kind and `FactQualifiers`, its identity.
package struct FactKey: Hashable, Sendable {
    /// A part of a key. What it means depends on the kind.
    package enum Field: Sendable {
        case peer, port, transport, path, access, arguments, parent, name, what, type, tool, change, from, to
    }

    package let kind: FactKind
    /// The fields' bytes with NUL between them, in the order of `FactKind.fields`.
    package let bytes: [UInt8]

    init(_ kind: FactKind, bytes: [UInt8]) {
        self.kind = kind
        self.bytes = bytes
    }

    /// - Parameter values: a NUL in them becomes a space; what is longer than 1024 bytes ends in a hash of all of it.
    init(_ kind: FactKind, _ values: ByteString...) {
        self.init(kind, values)
    }

    init(_ kind: FactKind, _ values: [ByteString]) {
        assert(values.count == kind.fields.count || kind == .sequence)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.reduce(values.count) { $0 + $1.bytes.count })
        for (index, value) in values.enumerated() {
            if index > 0 { bytes.append(0) }
            for byte in Self.shortened(value).bytes { bytes.append(byte == 0 ? 0x20 : byte) }
        }
        self.init(kind, bytes: bytes)
    }

    /// A text as facts have it: what is longer than 1024 bytes ends in a hash of all of it.
    static func shortened(_ text: ByteString) -> ByteString {
        guard text.bytes.count > valueLimit else { return text }
        let hash = "…~\(String(StableHash.of(text.bytes), radix: 16))"
        return ByteString(Array(text.bytes.prefix(valueLimit - hashLength)) + hash.utf8)
    }

    private static let valueLimit = 1024
    /// Bytes of what stands for the rest, at most: what was cut once is no longer too long.
    private static let hashLength = 20

    package var values: [ByteString] {
        bytes.split(separator: 0, omittingEmptySubsequences: false).map { ByteString(Array($0)) }
    }

    /// Its value for a field; empty if its kind has none of that name. Of a sequence, all tools.
    package subscript(field: Field) -> ByteString {
        let values = values
        guard let index = kind.fields.firstIndex(of: field), index < values.count else { return "" }
        return values[index]
    }
}

/// How it came about: part of a fact's identity, since a blocked connection is not an exercised one, and a human's action not
/// an agent's.
package struct FactQualifiers: Hashable, Sendable {
    package enum Outcome: UInt8, Sendable, CaseIterable {
        case ok = 0
        /// The kernel, or whoever decides, did not permit it.
        case denied = 1
        case failed = 2

        package var name: String {
            switch self {
            case .ok: "ok"
            case .denied: "denied"
            case .failed: "failed"
            }
        }
    }

    package var outcome: Outcome
    package var serviceAccount: String
    /// Who asked for the tool call that it was done for, as claimed: `human`, `agent`, `service`, `schedule`.
    package var initiatorKind: String
    /// As it says of itself.
    package var agent: String

    package init(
        outcome: Outcome = .ok, serviceAccount: String = "", initiatorKind: String = "", agent: String = ""
    ) {
        self.outcome = outcome
        self.serviceAccount = serviceAccount
        self.initiatorKind = initiatorKind
        self.agent = agent
    }
}
