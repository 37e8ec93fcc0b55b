// SPDX-License-Identifier: Apache-2.0

/// Events that are to travel as records, until the journal has time for them. Where there is no room for more, the earliest of the
/// workload that has most of them go, and nobody else's. What is urgent has room of its own, so that no flood of what is not takes it.
/// For one thread.
struct OutgoingEvents: ~Copyable {
    private struct Waiting {
        var json: [UInt8]
        // Its address is the queue's name for it, as long as it is here.
        var workload: WorkloadDescription
    }

    /// Some of one workload.
    struct Portion {
        var workload: WorkloadDescription
        /// Objects with commas between.
        var json: [UInt8]
        var count: Int
        /// All of it is.
        var isUrgent: Bool
    }

    /// Something waits that should not.
    private(set) var hasUrgent = false
    private let choice: EventChoice
    /// Nothing is to travel.
    private let isOff: Bool
    private let credentials: CredentialPaths
    private let encoder: EventEncoder
    private let limit: Int
    private var waiting = SharedQueue<Waiting>()
    private var urgent = SharedQueue<Waiting>()
    private var dropped: UInt64 = 0

    /// - Parameters:
    ///   - stream: the first half of every event's id.
    ///   - limit: bytes that wait, at most; and as many of what is urgent.
    init(_ choice: EventChoice, credentials: CredentialPaths, stream: String, limit: Int = 4 << 20) {
        (self.choice, self.credentials, self.limit) = (choice, credentials, limit)
        isOff = choice == EventChoice()
        encoder = EventEncoder(stream: stream)
    }

    /// What waits has of the room for it, from 0 to 1. But for what is urgent, which nothing makes less of.
    var fill: Double { Double(waiting.size) / Double(limit) }

    var queues: [FillLevel] {
        [
            FillLevel(name: "events", used: waiting.size, size: limit),
            FillLevel(name: "urgent_events", used: urgent.size, size: limit),
        ]
    }

    /// Keeps what is to travel.
    ///
    /// - Parameter lowered: of these only what is urgent travels; the rest is counted as dropped.
    mutating func note(_ events: [Event], lowered: Set<SubjectKey> = []) {
        // An anomaly waits elsewhere.
        if !hasUrgent { hasUrgent = events.contains { $0.kind == .anomalyState } }
        if isOff { return }
        for event in events {
            let isUrgent = event.isUrgent(credentials)
            guard choice.contains(event, isUrgent: isUrgent) else { continue }
            if isUrgent { hasUrgent = true }
            if !isUrgent, !lowered.isEmpty, lowered.contains(SubjectKey(event.workload.identity)) {
                dropped += 1
                continue
            }
            var json: [UInt8] = []
            encoder.encode(event, into: &json)
            json.removeLast()
            let owner = UInt64(UInt(bitPattern: ObjectIdentifier(event.workload)))
            let entry = Waiting(json: json, workload: event.workload)
            dropped +=
                isUrgent
                ? Self.add(entry, of: owner, to: &urgent, limit) : Self.add(entry, of: owner, to: &waiting, limit)
        }
    }

    /// - Returns: how many had to go.
    private static func add(
        _ entry: Waiting, of owner: UInt64, to queue: inout SharedQueue<Waiting>, _ limit: Int
    ) -> UInt64 {
        queue.append(entry, of: owner, size: overhead + entry.json.count, at: 0)
        var gone: UInt64 = 0
        while queue.size > limit, queue.takeFirstOfLargest() != nil { gone += 1 }
        return gone
    }

    /// What an event takes beside its bytes, about.
    private static let overhead = 128

    /// All that waits, and how many had to go: first what is urgent, then the rest, each workload by workload, those of each in
    /// the order in which they came.
    mutating func take() -> (portions: [Portion], dropped: UInt64) {
        defer { (dropped, hasUrgent) = (0, false) }
        return (Self.take(all: &urgent, isUrgent: true) + Self.take(all: &waiting, isUrgent: false), dropped)
    }

    private static func take(all queue: inout SharedQueue<Waiting>, isUrgent: Bool) -> [Portion] {
        var portions: [Portion] = []
        var latest: [ObjectIdentifier: Int] = [:]
        while let event = queue.takeFirst(by: .max) {
            let owner = ObjectIdentifier(event.workload)
            if let place = latest[owner], portions[place].json.count + event.json.count < portionBytes {
                portions[place].json.append(UInt8(ascii: ","))
                portions[place].json += event.json
                portions[place].count += 1
            } else {
                latest[owner] = portions.count
                portions.append(Portion(workload: event.workload, json: event.json, count: 1, isUrgent: isUrgent))
            }
        }
        return portions
    }

    /// Of one record, about.
    private static let portionBytes = 128 << 10
}
