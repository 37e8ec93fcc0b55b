// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// What a receiver knows, and how it judges a batch: bytes in, a decision out. It keeps nothing by itself: what has changed is
/// for `takeChanges` to tell.
struct ReceiverState {
    private(set) var streams: ReceivedStreams
    private(set) var subjects: SubjectStore
    private(set) var events: ReceivedEvents
    private(set) var statistics = ReceiverStatistics()
    private let limits: ReceiverLimits
    private let keys: RecordKeys
    private var changes: Set<ReceiverKey> = []
    /// Of events that are not on disk.
    private var lines: [UInt64: [UInt8]] = [:]
    /// In which the numbers of events are never used again.
    private(set) var eventSeries = StreamID()

    init(limits: ReceiverLimits = ReceiverLimits(), keys: RecordKeys = RecordKeys()) {
        (self.limits, self.keys) = (limits, keys)
        streams = ReceivedStreams(limits: limits)
        subjects = SubjectStore(limits: limits)
        events = ReceivedEvents(limits: limits)
        changes = [.eventSeries]
    }

    mutating func count(_ refusal: ReceiverRefusal) { statistics.refused[refusal.reason, default: 0] += 1 }

    /// Takes a batch, as far as it goes.
    ///
    /// - Parameter now: wall clock, nanoseconds since 1970.
    /// - Returns: the sequence to acknowledge, once what has changed is on disk.
    /// - Throws: why its first record that is not known can never be taken; or why none can be.
    mutating func take(_ batch: ReceivedBatch, at now: UInt64) throws(ReceiverRefusal) -> UInt64 {
        statistics.batches += 1
        let first = batch.records.first.flatMap { try? Self.envelope($0, 0) }?.sequence
        guard var stream = try streams.stream(batch.stream, of: batch.node, first: first, at: now) else {
            statistics.holes += 1
            return 0
        }
        stream.heardAt = now
        var taken = 0
        for (index, line) in batch.records.enumerated() {
            do throws(ReceiverRefusal) {
                switch try take(line, index, of: batch, into: &stream, at: now) {
                case .new: taken += 1
                case .repeated: statistics.repeated += 1
                case .resent:
                    taken += 1
                    statistics.repeated += 1
                case .hole:
                    // The sender goes back to what is known.
                    statistics.holes += 1
                    note(stream, of: batch, taken: taken)
                    return stream.last
                }
            } catch {
                note(stream, of: batch, taken: taken)
                // What comes before is acknowledged first: the sender comes back with the rest.
                if taken > 0, error.reason != .contradiction { return stream.last }
                streams.noteRefusal(error.message, of: batch.stream, node: batch.node)
                throw error
            }
        }
        note(stream, of: batch, taken: taken)
        return stream.last
    }

    private mutating func take(
        _ line: [UInt8], _ index: Int, of batch: ReceivedBatch, into stream: inout ReceivedStream, at now: UInt64
    ) throws(ReceiverRefusal) -> ReceivedStream.Step {
        let (envelope, digest) = try check(line, index, of: batch.stream)
        var next = stream
        let step = try next.take(envelope, digest)
        if step == .new {
            try absorb(line, envelope, index, node: batch.node, at: now)
            statistics.records += 1
        }
        stream = next
        return step
    }

    private mutating func note(_ stream: ReceivedStream, of batch: ReceivedBatch, taken: Int) {
        guard taken > 0 || streams.streams[batch.stream] != nil else { return }
        for id in streams.update(batch.stream, stream) { changes.insert(.stream(id)) }
        if taken > 0 { changes.insert(.stream(batch.stream)) }
    }

    private static func envelope(_ line: [UInt8], _ index: Int) throws(ReceiverRefusal) -> EnvelopeLine {
        do throws(EnvelopeLine.Fault) {
            return try line.withUnsafeBytes { bytes in
                Result { () throws(EnvelopeLine.Fault) in try EnvelopeLine(bytes) }
            }.get()
        } catch {
            let place = if case .malformed(let place) = error { place } else { line.count }
            throw ReceiverRefusal(.wrongPayload, "record \(index): no envelope of a record, from byte \(place) on")
        }
    }

    private func check(
        _ line: [UInt8], _ index: Int, of stream: StreamID
    ) throws(ReceiverRefusal) -> (EnvelopeLine, PayloadDigest) {
        let envelope = try Self.envelope(line, index)
        guard envelope.stream == stream else {
            throw ReceiverRefusal(.wrongPayload, "record \(index): of another stream than its batch")
        }
        let digest = line.withUnsafeBytes {
            PayloadDigest(of: UnsafeRawBufferPointer(rebasing: $0[envelope.payload]))
        }
        if let fault = keys.fault(in: envelope, digest) {
            throw ReceiverRefusal(.signature, "record \(index), sequence \(envelope.sequence): \(fault)")
        }
        return (envelope, digest)
    }

