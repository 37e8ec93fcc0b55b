// SPDX-License-Identifier: Apache-2.0

/// Records that nobody can make anew, until the journal has time for them. Where there is no room for more, the earliest of the
/// workload that has most of them go, and nobody else's. For one thread.
struct PendingRecords: ~Copyable {
    /// Records that had to go.
    struct Loss {
        var workload: WorkloadDescription
        /// Of the events that they are made of.
        var kind: EventKind
        var count: UInt64
    }

    private struct Waiting {
        var content: RecordContent
        var kind: EventKind
        // Its address is the queue's name for it, as long as it is here.
        var workload: WorkloadDescription
    }

    private var waiting = SharedQueue<Waiting>()
    private var lost: [Loss] = []
    /// Bytes that wait, at most.
    private let limit: Int

    init(limit: Int = 16 << 20) { self.limit = limit }

    /// More would soon have no room.
    var isHalfFull: Bool { waiting.size > limit / 2 }

    var queue: FillLevel { FillLevel(name: "records", used: waiting.size, size: limit) }

    mutating func append(_ content: RecordContent, _ kind: EventKind, of workload: WorkloadDescription) {
        let owner = UInt64(UInt(bitPattern: ObjectIdentifier(workload)))
        waiting.append(
            Waiting(content: content, kind: kind, workload: workload), of: owner, size: content.size, at: 0)
        while waiting.size > limit, let gone = waiting.takeFirstOfLargest() { lose(gone) }
    }

    private mutating func lose(_ gone: Waiting) {
        let known = lost.firstIndex { $0.workload === gone.workload && $0.kind == gone.kind }
        if let known {
            lost[known].count += 1
        } else {
            lost.append(Loss(workload: gone.workload, kind: gone.kind, count: 1))
        }
    }

    /// In the order in which they came; anomalies by themselves, since nobody should have to wait for them.
    mutating func take() -> (urgent: [RecordContent], others: [RecordContent]) {
        var (urgent, others): ([RecordContent], [RecordContent]) = ([], [])
        others.reserveCapacity(waiting.count)
        while let first = waiting.takeFirst(by: .max) {
            if first.kind == .anomalyState { urgent.append(first.content) } else { others.append(first.content) }
        }
        return (urgent, others)
    }

    /// What had to go since the last call.
    mutating func takeLost() -> [Loss] {
        defer { lost = [] }
        return lost
    }
}
