// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOCore
internal import SwiftProtobuf

/// Writes batches to the log, and hands on what the log keeps: what the journal's thread does.
struct JournalWriter {
    private let log: StateLog
    private var stream: RecordStream
    private let gaps: GapRecord
    private var spool: SpoolKeeper
    private var coarsener: SpoolCoarsener
    private var coarsened: CoarsenedRecords
    private var keptUntil: KeptUntil?
    private var cursors: [SinkCursor]
    /// What is to be written of shares.
    private var shares: [[UInt8]: PostureRecord?] = [:]
    /// The latest records, so that they need not be read again.
    private var fresh = CircularBuffer<RecordEnvelope>()
    private var freshBytes = 0
    /// What the disk did not take.
    private var unwritten: [RecordContent] = []
    private var refused: UInt64 = 0
    /// Of them, records that were too large and that no `gap` tells of yet.
    private var untoldRefused: UInt64 = 0
    private var resent: ResentRecords
    private var eventLedger = EventLedger()
    private var times = KeptTimes()
    /// Why what is kept cannot be handed on.
    private var unreadable: SystemError?

    /// Bytes of `fresh`.
    private static let freshLimit = 4 << 20

    /// - Parameter wake: makes the thread hand on again. From any thread.
    init(
        _ log: StateLog, _ stream: RecordStream, gaps: GapRecord, spool: SpoolKeeper, coarsener: SpoolCoarsener,
        sinks: [any RecordSink], wake: @escaping @Sendable () -> Void
    ) {
        self.log = log
        self.stream = stream
        self.gaps = gaps
        self.spool = spool
        self.coarsener = coarsener
        let known = try? log.value(of: ResentRecords.key)
        resent = known.flatMap { ResentRecords($0, of: log.head.id) } ?? ResentRecords(stream: log.head.id)
        let gone = try? log.value(of: CoarsenedRecords.key)
        coarsened = gone.flatMap { CoarsenedRecords($0, of: log.head.id) } ?? CoarsenedRecords(stream: log.head.id)
        // Those of segments that are still there were found again.
        for range in coarsened.sequences.ranges { log.drop(range) }
        cursors = sinks.map { SinkCursor($0, log) }
        // All that an earlier run has left is as old as the first of it.
        if let age = spool.ageOfFirst(in: log, .now()) { times.note(last: log.committedHead.sequence, at: .now - age) }
        for cursor in cursors {
            // What goes before it has settled anything is a gap for it, also after a restart.
            if cursor.isNew { log.change(cursor.key) }
            cursor.sink.begin(
                RecordSinkStart(
                    stream: log.head.id, settled: cursor.settled, offered: log.committedHead.sequence, wake: wake))
        }
    }

    var status: PostureJournal.Status {
        let trouble: String? =
            switch log.condition {
            case .working: unreadable.map { "what is kept cannot be read: \($0)" }
            case .failing(let error): error.description
            case .full: "the state directory has no room left"
            }
        return PostureJournal.Status(
            trouble: trouble, log: log.statistics, refused: refused, bytes: log.size.bytes,
            keptEvents: eventLedger.kept, droppedEvents: eventLedger.dropped, sequence: log.head.sequence,
            unsettled: log.head.sequence - settled,
            missing: cursors.reduce(0) { $0 + $1.missing }, spooledBytes: log.recordBytes,
            oldest: times.time(after: log.acknowledged),
            sinks: cursors.map {
                .init(
                    name: $0.sink.name, unsettled: log.head.sequence - $0.settled,
                    waitsSince: times.time(after: $0.settled), latency: $0.latency, missing: $0.missing)
            })
    }

    /// The last record that anybody has settled.
    private var firstSettled: UInt64 { cursors.map(\.settled).max() ?? log.committedHead.sequence }

    /// The last record that all have settled.
    private var settled: UInt64 { cursors.map(\.settled).min() ?? log.committedHead.sequence }

