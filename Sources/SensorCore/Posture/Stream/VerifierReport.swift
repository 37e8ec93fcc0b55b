// SPDX-License-Identifier: Apache-2.0

/// What a verifier has found.
package struct VerifierReport: Equatable, Sendable {
    package struct Stream: Equatable, Sendable {
        package var id: StreamID?
        package var firstLine: UInt64
        /// The sequence that the file begins with; above 1 where the file begins in the middle of the stream.
        package var first: UInt64 = 0
        package var last: UInt64 = 0
        package var records: UInt64 = 0
        /// Records that repeat one before them.
        package var repeated: UInt64 = 0
        package var gaps: UInt64 = 0
        /// Records that gaps account for.
        package var missing: UInt64 = 0
        /// Links that cannot be checked, since what they link to was lost.
        package var unchecked: UInt64 = 0

        package var beginsInTheMiddle: Bool { first > 1 }
    }

    package var records: UInt64 = 0
    package var signed: UInt64 = 0
    /// Records whose signature is right.
    package var verified: UInt64 = 0
    /// Lines in the middle that their writer did not come to the end of.
    package var cutLines: UInt64 = 0
    /// Lines of what is not chained: events, calls, losses.
    package var others: UInt64 = 0
    /// Bytes of a last line that is not whole.
    package var tornBytes = 0
    package var breaks: UInt64 = 0
    package var firstBreak: StreamBreak?
    package var streams: [Stream] = []

    package init() {}

    package var isWhole: Bool { breaks == 0 }
}

/// Where a stream is not whole.
package struct StreamBreak: Equatable, Sendable, CustomStringConvertible {
    package enum Fault: Equatable, Sendable {
        case malformed(at: Int)
        case tooLong(limit: Int)
        case tooManyStreams(limit: Int)
        /// Records are missing, and no gap accounts for all of them.
        case missing(expected: UInt64, found: UInt64)
        case outOfOrder(expected: UInt64, found: UInt64)
        /// The sequence was there before, with another payload.
        case reused
        case wrongPrevious(expected: PayloadDigest?, found: PayloadDigest?)
        case unsigned
        case unknownKey(String)
        case wrongSignature(String)
    }

    /// From 1.
    package var line: UInt64
    package var stream: StreamID?
    package var sequence: UInt64?
    package var fault: Fault

    package var description: String {
        var place = "line \(line)"
        if let stream, let sequence { place += ", stream \(stream), sequence \(sequence)" }
        return "\(place): \(fault)"
    }
}

extension StreamBreak.Fault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformed(let byte): "this is no record, from byte \(byte) of the line on"
        case .tooLong(let limit): "the line is longer than \(limit) bytes"
        case .tooManyStreams(let limit): "there are more than \(limit) streams; this one is not checked"
        case .missing(let expected, let found):
            "\(found - expected) records are missing: sequence \(expected) was expected, or a gap from it on"
        case .outOfOrder(let expected, _): "sequence \(expected) was expected"
        case .reused: "the sequence was there before, with another payload"
        case .wrongPrevious(let expected, let found):
            "previous should be \(expected?.description ?? "absent") and is \(found?.description ?? "absent")"
        case .unsigned: "the record is not signed"
        case .unknownKey(let id): "the record is signed with another key (\(VisibleText(id, limit: 64).text))"
        case .wrongSignature(let id): "the signature does not match (key \(VisibleText(id, limit: 64).text))"
        }
    }
}
