// SPDX-License-Identifier: Apache-2.0

/// One that takes a journal's records, and how far it is.
struct SinkCursor {
    let sink: any RecordSink
    /// Of its place in the log.
    let key: [UInt8]
    /// The last record that it has taken.
    private(set) var told: UInt64
    /// The last record that it has settled.
    private(set) var settled: UInt64
    /// Records in whose place it was told a gap.
    private(set) var missing: UInt64 = 0
    /// From keeping a record until it was settled, of the first that was settled each time.
    private(set) var latency = LatencyHistogram()
    /// The log has no place of it in this stream.
    let isNew: Bool

    /// Goes on from where the log has it; one that was never there has what the others have not settled.
    init(_ sink: any RecordSink, _ log: StateLog) {
        self.sink = sink
        key = SinkPosition.key(sink.name)
        if let bytes = try? log.value(of: key), let position = SinkPosition(bytes), position.stream == log.head.id {
            isNew = false
            settled = min(position.sequence, log.committedHead.sequence)
        } else {
            isNew = true
            settled = log.acknowledged
        }
        told = settled
    }

    /// It has taken what it may still settle.
    var isSettling: Bool { settled < told && !sink.isHanging }

    /// - Parameter gone: how many records the envelope stands for that are not to be had any more.
    /// - Returns: whether it was taken.
    mutating func offer(_ envelope: RecordEnvelope, gone: UInt64) -> Bool {
        guard sink.offer(envelope) else { return false }
        told = envelope.sequence
        missing += gone
        return true
    }

    /// - Parameter times: when records were kept.
    /// - Returns: whether it has settled more than before.
    mutating func settle(_ times: KeptTimes) -> Bool {
        let last = min(sink.settled, told)
        guard last > settled else { return false }
        if let time = times.time(after: settled) { latency.add(time.duration(to: .now)) }
        settled = last
        return true
    }
}
