// SPDX-License-Identifier: Apache-2.0

/// Why bytes are no record. Each is one loss: the reader counts it and goes on with the next record.
package enum RecordFault: Error, Equatable, Sendable {
    /// Fewer bytes than a header, or than the body of the record's kind.
    case truncated
    /// The header's size is not the number of bytes, or no multiple of 8.
    case sizeMismatch
    /// A kind that this version does not know; so the length of its body is not known either.
    case unknownKind(UInt8)
    /// A section reaches beyond the record.
    case sectionOutOfBounds
    /// Bytes are left after the last section.
    case trailingBytes

    /// What it counts as in the loss ledger.
    package var lossReason: LossReason {
        switch self {
        case .unknownKind: .unknownRecord
        case .truncated, .sizeMismatch, .sectionOutOfBounds, .trailingBytes: .badRecord
        }
    }
}
