// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// A batch that was set aside, as its file tells of it.
package struct SetAsideBatch: Sendable, Equatable {
    /// Of the file, without what it ends in.
    package var name: String
    /// Seconds since 1970.
    package var time: UInt64
    package var stream: StreamID
    /// From the first record's to the last one's.
    package var sequences: ClosedRange<UInt64>
    /// nil: the file does not say, as those of earlier versions.
    package var why: ReconcilerRefusal?
    package var records = 0
    package var bytes = 0
    /// It is to be sent again.
    package var isMarked: Bool

    /// What files end in, and those that are to be sent again.
    static let suffix = ".ndjson"
    static let markedSuffix = ".resend"

    init(time: UInt64, stream: StreamID, sequences: ClosedRange<UInt64>, why: ReconcilerRefusal?) {
        name = "\(time)-\(stream)-\(sequences.lowerBound)-\(sequences.upperBound)"
        (self.time, self.stream, self.sequences, self.why) = (time, stream, sequences, why)
        isMarked = false
    }

    /// nil: no such file is called so.
    init?(file: String) {
        guard let suffix = [Self.suffix, Self.markedSuffix].first(where: { file.hasSuffix($0) }) else { return nil }
        let name = file.dropLast(suffix.count)
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4, let time = UInt64(parts[0]), let stream = StreamID(Array(parts[1].utf8)),
            let first = UInt64(parts[2]), let last = UInt64(parts[3]), 0 < first, first <= last
        else { return nil }
        self.init(time: time, stream: stream, sequences: first...last, why: nil)
        // However the numbers are spelled.
        self.name = String(name)
        isMarked = suffix == Self.markedSuffix
    }

    var file: String { name + (isMarked ? Self.markedSuffix : Self.suffix) }

    // MARK: The first line

    private struct Head: Codable {
        struct Why: Codable {
            var reason: String
            var status: Int?
            var answer: String
        }

        var setAside: Why
    }

    /// How the first line begins, where it says why.
    static let headStart = Array(#"{"setAside":"#.utf8)

    /// The first line, with its newline.
    var head: [UInt8] {
        guard let why else { return [] }
        let status = why.status.map { #","status":\#($0)"# } ?? ""
        let (reason, answer) = (why.reason.quotedForJSON, why.answer.quotedForJSON)
        return Self.headStart + Array(#"{"reason":\#(reason)\#(status),"answer":\#(answer)}}"#.utf8)
            + [UInt8(ascii: "\n")]
    }

    mutating func take(head line: some Sequence<UInt8>) {
        guard let head = try? JSONDecoder().decode(Head.self, from: Data(line)).setAside else { return }
        why = ReconcilerRefusal(head.reason, status: head.status, answer: head.answer)
    }
}
