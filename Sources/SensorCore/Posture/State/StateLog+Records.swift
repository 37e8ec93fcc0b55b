// SPDX-License-Identifier: Apache-2.0

extension StateLog {
    /// What is kept of a stream.
    package enum Kept: Equatable, Sendable {
        case record(RecordEnvelope)
        /// These are not to be had any more. The digest is that of the last one's payload, where it is known.
        case hole(ClosedRange<UInt64>, digest: PayloadDigest?)
    }

    /// Gives a payload its place in the stream; the next commit keeps it.
    ///
    /// - Parameters:
    ///   - stream: goes on from `head`.
    ///   - original: the sequence that it had before it was set aside, where it was.
    /// - Returns: nil if there is no room in memory, as after a while in which the disk took nothing, or if the payload has
    ///   more than 16 MiB. It has no place in the stream then, which leaves no hole.
    package func append(
        _ payload: [UInt8], to stream: inout RecordStream, original: UInt64? = nil
    ) -> RecordEnvelope? {
        precondition(stream.head == head, "the stream is not the one that is kept here")
        guard waitingBytes + payload.count <= min(limits.waitingRecords, LogFrame.payloadLimit - 1024) else {
            statistics.refusedRecords += 1
            return nil
        }
        let envelope = stream.append(payload, original: original)
        head = stream.head
        waiting.append(envelope)
        waitingBytes += payload.count
        return envelope
    }

    /// Another stream goes on from here, and the records of the one before are not kept any more.
    package func begin(_ head: RecordStream.Head) {
        self.head = head
        acknowledged = head.sequence
        waiting = []
        waitingBytes = 0
        index.dropRecords(through: .max)
    }

    /// Records up to this one need not be kept.
    package func acknowledge(through sequence: UInt64) {
        acknowledged = max(acknowledged, min(sequence, committedHead.sequence))
        index.dropRecords(through: acknowledged)
    }

    /// These need not be kept, though records around them are.
    package func drop(_ sequences: some Sequence<UInt64>) {
        for sequence in sequences { index.loseRecord(sequence) }
    }

    /// What follows a sequence among what is committed; nil: nothing does. What is acknowledged is not to be had any more.
    package func next(after sequence: UInt64) throws(SystemError) -> Kept? {
        // Another stream has begun here, and that is not committed yet.
        guard committedHead.id == head.id else { return nil }
        let next = sequence + 1
        guard next <= committedHead.sequence else { return nil }
        if let envelope = try envelope(next) { return .record(envelope) }
        while let end = index.records.first(from: next) {
            guard let after = try envelope(end) else { continue }
            return .hole(next...(end - 1), digest: after.previous)
        }
        return .hole(next...committedHead.sequence, digest: committedHead.digest)
    }

    /// Bytes that records take which are not acknowledged.
    package var recordBytes: Int { index.records.bytes }

    /// The same, of those behind one.
    func bytes(after sequence: UInt64) -> Int { index.records.bytes(after: sequence) }

    /// The last of the first records that take so many bytes together, as far as they are committed.
    func lastRecord(ofBytes bytes: Int) -> UInt64? { index.records.last(ofBytes: bytes) }

    func loseRecord(_ sequence: UInt64, in segment: UInt32) {
        statistics.damagedRecords += 1
        index.loseRecord(sequence)
        noteDamage(in: segment)
    }

    private func envelope(_ sequence: UInt64) throws(SystemError) -> RecordEnvelope? {
        guard let place = index.records[sequence] else { return nil }
        if let frame = try frame(at: place), let envelope = LogRecord.envelope(key: frame.key, payload: frame.payload),
            envelope.stream == head.id, envelope.sequence == sequence
        {
            return envelope
        }
        loseRecord(sequence, in: place.segment)
        return nil
    }
}
