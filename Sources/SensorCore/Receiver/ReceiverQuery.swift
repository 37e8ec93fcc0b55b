// SPDX-License-Identifier: Apache-2.0

/// The part of a request's address behind the question mark.
struct ReceiverQuery: Equatable {
    private var values: [String: String] = [:]
    /// How many there may be in the answer.
    private(set) var limit = 1000
    /// How many come before.
    private(set) var after = 0
    /// Which of the events come before.
    private(set) var cursor: EventCursor?

    static let limits = 1...10_000

    /// nil: it cannot be read, or a number in it is none.
    ///
    /// - Parameter isOfEvents: `after` is one of theirs.
    init?(_ text: String, isOfEvents: Bool) {
        for pair in text.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(parts[0]), let value = Self.decoded(parts.count > 1 ? parts[1] : "") else {
                return nil
            }
            values[name] = value
        }
        if let text = values["limit"] {
            guard let number = Int(text), Self.limits.contains(number) else { return nil }
            limit = number
        }
        if let text = values["after"] {
            if isOfEvents {
                guard let cursor = EventCursor(text) else { return nil }
                self.cursor = cursor
            } else {
                guard let number = Int(text), number >= 0, number < Int.max / 2 else { return nil }
                after = number
            }
        }
    }

    subscript(name: String) -> String? { values[name] }

    /// nil: it is not encoded as parts of an address are.
    static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard
                let value = Hexadecimal.bytes(Array(String(decoding: rest.prefix(2), as: UTF8.self).lowercased().utf8)),
                value.count == 1
            else { return nil }
            bytes += value
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
