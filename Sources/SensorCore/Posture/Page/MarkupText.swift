// SPDX-License-Identifier: Apache-2.0

/// HTML under construction.
///
/// Only literals of this program's source are markup. All else comes in as text, which is escaped, or as a number: so
/// no name of a workload's can become an element, an attribute, an address or a style.
struct MarkupText {
    private(set) var bytes: [UInt8] = []

    var count: Int { bytes.count }

    mutating func markup(_ literal: StaticString) {
        bytes += UnsafeBufferPointer(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }

    /// Words of this program.
    mutating func words(_ text: String) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "&"): markup("&amp;")
            case UInt8(ascii: "<"): markup("&lt;")
            case UInt8(ascii: ">"): markup("&gt;")
            case UInt8(ascii: "\""): markup("&quot;")
            case UInt8(ascii: "'"): markup("&#39;")
            default: bytes.append(byte)
            }
        }
    }

    /// A name from whoever is watched. It cannot turn the direction of what stands beside it.
    mutating func name(_ text: String, limit: Int = 240) {
        markup("<bdi>")
        words(VisibleText(text, limit: limit).text)
        markup("</bdi>")
    }

    mutating func number(_ value: Int) { words(String(value)) }

    /// With at most one decimal place.
    mutating func number(_ value: Double) { words(PageNumber.decimal(value)) }

    mutating func append(_ other: MarkupText) { bytes += other.bytes }

    /// `<tag>words</tag>`, both tags literals.
    mutating func element(_ open: StaticString, _ text: String, _ close: StaticString) {
        markup(open)
        words(text)
        markup(close)
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
}
