// SPDX-License-Identifier: Apache-2.0

/// A record that was set aside, for people.
package struct SetAsideRecord: Sendable, Equatable {
    package var sequence: UInt64
    /// It had been set aside before, under this one.
    package var originalSequence: UInt64?
    /// As the payload's member is called.
    package var body: String
    package var subject: SubjectKey
    package var bytes: Int

    init?(line: ArraySlice<UInt8>) {
        guard let envelope = RecordEnvelope(line: line) else { return nil }
        (sequence, originalSequence) = (envelope.sequence, envelope.originalSequence)
        bytes = envelope.payload.count
        let record = TelemetryRecord(envelope)
        body = record?.bodyName ?? "record"
        subject = SubjectKey(record?.message.subject ?? PostureSubject())
    }
}

extension SetAsideFiles {
    /// A batch's records; nil: it has gone. What is no record is left out.
    package func records(of batch: SetAsideBatch) -> [SetAsideRecord]? {
        lines(of: batch)?.compactMap { SetAsideRecord(line: $0) }
    }
}

extension SetAsideBatch {
    /// How many of its sequences one of the others has, too, as after a crash before the place of both was known.
    package func overlap(with others: some Sequence<SetAsideBatch>) -> UInt64 {
        var found = SequenceSet()
        for other in others where other.stream == stream && other.sequences.overlaps(sequences) {
            found.insert(other.sequences.clamped(to: sequences))
        }
        return found.ranges.reduce(0) { $0 + ($1.upperBound - $1.lowerBound + 1) }
    }
}
