// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A system call that failed: what was tried, and the kernel's answer.
package struct SystemError: Error, Equatable, CustomStringConvertible {
    /// What was being done, for a person: "open /var/log/events.ndjson".
    package var operation: String
    /// The C library's error number.
    package var number: Int32

    /// Takes the calling thread's `errno` unless a number is given.
    package init(_ operation: String, number: Int32 = errno) {
        self.operation = operation
        self.number = number
    }

    package var description: String { "\(operation): \(Self.text(of: number))" }

    /// What the C library says of an error number, in lower case as log lines have it.
    package static func text(of number: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 128)
        let failed = buffer.withUnsafeMutableBytes { bytes in
            bytes.baseAddress.map { strerror_r(number, $0, bytes.count) } ?? -1
        }
        let message = failed == 0 ? String(decoding: buffer.prefix { $0 != 0 }, as: UTF8.self) : ""
        guard let first = message.first else { return "error \(number)" }
        return first.lowercased() + message.dropFirst()
    }
}
