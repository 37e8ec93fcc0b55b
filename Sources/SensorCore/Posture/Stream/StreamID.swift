// SPDX-License-Identifier: Apache-2.0

/// Names a stream of records: 128 random bits, 32 hexadecimal digits in text.
package struct StreamID: Hashable, Sendable, CustomStringConvertible {
    let words: SIMD2<UInt64>

    /// A new one.
    package init() {
        var random = SystemRandomNumberGenerator()
        self.init(using: &random)
    }

    package init(using random: inout some RandomNumberGenerator) {
        words = SIMD2(random.next(), random.next())
    }

    /// nil unless the text is 32 lowercase hexadecimal digits.
    package init?(_ text: some Collection<UInt8>) {
        guard let bytes = Hexadecimal.bytes(text), let id = StreamID(bytes: bytes) else { return nil }
        self = id
    }

    init?(bytes: some Collection<UInt8>) {
        guard bytes.count == 16 else { return nil }
        words = SIMD2(Self.word(bytes.prefix(8)), Self.word(bytes.dropFirst(8)))
    }

    var bytes: [UInt8] { withUnsafeBytes(of: SIMD2(words[0].bigEndian, words[1].bigEndian)) { Array($0) } }

    package var description: String { Hexadecimal.text(bytes) }

    private static func word(_ bytes: some Sequence<UInt8>) -> UInt64 { bytes.reduce(0) { $0 << 8 | UInt64($1) } }
}
