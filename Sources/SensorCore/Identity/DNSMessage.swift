// SPDX-License-Identifier: Apache-2.0

/// What a DNS answer tells about the one name it was asked for.
///
/// The bytes are foreign and may be cut: compression loops end, records that are not whole are left out, and an address
/// counts only if the chain of CNAMEs leads from the question to it, so that nobody can name addresses on the side.
package struct DNSMessage: Equatable, Sendable {
    /// The name asked for: lower case, without the final dot; bytes that are no plain ASCII are escaped as `\DDD`.
    package private(set) var name: String
    /// The record type asked for.
    package private(set) var type: UInt16
    /// 0 fine, 3 no such name, …
    package private(set) var responseCode: UInt8
    package private(set) var addresses: [IPAddress] = []
    /// The names that the question is an alias of, in order.
    package private(set) var aliases: [String] = []
    /// Seconds: the smallest of the records that led to an address or alias; nil without one.
    package private(set) var ttl: UInt32?
    /// The server cut it, or what we have of it is cut.
    package private(set) var isTruncated: Bool

    /// A chain longer than any resolver follows.
    private static let aliasLimit = 16
    /// More records than fit into what the kernel side sends.
    private static let recordLimit = 128

    /// nil for what is no answer to exactly one question.
    package init?(_ bytes: RawSpan) {
        var reader = Reader(bytes: bytes, offset: 0)
        guard bytes.byteCount >= 12, let _ = reader.integer16(), let flags = reader.integer16(),
            flags & 0xf800 == 0x8000,  // an answer to a standard query
            reader.integer16() == 1, let answers = reader.integer16(), let _ = reader.integer32(),
            let question = reader.name(), let type = reader.integer16(), let _ = reader.integer16()
        else { return nil }
        self.type = type
        name = Self.text(question)
        responseCode = UInt8(flags & 0xf)
        isTruncated = flags & 0x200 != 0

        var records: [Record] = []
        for _ in 0..<min(Int(answers), Self.recordLimit) {
            guard let record = reader.record() else {
                isTruncated = true
                break
            }
            records.append(record)
        }
        follow(records, from: question)
    }

    private mutating func follow(_ records: [Record], from question: [UInt8]) {
        var owner = question
        for _ in 0...Self.aliasLimit {
            var found = false
            for record in records where record.owner == owner {
                guard case .address(let address) = record.data else { continue }
                addresses.append(address)
                lower(record.ttl)
                found = true
            }
            if found { return }
            guard let alias = records.first(where: { $0.owner == owner && $0.alias != nil }),
                let next = alias.alias
            else { return }
            aliases.append(Self.text(next))
            lower(alias.ttl)
            owner = next
        }
    }

    /// RFC 2181: a TTL with its highest bit set is zero.
    private mutating func lower(_ other: UInt32) {
        ttl = min(ttl ?? .max, other >> 31 == 0 ? other : 0)
    }

    /// The mnemonic of a record type, `TYPE<n>` for those that have none here.
    package static func typeName(_ type: UInt16) -> String {
        switch type {
        case 1: "A"
        case 2: "NS"
        case 5: "CNAME"
        case 6: "SOA"
        case 12: "PTR"
        case 15: "MX"
        case 16: "TXT"
        case 28: "AAAA"
        case 33: "SRV"
        case 35: "NAPTR"
        case 43: "DS"
        case 46: "RRSIG"
        case 48: "DNSKEY"
        case 52: "TLSA"
        case 64: "SVCB"
        case 65: "HTTPS"
        case 255: "ANY"
        case 257: "CAA"
        default: "TYPE\(type)"
        }
    }

    // MARK: Names

    /// From length-prefixed labels, lower case, to what people read.
    private static func text(_ labels: [UInt8]) -> String {
        var text: [UInt8] = []
        var index = 0
        while index < labels.count {
            let end = index + 1 + Int(labels[index])
            if index > 0 { text.append(UInt8(ascii: ".")) }
            for byte in labels[(index + 1)..<end] {
                switch byte {
                case UInt8(ascii: "."), UInt8(ascii: "\\"):
                    text += [UInt8(ascii: "\\"), byte]
                case 0x21...0x7e:
                    text.append(byte)
                default:
                    text.append(UInt8(ascii: "\\"))
                    text += [byte / 100, byte / 10 % 10, byte % 10].map { $0 + UInt8(ascii: "0") }
                }
            }
            index = end
        }
        return String(decoding: text, as: UTF8.self)
    }

    private struct Record {
        enum RecordData {
            case address(IPAddress)
            case alias([UInt8])
            case other
        }

        var owner: [UInt8]
        var ttl: UInt32
        var data: RecordData

        var alias: [UInt8]? {
            if case .alias(let name) = data { name } else { nil }
        }
    }

    private struct Reader: ~Escapable {
        let bytes: RawSpan
        var offset: Int

        @_lifetime(copy bytes)
        init(bytes: RawSpan, offset: Int) {
            self.bytes = bytes
            self.offset = offset
        }

        @_lifetime(self: copy self)
        mutating func integer16() -> UInt16? {
            guard offset + 2 <= bytes.byteCount else { return nil }
            defer { offset += 2 }
            return UInt16(byte(offset)) << 8 | UInt16(byte(offset + 1))
        }

        @_lifetime(self: copy self)
        mutating func integer32() -> UInt32? {
            guard let high = integer16(), let low = integer16() else { return nil }
            return UInt32(high) << 16 | UInt32(low)
        }

        private func byte(_ offset: Int) -> UInt8 {
            bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self)
        }

        /// Labels with their lengths, lower case. Pointers may only lead back, so that they end.
        @_lifetime(self: copy self)
        mutating func name() -> [UInt8]? {
            var labels: [UInt8] = []
            var place = offset
            var end: Int?
            while true {
                guard place < bytes.byteCount else { return nil }
                let length = Int(byte(place))
                if length == 0 {
                    offset = end ?? place + 1
                    return labels
                } else if length < 64 {
                    guard place + 1 + length <= bytes.byteCount, labels.count + length < 255 else { return nil }
                    labels.append(UInt8(length))
                    for index in place + 1...place + length {
                        let byte = byte(index)
                        labels.append((0x41...0x5a).contains(byte) ? byte | 0x20 : byte)
                    }
                    place += 1 + length
                } else if length >= 192 {
                    guard place + 2 <= bytes.byteCount else { return nil }
                    let target = (length & 0x3f) << 8 | Int(byte(place + 1))
                    if end == nil { end = place + 2 }
                    guard target < place else { return nil }
                    place = target
                } else {
                    return nil
                }
            }
        }

        @_lifetime(self: copy self)
        mutating func record() -> Record? {
            guard let owner = name(), let type = integer16(), let recordClass = integer16(), let ttl = integer32(),
                let length = integer16(), offset + Int(length) <= bytes.byteCount
            else { return nil }
            let start = offset
            defer { offset = start + Int(length) }
            guard recordClass == 1 else { return Record(owner: owner, ttl: ttl, data: .other) }
            let data: Record.RecordData
            switch (type, length) {
            case (1, 4):
                guard let address = integer32() else { return nil }
                data = .address(IPAddress(ipv4: address))
            case (28, 16):
                guard let a = integer32(), let b = integer32(), let c = integer32(), let d = integer32() else {
                    return nil
                }
                data = .address(
                    IPAddress(ipv6High: UInt64(a) << 32 | UInt64(b), low: UInt64(c) << 32 | UInt64(d)))
            case (5, _):
                guard let target = name() else { return nil }
                data = .alias(target)
            default:
                data = .other
            }
            return Record(owner: owner, ttl: ttl, data: data)
        }
    }
}
