// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import SwiftProtobuf

/// Writes batches to the log, and hands on what the log keeps: what the journal's thread does.
struct JournalWriter {
    private let log: StateLog
    private var stream: RecordStream
    private let node: String
    private let sink: (any RecordSink)?
    /// What is to be written of shares.
    private var shares: [[UInt8]: PostureRecord?] = [:]
    /// Records that are not told, the next one first, as far as they need not be read again.
    private var fresh = CircularBuffer<RecordEnvelope>()
    /// The last record that the sink has taken.
    private var told: UInt64
    private var refused: UInt64 = 0
    private var missing: UInt64 = 0

    private static let freshLimit = 1024
    /// Records that are kept for a sink that takes none; beyond, the oldest half goes.
    private static let unsettledLimit: UInt64 = 65_536

    init(_ log: StateLog, _ stream: RecordStream, node: String, _ sink: (any RecordSink)?) {
        self.log = log
        self.stream = stream
        self.node = node
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

    mutating func write(_ batch: PostureBatch) {
        // First what is known, so that no commit has a record and not what it says.
        for (key, record) in batch.shares {
            let bytes = key.bytes
            if log.change(bytes) { shares.updateValue(record, forKey: bytes) } else { refused += 1 }
        }
        for record in batch.records {
            guard let payload = try? record.json() else {
                refused += 1
                continue
            }
            var envelope = log.append(payload, to: &stream)
            // What waits for a commit has a bound.
            if envelope == nil, commit() { envelope = log.append(payload, to: &stream) }
            guard let envelope else {
                refused += 1
                continue
            }
            if fresh.count < Self.freshLimit { fresh.append(envelope) }
        }
        commit()
        tell()
    }

    /// Keeps all, tells all that is taken, and says in the log that this is the end.
    mutating func finish() {
        for _ in 0..<Self.settlingSteps where sink != nil && log.acknowledged < told {
            usleep(10_000)
            settle()
        }
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
            while let first = fresh.first, first.sequence <= told { fresh.removeFirst() }
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
            ($0.schema, $0.node) = (PostureRecord.currentSchema, node)
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: now.wall)
            $0.bootTime = now.boot
            $0.gap = PostureGap(gap)
        }
        guard let payload: [UInt8] = try? record.jsonUTF8Bytes() else { return nil }
        return stream.replacement(for: gap, payload: payload, previous: nil)
    }

    private mutating func settle() {
        log.acknowledge(through: sink.map { min($0.settled, told) } ?? told)
        let unsettled = log.committedHead.sequence - min(log.committedHead.sequence, log.acknowledged)
        guard unsettled > Self.unsettledLimit || log.condition == .full && unsettled > 1 else { return }
        let end = log.acknowledged + unsettled / 2
        log.discard(through: end)
        while let first = fresh.first, first.sequence <= end { fresh.removeFirst() }
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
