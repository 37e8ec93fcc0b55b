// SPDX-License-Identifier: Apache-2.0

/// Steps over JSON and makes nothing of it. For bytes that outlive it.
struct JSONScanner {
    typealias Fault = EnvelopeLine.Fault

    private static let depthLimit = 128

    private let bytes: UnsafeRawBufferPointer
    private(set) var place = 0
    private var depth = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }
    var next: UInt8? { isAtEnd ? nil : bytes[place] }

    mutating func expect(_ byte: UInt8) throws(Fault) {
        guard let next else { throw .cut }
        guard next == byte else { throw .malformed(at: place) }
        place += 1
    }

    /// A string without escapes: what is between its quotes.
    mutating func plainString() throws(Fault) -> UnsafeRawBufferPointer {
        let string = try string()
        guard !string.contains(UInt8(ascii: "\\")) else { throw .malformed(at: place) }
        return string
    }

    /// What is between the quotes, escapes as they stand.
    mutating func string() throws(Fault) -> UnsafeRawBufferPointer {
        try expect(UInt8(ascii: "\""))
        let start = place
        while true {
            while place < bytes.count, Self.isPlain(bytes[place]) { place += 1 }
            guard let byte = next else { throw .cut }
            switch byte {
            case UInt8(ascii: "\""):
                place += 1
                return UnsafeRawBufferPointer(rebasing: bytes[start..<place - 1])
            case UInt8(ascii: "\\"):
                place += 1
                guard let escape = next else { throw .cut }
                guard "\"\\/bfnrtu".utf8.contains(escape) else { throw .malformed(at: place) }
                place += 1
            default: throw .malformed(at: place)
            }
        }
    }

    /// What stands for itself in a string.
    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
    }

    /// Any value.
    mutating func value() throws(Fault) {
        guard let byte = next else { throw .cut }
        switch byte {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"): try object { (scanner, _) throws(Fault) in try scanner.value() }
        case UInt8(ascii: "["): try array { (scanner) throws(Fault) in try scanner.value() }
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): number()
        case UInt8(ascii: "t"): try word("true")
        case UInt8(ascii: "f"): try word("false")
        case UInt8(ascii: "n"): try word("null")
        default: throw .malformed(at: place)
        }
    }

    /// An object.
    ///
    /// - Parameter member: steps over the value of the member with this name, escapes as they stand.
    mutating func object(
        _ member: (inout JSONScanner, UnsafeRawBufferPointer) throws(Fault) -> Void
    ) throws(Fault) {
        try enter(UInt8(ascii: "{"))
        if next != UInt8(ascii: "}") {
            while true {
                space()
                let name = try string()
                space()
                try expect(UInt8(ascii: ":"))
                space()
                try member(&self, name)
                space()
                if next != UInt8(ascii: ",") { break }
                place += 1
            }
        }
        try leave(UInt8(ascii: "}"))
    }

    /// An array.
    ///
    /// - Parameter element: steps over an element.
    mutating func array(_ element: (inout JSONScanner) throws(Fault) -> Void) throws(Fault) {
        try enter(UInt8(ascii: "["))
        if next != UInt8(ascii: "]") {
            while true {
                space()
                try element(&self)
                space()
                if next != UInt8(ascii: ",") { break }
                place += 1
            }
        }
        try leave(UInt8(ascii: "]"))
    }

    private mutating func enter(_ byte: UInt8) throws(Fault) {
        try expect(byte)
        depth += 1
        guard depth <= Self.depthLimit else { throw .malformed(at: place) }
        space()
    }

    private mutating func leave(_ byte: UInt8) throws(Fault) {
        try expect(byte)
        depth -= 1
    }

    private mutating func number() {
        while let byte = next, "+-.0123456789eE".utf8.contains(byte) { place += 1 }
    }

    private mutating func word(_ word: StaticString) throws(Fault) {
        for index in 0..<word.utf8CodeUnitCount { try expect(word.utf8Start[index]) }
    }

    private mutating func space() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0d { place += 1 }
    }
}
