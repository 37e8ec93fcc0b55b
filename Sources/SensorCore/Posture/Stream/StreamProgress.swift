// SPDX-License-Identifier: Apache-2.0

/// How far one stream has been checked.
struct StreamProgress {
    /// Streams in the order in which they appear.
    let order: Int
    private(set) var summary: VerifierReport.Stream
    /// Of the payload with the last sequence; nil where it is not known.
    private var digest: PayloadDigest?
    /// Of the latest records, by sequence modulo its limit.
    private var history: [(sequence: UInt64, digest: PayloadDigest)] = []
    private let historyLimit: Int

    init(order: Int, line: UInt64, history: Int) {
        self.order = order
        historyLimit = history
        summary = VerifierReport.Stream(firstLine: line)
    }

    /// Goes on from where it had come.
    init(_ position: Position, history: Int) {
        (order, historyLimit, digest) = (0, history, position.digest)
        summary = position.summary
        for record in position.recent.suffix(history) { remember(record.sequence, record.digest) }
    }

    /// What is to be kept in order to go on from here.
    var position: Position {
        Position(
            summary: summary, digest: digest,
            recent: history.filter { $0.sequence > 0 }.sorted { $0.sequence < $1.sequence })
    }

    struct Position {
        var summary: VerifierReport.Stream
        /// Of the payload with the last sequence; nil where it is not known.
        var digest: PayloadDigest?
        /// Of the latest records.
        var recent: [(sequence: UInt64, digest: PayloadDigest)]
    }

    /// Returns what is wrong with the record, which the next one is then expected to follow nevertheless.
    mutating func take(_ envelope: EnvelopeLine, _ digest: PayloadDigest) -> StreamBreak.Fault? {
        let sequence = envelope.sequence
        summary.records += 1
        guard summary.last > 0 else {
            summary.first = sequence
            advance(envelope, digest)
            guard sequence == 1, envelope.gap == nil, let previous = envelope.previous else { return nil }
            return .wrongPrevious(expected: nil, found: previous)
        }
        guard sequence > summary.last else { return repetition(envelope, digest) }
        let expected = summary.last + 1
        defer { advance(envelope, digest) }
        guard sequence == expected || accounts(envelope, for: expected) else {
            return .missing(expected: expected, found: sequence)
        }
        guard sequence == expected || envelope.gap?.range.lowerBound == expected && isReplacement(envelope) else {
            return nil
        }
        guard let known = self.digest else {
            summary.unchecked += 1
            return nil
        }
        guard let previous = envelope.previous else {
            // Who has lost the payload before cannot name it, and says so by a gap.
            if envelope.gap != nil {
                summary.unchecked += 1
                return nil
            }
            return .wrongPrevious(expected: known, found: nil)
        }
        return previous == known ? nil : .wrongPrevious(expected: known, found: previous)
    }

    /// A gap's record is the last one of those that it stands for, or follows them.
    private func accounts(_ envelope: EnvelopeLine, for expected: UInt64) -> Bool {
        guard let range = envelope.gap?.range, range.contains(expected), range.upperBound <= envelope.sequence else {
            return false
        }
        return envelope.sequence - range.upperBound <= 1
    }

    private func isReplacement(_ envelope: EnvelopeLine) -> Bool {
        envelope.gap?.range.upperBound == envelope.sequence
    }

    private mutating func advance(_ envelope: EnvelopeLine, _ digest: PayloadDigest) {
        let expected = summary.last + 1
        if let gap = envelope.gap {
            summary.gaps += 1
            // Of what is to come after it, it can say nothing.
            let (from, to) = (max(expected, gap.range.lowerBound), min(gap.range.upperBound, envelope.sequence))
            if from <= to { summary.missing += to - from + 1 }
        }
        summary.last = envelope.sequence
        self.digest = isReplacement(envelope) ? envelope.gap?.digest : digest
        remember(envelope.sequence, digest)
    }

    private mutating func remember(_ sequence: UInt64, _ digest: PayloadDigest) {
        guard historyLimit > 0 else { return }
        let place = Int(sequence % UInt64(historyLimit))
        if history.count < historyLimit, history.count <= place {
            history += Array(
                repeating: (0, digest), count: min(historyLimit, max(place + 1, history.count * 2)) - history.count)
        }
        history[place] = (sequence, digest)
    }

    private mutating func repetition(_ envelope: EnvelopeLine, _ digest: PayloadDigest) -> StreamBreak.Fault? {
        let place = historyLimit == 0 ? 0 : Int(envelope.sequence % UInt64(historyLimit))
        guard place < history.count, history[place].sequence == envelope.sequence else {
            return .outOfOrder(expected: Saturating.sum(summary.last, 1), found: envelope.sequence)
        }
        guard history[place].digest == digest else { return .reused }
        summary.repeated += 1
        return nil
    }
}
