// SPDX-License-Identifier: Apache-2.0

/// A name as the kernel has it: bytes that are UTF-8 by custom only.
///
/// Keeps what a `String` would repair away, and is compared byte by byte, as the kernel does.
package struct ByteString: Sendable, Hashable {
    package var bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    package init(_ text: some StringProtocol) {
        bytes = Array(text.utf8)
    }

    package var isEmpty: Bool { bytes.isEmpty }

    /// For people: what is not UTF-8 shows as U+FFFD.
    package var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension ByteString: ExpressibleByStringLiteral {
    package init(stringLiteral text: String) {
        self.init(text)
    }
}

extension ByteString: CustomStringConvertible {
    package var description: String { text }
}
