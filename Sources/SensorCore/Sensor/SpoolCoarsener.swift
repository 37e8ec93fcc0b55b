// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

/// Says what waits in a log in fewer records, a stretch at a time, from the oldest on and then again: facts that were told several
/// times are told once, events go (their facts stay) and are counted, and calls, anomalies, profiles and what is said of the node stay as
/// they are.
///
/// Nothing is written in place of anything: what takes the place of a stretch's records are further ones at the end of the stream. So a
/// sequence never stands for two payloads, and whoever has some of them already counts nothing twice.
struct SpoolCoarsener {
    struct Step {
        /// To be told again, and kept, before the others go.
        var payloads: [[UInt8]]
        /// What may go then.
        var sequences: [UInt64] = []
        /// How many events are in it that nobody has.
        var events: UInt64 = 0
    }

    private let boot: String
    /// Up to where this round has come, and where it ends.
    private var (through, end): (UInt64, UInt64) = (0, 0)
    /// The next round is worth it when the stream has come so far.
    private var nextRound: UInt64 = 0

    /// Bytes and records of a stretch: to read them takes some tens of milliseconds.
    private static let stretchBytes = 1 << 20
    private static let stretchRecords = 4096

    /// - Parameter boot: the machine's boot id.
    init(boot: String) { self.boot = boot }

    /// The next stretch, if less can be said of it; nil: there is nothing to be gained there.
    ///
    /// - Parameter settled: the last record that anybody has.
    mutating func next(in log: StateLog, settled: UInt64 = 0) -> Step? {
        let head = log.committedHead.sequence
        through = max(through, log.acknowledged)
        if through >= end {
            guard head >= nextRound else { return nil }
            (through, end) = (log.acknowledged, head)
            // What has come by then may say some of it anew.
            nextRound = head + max(16, (head - log.acknowledged) / 8)
        }
        var merger = FactsMerger()
        var step = Step(payloads: [])
        var (bytes, records, gone) = (0, 0, 0)
        while bytes < Self.stretchBytes, records < Self.stretchRecords, through < end {
            guard let kept = try? log.next(after: through) else { break }
            switch kept {
            case .hole(let range, _): through = range.upperBound
            case .record(let envelope):
                through = envelope.sequence
                (bytes, records) = (bytes + envelope.payload.count, records + 1)
                guard let record = Self.record(envelope) else { continue }
                let events = Self.events(in: record)
                guard events != nil || merger.take(record) else { continue }
                // Whoever has not got the others has a gap in their place; they are not gone.
                if envelope.sequence > settled { step.events += events ?? 0 }
                step.sequences.append(envelope.sequence)
                gone += envelope.payload.count
            }
        }
        step.payloads = merger.records(at: .now(), boot: boot).compactMap { try? $0.jsonUTF8Bytes() }
        let said = step.payloads.reduce(0) { $0 + $1.count }
        return said * 4 <= gone * 3 && gone > 0 ? step : nil
    }

    /// There is no room to remember what would go: not before much more has come.
    mutating func endRound(_ head: UInt64) {
        end = through
        nextRound = head + Self.pause
    }

    /// Records.
    private static let pause: UInt64 = 16_384

    private static func record(_ envelope: RecordEnvelope) -> PostureRecord? {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        return try? PostureRecord(jsonUTF8Bytes: envelope.payload, options: options)
    }

    /// nil: it is another record.
    private static func events(in record: PostureRecord) -> UInt64? {
        if case .events(let events)? = record.body { UInt64(events.events.count) } else { nil }
    }
}