    /// Takes what a record says.
    private mutating func absorb(
        _ line: [UInt8], _ envelope: EnvelopeLine, _ index: Int, node: String, at now: UInt64
    ) throws(ReceiverRefusal) {
        func wrong(_ what: String) -> ReceiverRefusal {
            ReceiverRefusal(.wrongPayload, "record \(index), sequence \(envelope.sequence): \(what)")
        }
        var options = JSONDecodingOptions()
        // A later version of the same schema may say more.
        options.ignoreUnknownFields = true
        guard var record = try? PostureRecord(jsonUTF8Bytes: Array(line[envelope.payload]), options: options) else {
            throw wrong("the payload is not the JSON of a Record of posture.proto")
        }
        guard record.schema == PostureRecord.currentSchema else {
            throw wrong("another schema than \(PostureRecord.currentSchema)")
        }
        guard record.node == node else { throw wrong("of another node than its batch") }
        guard record.nameLength <= ReceiverKey.nameLimit else {
            throw wrong("names of more than \(ReceiverKey.nameLimit) bytes")
        }
        var clamp = ClockClamp(now: now)
        clamp.clamp(&record)
        if clamp.isClamped { statistics.clamped += 1 }
        switch record.body {
        case .facts?, .profile?:
            guard record.hasSubject else { throw wrong("facts of no subject") }
            guard record.hasHeader(within: limits) else {
                throw wrong("more than \(limits.headerBytes) bytes beside its facts")
            }
            changes.formUnion(subjects.merge(record, node: node))
        case .toolCall?: keep(line, "toolCall", node: node)
        case .anomaly?: keep(line, "anomaly", node: node)
        case .events?: keep(line, "events", node: node)
        case .inventory?: keep(line, "inventory", node: node)
        case .nodeCoverage?: keep(line, "nodeCoverage", node: node)
        case .gap?: keep(line, "gap", node: node)
        case nil: statistics.unknown += 1
        }
    }

    private mutating func keep(_ line: [UInt8], _ body: String, node: String) {
        let value = KeptEvent(node: node, body: body, line: line)
        let (number, dropped) = events.add(node: node, body: body, bytes: line.count)
        lines[number] = value.bytes
        changes.insert(.event(number))
        for number in dropped {
            lines[number] = nil
            changes.insert(.event(number))
        }
    }

    // MARK: Keeping

    /// Keys whose value is another now.
    mutating func takeChanges() -> Set<ReceiverKey> {
        defer { changes = [] }
        return changes
    }

    /// All that was told by `takeChanges` is on disk.
    mutating func noteKept() { lines = [:] }

    /// The value of a key; nil: it has none any more.
    func value(of key: ReceiverKey) -> [UInt8]? {
        switch key {
        case .stream(let id): streams.streams[id]?.kept
        case .share(let subject, let writer, let page):
            subjects.subjects[subject]?.kept(writer, page: page).flatMap { try? $0.serializedBytes() }
        case .event(let number): lines[number]
        case .leftOut(let subject): subjects.subjects[subject].map { Array("\($0.leftOut)".utf8) }
        case .eventSeries: eventSeries.bytes
        }
    }

    /// Takes a value that was kept before a restart. Before any batch; `finishRestoring` comes after the last.
    ///
    /// - Returns: false if this version does not know it.
    mutating func restore(_ key: [UInt8], _ bytes: [UInt8]) -> Bool {
        switch ReceiverKey(key) {
        case .stream(let id)?:
            guard let stream = ReceivedStream(kept: bytes, history: limits.history) else { return false }
            streams.restore(id, stream)
        case .share(_, _, let page)?:
            guard let record = try? PostureRecord(serializedBytes: bytes),
                record.schema == PostureRecord.currentSchema
            else { return false }
            _ = subjects.merge(record, node: record.node, page: page)
        case .event(let number)?:
            guard let event = KeptEvent(bytes) else { return false }
            events.restore(.init(number: number, node: event.node, body: event.body, bytes: event.line.count))
        case .leftOut(let subject)?:
            guard let count = UInt64(String(decoding: bytes, as: UTF8.self)) else { return false }
            subjects.restore(leftOut: count, of: subject)
        case .eventSeries?:
            guard let series = StreamID(bytes: bytes) else { return false }
            eventSeries = series
            changes.remove(.eventSeries)
        case nil: return false
        }
        return true
    }

    /// - Parameter isWhole: nothing of what was kept is lost.
    mutating func finishRestoring(isWhole: Bool) {
        events.sort()
        guard !isWhole else { return }
        // Numbers of the last ones may be given again.
        eventSeries = StreamID()
        changes.insert(.eventSeries)
    }

    /// An event is not on disk.
    func isWaiting(_ number: UInt64) -> Bool { lines[number] != nil }

    /// With what is held now.
    var currentStatistics: ReceiverStatistics {
        var all = statistics
        (all.streams, all.subjects, all.facts) = (streams.streams.count, subjects.subjects.count, subjects.factCount)
        (all.writers, all.events) = (subjects.writerCount, events.entries.count)
        (all.leftOutRecords, all.leftOutFacts) = (subjects.leftOutRecords, subjects.leftOutFacts)
        all.leftOutRevisions = subjects.leftOutRevisions
        all.droppedEvents = events.dropped
        return all
    }
}

extension PostureRecord {
    /// Bytes of the names that stand in keys.
    fileprivate var nameLength: Int {
        let subject = subject
        let writer =
            switch body {
            case .facts(let facts)?: facts.writer
            case .profile(let profile)?: profile.writer
            default: ""
            }
        return [
            node, writer, subject.cluster, subject.namespace, subject.group, subject.kind, subject.name,
            subject.container, subject.containerType,
        ].reduce(0) { $0 + $1.utf8.count }
    }
}