    mutating func write(_ batch: JournalBatch) {
        settle()
        writeUrgent(of: batch)
        coarsen()
        // First what is known, so that no commit has a record and not what it says.
        for (key, record) in batch.shares {
            let bytes = key.bytes
            if log.change(bytes) { shares.updateValue(record, forKey: bytes) } else { refused += 1 }
        }
        // By itself it is not worth a write.
        if !batch.shares.isEmpty, let until = batch.keptUntil {
            keptUntil = until
            log.change(KeptUntil.key)
        }
        unwritten += batch.records
        writeRecords()
        write(batch.events.filter { !$0.isUrgent }, dropped: batch.droppedEvents)
        commit()
        tell()
    }

    /// Has it on its way before the rest is so much as written down. It says nothing of what is kept of subjects.
    private mutating func writeUrgent(of batch: JournalBatch) {
        let events = batch.events.filter(\.isUrgent)
        if batch.urgent.isEmpty, events.isEmpty { return }
        unwritten += batch.urgent
        writeRecords()
        write(events)
        commit()
        tell()
    }

    /// As many as the disk takes.
    private mutating func writeRecords() {
        var count = 0
        for record in unwritten {
            guard let payload = try? record.json() else {
                (refused, count) = (refused + 1, count + 1)
                continue
            }
            // Where the disk takes nothing, it is tried again with the next batch.
            let outcome = append(payload)
            if outcome == .later { break }
            count += 1
            if outcome == .refused { (refused, untoldRefused) = (refused + 1, untoldRefused + 1) }
        }
        unwritten.removeFirst(count)
        guard untoldRefused > 0, let gap = gaps.payload("too_large", count: untoldRefused, clock: .now()) else {
            return
        }
        if append(gap) == .kept { untoldRefused = 0 }
    }

    /// Says some of what waits in fewer records, where it will soon be too much: before the oldest have to go.
    private mutating func coarsen() {
        guard spool.isNearlyFull(log), let step = coarsener.next(in: log, settled: firstSettled) else { return }
        // What took the place of others while they stay would only add to what is too much.
        guard coarsened.hasRoom(for: step.sequences) else { return coarsener.endRound(log.committedHead.sequence) }
        for payload in step.payloads { guard append(payload) == .kept else { return } }
        // Only now: what is said twice does no harm.
        guard commit() else { return }
        coarsened.insert(step.sequences)
        log.drop(step.sequences)
        noteEvents { $0.drop(step.events) }
        // What is told from memory has to be what is kept.
        while let first = fresh.first, first.sequence <= step.sequences.last ?? 0 {
            freshBytes -= fresh.removeFirst().payload.count
        }
        log.change(CoarsenedRecords.key)
    }

    /// Why records are not to be had any more.
    private func reason(of range: ClosedRange<UInt64>) -> String {
        coarsened.contains(range) ? "coarsened" : "not_kept"
    }

    /// All that is missing among what is kept went since later records say the same, or how many events it was.
    func hasCoarsened(_ range: ClosedRange<UInt64>) -> Bool { coarsened.contains(range) }

    /// What became of a payload.
    enum Appending {
        /// The next commit keeps it.
        case kept
        /// It is too large.
        case refused
        /// There is no room for it until the disk takes something.
        case later
    }

    /// Gives a payload its place in the stream.
    ///
    /// - Parameter original: the sequence that it had before it was set aside, where it was.
    mutating func append(_ payload: [UInt8], original: UInt64? = nil) -> Appending {
        var envelope = log.append(payload, to: &stream, original: original)
        if envelope == nil {
            // What waits for a commit has a bound.
            guard commit() else { return .later }
            // While it need not be read again.
            tell()
            envelope = log.append(payload, to: &stream, original: original)
        }
        guard let envelope else { return .refused }
        fresh.append(envelope)
        freshBytes += envelope.payload.count
        while freshBytes > Self.freshLimit { freshBytes -= fresh.removeFirst().payload.count }
        return .kept
    }

    /// Bytes of events that may be kept now. Whoever takes nothing costs nobody else his events.
    func roomForEvents(isUrgent: Bool) -> Int {
        spool.roomForEvents(in: log, settled: firstSettled, isUrgent: isUrgent)
    }

    mutating func noteEvents<Result>(_ body: (inout EventLedger) -> Result) -> Result { body(&eventLedger) }

