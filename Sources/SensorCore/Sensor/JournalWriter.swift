// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import SwiftProtobuf

/// Writes batches to the log, and hands on what the log keeps: what the journal's thread does.
struct JournalWriter {
    private let log: StateLog
    private var stream: RecordStream
    private let node: String
    private let boot: String
    private let sink: (any RecordSink)?
    /// What is to be written of shares.
    private var shares: [[UInt8]: PostureRecord?] = [:]
    /// Records that are not told, the next one first, as far as they need not be read again.
    private var fresh = CircularBuffer<RecordEnvelope>()
    /// The last record that the sink has taken.
    private var told: UInt64
    private var freshBytes = 0
    /// What the disk did not take.
    private var unwritten: [RecordContent] = []
    /// Records up to this one were dropped.
    private var dropped: UInt64 = 0
    private var refused: UInt64 = 0
    private var missing: UInt64 = 0

    /// Bytes of `fresh`.
    private static let freshLimit = 4 << 20
    /// Records that are kept for a sink that takes none; beyond, the oldest half goes.
    private static let unsettledLimit: UInt64 = 65_536

    init(_ log: StateLog, _ stream: RecordStream, node: String, boot: String, _ sink: (any RecordSink)?) {
        self.log = log
        self.stream = stream
        (self.node, self.boot) = (node, boot)
        self.sink = sink
        told = log.acknowledged
    }

    var status: PostureJournal.Status {
        let trouble: String? =
            switch log.condition {
            case .working: nil
            case .failing(let error): error.description
            case .full: "the state directory has no room left"
            }
        return PostureJournal.Status(
            trouble: trouble, log: log.statistics, refused: refused, bytes: log.size.bytes,
            sequence: log.head.sequence, unsettled: log.head.sequence - log.acknowledged, missing: missing)
    }

    mutating func write(_ batch: JournalBatch) {
        // First what is known, so that no commit has a record and not what it says.
        for (key, record) in batch.shares {
            let bytes = key.bytes
            if log.change(bytes) { shares.updateValue(record, forKey: bytes) } else { refused += 1 }
        }
        unwritten += batch.records
        var count = 0
        for record in unwritten {
            guard let payload = try? record.json() else {
                (refused, count) = (refused + 1, count + 1)
                continue
            }
            var envelope = log.append(payload, to: &stream)
            if envelope == nil {
                // What waits for a commit has a bound. Where the disk takes nothing, it is tried again with the next batch.
                guard commit() else { break }
                envelope = log.append(payload, to: &stream)
            }
            count += 1
            guard let envelope else {
                refused += 1
                continue
            }
            if freshBytes + envelope.payload.count <= Self.freshLimit {
                fresh.append(envelope)
                freshBytes += envelope.payload.count
            }
        }
        unwritten.removeFirst(count)
        commit()
        tell()
    }

    /// What is kept of these; nil: it cannot be read now.
    func shares(of subjects: Set<SubjectKey>) -> [KeptShare]? {
        var values: [(key: [UInt8], bytes: [UInt8])] = []
        for key in log.keys where ShareKey(key).map({ subjects.contains($0.subject) }) ?? false {
            do throws(SystemError) {
                if let bytes = try log.value(of: key) { values.append((key, bytes)) }
            } catch { return nil }
        }
        return KeptShare.gather(values).shares
    }

    /// Keeps all, tells all that is taken, and says in the log that this is the end.
    mutating func finish() {
        for _ in 0..<Self.settlingSteps where sink != nil && log.acknowledged < told {
            usleep(10_000)
            settle()
        }
        refused += UInt64(unwritten.count)
        _ = log.close { [shares] key in (shares[key] ?? nil).flatMap { try? $0.serializedBytes() } }
    }

    /// So often 10 ms are waited at the end for what was taken to be settled.
    private static let settlingSteps = 200

    @discardableResult
    private mutating func commit() -> Bool {
        let outcome = log.commit { [shares] key in (shares[key] ?? nil).flatMap { try? $0.serializedBytes() } }
        guard case .committed = outcome else { return false }
        shares = [:]
        return true
    }

    // MARK: Telling

    /// Hands on what is kept, as far as it is taken.
    mutating func tell() {
        defer { settle() }
        while let (next, gone) = next() {
            guard sink?.offer(next) ?? true else { return }
            told = next.sequence
            missing += gone
            while let first = fresh.first, first.sequence <= told { removeFresh() }
        }
    }

    /// What is to be told, and how many records it stands for that are not to be had any more.
    private func next() -> (envelope: RecordEnvelope, gone: UInt64)? {
        // What is not committed is not there yet.
        guard told < log.committedHead.sequence else { return nil }
        if let first = fresh.first, first.sequence == told + 1 { return (first, 0) }
        switch try? log.next(after: told) {
        case .record(let envelope)?: return (envelope, 0)
        case .hole(let range, let digest)?:
            let gap = RecordGap(range, reason: "not_kept", digest: digest)
            return envelope(of: gap).map { ($0, gap.count) }
        case nil: return nil
        }
    }

    /// In the place of what is not to be had any more.
    private func envelope(of gap: RecordGap) -> RecordEnvelope? {
        let now = ClockReading.now()
        let record = PostureRecord.with {
            ($0.schema, $0.node, $0.boot) = (PostureRecord.currentSchema, node, boot)
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: now.wall)
            $0.bootTime = now.boot
            $0.gap = PostureGap(gap)
        }
        guard let payload: [UInt8] = try? record.jsonUTF8Bytes() else { return nil }
        return stream.replacement(for: gap, payload: payload, previous: nil)
    }

    private mutating func removeFresh() { freshBytes -= fresh.removeFirst().payload.count }

    private mutating func settle() {
        log.acknowledge(through: sink.map { min($0.settled, told) } ?? told)
        let first = min(log.committedHead.sequence, max(log.acknowledged, dropped))
        let kept = log.committedHead.sequence - first
        guard kept > Self.unsettledLimit || log.condition == .full && kept > 0 else { return }
        dropped = first + (kept + 1) / 2
        log.discard(through: dropped)
        while let next = fresh.first, next.sequence <= dropped { removeFresh() }
    }
}

extension PostureGap {
    init(_ gap: RecordGap) {
        self.init()
        (from, to) = (gap.range.lowerBound, gap.range.upperBound)
        (reason, count) = (gap.reason, gap.count)
        digest = gap.digest?.description ?? ""
    }
}
