// SPDX-License-Identifier: Apache-2.0

/// How a tail writes an event.
package protocol EventFormatter: Sendable {
    /// Appends one line, newline included.
    mutating func append(_ event: borrowing Event, to bytes: inout [UInt8])
}

extension EventEncoder: EventFormatter {
    package func append(_ event: borrowing Event, to bytes: inout [UInt8]) {
        encode(event, into: &bytes)
    }
}
