// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// How far one node's stream has been taken.
struct ReceivedStream {
    enum Step: Equatable {
        /// The record follows: it is taken.
        case new
        /// It was taken before.
        case repeated
        /// It follows, and says again what was taken under its original sequence.
        case resent
        /// Records before it are missing, and no gap accounts for them: it is not taken.
        case hole
    }

    let node: String
    private(set) var progress: StreamProgress
    /// Records that never came: gaps stand for them, or the stream began behind them. They may be sent again.
    private(set) var missing = SequenceSet()
    /// Wall clock, nanoseconds since 1970: when it was heard of last.
    var heardAt: UInt64
    /// Records that were refused since the receiver was started, and why the last one was.
    var refused: UInt64 = 0
    var lastRefusal = ""

    init(node: String, history: Int, at now: UInt64) {
        self.node = node
        progress = StreamProgress(order: 0, line: 0, history: history)
        heardAt = now
    }

    /// The last record that was taken; 0: none.
    var last: UInt64 { progress.summary.last }

    /// - Throws: why the record can never follow what was taken. Nothing has changed then.
    mutating func take(
        _ envelope: EnvelopeLine, _ digest: PayloadDigest
    ) throws(ReceiverRefusal) -> Step {
        if envelope.sequence <= last, let gap = envelope.gap, gap.range.upperBound == envelope.sequence {
            // Its sender does not have any more what is here.
            return .repeated
        }
        var next = progress
        let fault = next.take(envelope, digest)
        switch fault {
        case nil: break
        case .missing?: return .hole
        // Too long ago to compare it.
        case .outOfOrder?: return .repeated
        case .reused?:
            throw ReceiverRefusal(.contradiction, "sequence \(envelope.sequence): \(StreamBreak.Fault.reused)")
        case .some(let fault): throw ReceiverRefusal(.brokenChain, "sequence \(envelope.sequence): \(fault)")
        }
        let before = last
        progress = next
        guard envelope.sequence > before else { return .repeated }
        note(envelope, after: before)
        guard let original = envelope.originalSequence else { return .new }
        guard missing.contains(original) else { return .resent }
        missing.remove(original)
        return .new
    }

    private mutating func note(_ envelope: EnvelopeLine, after last: UInt64) {
        if last == 0, envelope.sequence > 1 { missing.insert(1...(envelope.sequence - 1)) }
        guard let gap = envelope.gap, gap.range.upperBound > last else { return }
        missing.insert(max(gap.range.lowerBound, last + 1)...gap.range.upperBound)
    }
}

// MARK: Keeping

extension ReceivedStream {
    /// How a stream stands in the state's log.
    private struct Kept: Codable {
        var node: String
        var heardAt: UInt64
        var first: UInt64
        var last: UInt64
        var records: UInt64
        var repeated: UInt64
        var gaps: UInt64
        var missing: UInt64
        var unchecked: UInt64
        var digest: String?
        var recentSequences: [UInt64]
        var recentDigests: [String]
        /// Of each range the first and the last.
        var missingRanges: [UInt64]?
    }

    var kept: [UInt8]? {
        let (position, summary) = (progress.position, progress.summary)
        let kept = Kept(
            node: node, heardAt: heardAt, first: summary.first, last: summary.last, records: summary.records,
            repeated: summary.repeated, gaps: summary.gaps, missing: summary.missing, unchecked: summary.unchecked,
            digest: position.digest?.description, recentSequences: position.recent.map(\.sequence),
            recentDigests: position.recent.map { $0.digest.description },
            missingRanges: missing.ranges.flatMap { [$0.lowerBound, $0.upperBound] })
        return (try? JSONEncoder().encode(kept)).map { Array($0) }
    }

    /// nil: it is none, or a later version's.
    init?(kept bytes: [UInt8], history: Int) {
        guard let kept = try? JSONDecoder().decode(Kept.self, from: Data(bytes)),
            kept.recentSequences.count == kept.recentDigests.count
        else { return nil }
        var summary = VerifierReport.Stream(firstLine: 0)
        (summary.first, summary.last, summary.records) = (kept.first, kept.last, kept.records)
        (summary.repeated, summary.gaps) = (kept.repeated, kept.gaps)
        (summary.missing, summary.unchecked) = (kept.missing, kept.unchecked)
        var recent: [(sequence: UInt64, digest: PayloadDigest)] = []
        for (sequence, text) in zip(kept.recentSequences, kept.recentDigests) {
            guard let digest = PayloadDigest(Array(text.utf8)) else { return nil }
            recent.append((sequence, digest))
        }
        let bounds = kept.missingRanges ?? []
        guard bounds.count % 2 == 0 else { return nil }
        for place in stride(from: 0, to: bounds.count, by: 2) {
            guard bounds[place] > 0, bounds[place] <= bounds[place + 1] else { return nil }
            missing.insert(bounds[place]...bounds[place + 1])
        }
        node = kept.node
        heardAt = kept.heardAt
        let digest = kept.digest.flatMap { PayloadDigest(Array($0.utf8)) }
        progress = StreamProgress(
            StreamProgress.Position(summary: summary, digest: digest, recent: recent), history: history)
    }
}
