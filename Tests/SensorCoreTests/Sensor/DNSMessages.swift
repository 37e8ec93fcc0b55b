// SPDX-License-Identifier: Apache-2.0

/// DNS messages made by hand.
struct DNSMessages {
    var bytes: [UInt8]
    private var answers: UInt16 = 0

    /// An answer to the question for `name`.
    init(_ name: String, type: UInt16 = 1, flags: UInt16 = 0x8180) {
        bytes = [0x12, 0x34] + Self.big(flags) + [0, 1, 0, 0, 0, 0, 0, 0]
        bytes += Self.name(name) + Self.big(type) + [0, 1]
    }

    /// Adds a record. `owner` is written out, or a pointer to the question where it is nil.
    func adding(_ owner: String?, type: UInt16, ttl: UInt32 = 300, _ data: [UInt8]) -> DNSMessages {
        var copy = self
        copy.bytes += owner.map(Self.name) ?? [0xc0, 12]
        copy.bytes += Self.big(type) + [0, 1] + Self.big(UInt16(ttl >> 16)) + Self.big(UInt16(ttl & 0xffff))
        copy.bytes += Self.big(UInt16(data.count)) + data
        copy.answers += 1
        copy.bytes.replaceSubrange(6..<8, with: Self.big(copy.answers))
        return copy
    }

    func alias(_ owner: String?, to target: String, ttl: UInt32 = 300) -> DNSMessages {
        adding(owner, type: 5, ttl: ttl, Self.name(target))
    }

    func address(_ owner: String?, _ bytes: [UInt8], ttl: UInt32 = 300) -> DNSMessages {
        adding(owner, type: bytes.count == 4 ? 1 : 28, ttl: ttl, bytes)
    }

    static func name(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    private static func big(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }
}