    func gapPayload(of events: UInt64) -> [UInt8]? { gaps.payload("events_dropped", count: events, clock: .now()) }

    var streamID: StreamID { log.head.id }

    /// The record, which was set aside, has a new place in the stream already.
    func hasResent(_ sequence: UInt64) -> Bool { resent.contains(sequence) }

    /// The record, which was set aside, has a new place in the stream: the commit that keeps it keeps this as well.
    mutating func noteResent(_ sequence: UInt64) {
        resent.insert(sequence)
        log.change(ResentRecords.key)
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
        for _ in 0..<Self.settlingSteps where cursors.contains(where: \.isSettling) {
            usleep(10_000)
            settle()
        }
        tellDroppedEvents(isEnd: true)
        refused += UInt64(unwritten.count)
        _ = log.close { [shares, cursors, resent, coarsened, keptUntil, log] in
            Self.value(of: $0, shares, cursors, resent, coarsened, keptUntil, log)
        }
    }

    /// So often 10 ms are waited at the end for what was taken to be settled.
    private static let settlingSteps = 200

    @discardableResult
    mutating func commit() -> Bool {
        let outcome = log.commit { [shares, cursors, resent, coarsened, keptUntil, log] in
            Self.value(of: $0, shares, cursors, resent, coarsened, keptUntil, log)
        }
        guard case .committed = outcome else { return false }
        shares = [:]
        times.note(last: log.committedHead.sequence, at: .now)
        return true
    }

    private static func value(
        of key: [UInt8], _ shares: [[UInt8]: PostureRecord?], _ cursors: [SinkCursor], _ resent: ResentRecords,
        _ coarsened: CoarsenedRecords, _ keptUntil: KeptUntil?, _ log: StateLog
    ) -> [UInt8]? {
        if ResentRecords.isKey(key) { return resent.bytes }
        if CoarsenedRecords.isKey(key) { return coarsened.bytes }
        if KeptUntil.isKey(key) { return keptUntil?.bytes }
        if SinkPosition.isKey(key) {
            return cursors.first { $0.key == key }.map {
                SinkPosition(stream: log.head.id, sequence: $0.settled).bytes
            }
        }
        return (shares[key] ?? nil).flatMap { try? $0.serializedBytes() }
    }

    // MARK: Telling

    /// Hands on what is kept, as far as it is taken.
    mutating func tell() {
        for index in cursors.indices {
            while let (next, gone) = next(after: cursors[index].told), cursors[index].offer(next, gone: gone) {}
        }
        settle()
    }

    /// What is to be told, and how many records it stands for that are not to be had any more.
    private mutating func next(after told: UInt64) -> (envelope: RecordEnvelope, gone: UInt64)? {
        // What is not committed is not there yet.
        guard told < log.committedHead.sequence else { return nil }
        if let first = fresh.first, told + 1 >= first.sequence {
            let offset = Int(told + 1 - first.sequence)
            if offset < fresh.count { return (fresh[fresh.index(fresh.startIndex, offsetBy: offset)], 0) }
        }
        let kept: StateLog.Kept?
        do throws(SystemError) {
            kept = try log.next(after: told)
            unreadable = nil
        } catch {
            unreadable = error
            return nil
        }
        switch kept {
        case .record(let envelope)?: return (envelope, 0)
        case .hole(let range, let digest)?:
            let gap = RecordGap(range, reason: reason(of: range), digest: digest)
            return gaps.envelope(for: gap, in: log.head.id, previous: nil, clock: .now()).map { ($0, gap.count) }
        case nil: return nil
        }
    }

    private mutating func settle() {
        for index in cursors.indices where cursors[index].settle(times) { log.change(cursors[index].key) }
        log.acknowledge(through: settled)
        // What goes for lack of room is not told as a hole to whoever has it already.
        if let last = spool.excess(of: log, now: .now) { log.acknowledge(through: last) }
        coarsened.forget(through: settled)
        times.forget(through: log.acknowledged)
        while let first = fresh.first, first.sequence <= log.acknowledged {
            freshBytes -= fresh.removeFirst().payload.count
        }
    }
}
