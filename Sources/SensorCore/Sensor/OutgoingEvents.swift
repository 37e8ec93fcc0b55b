// SPDX-License-Identifier: Apache-2.0

/// Events that are to travel as records, until the journal has time for them. Where there is no room for more, the earliest of the
/// workload that has most of them go, and nobody else's. For one thread.
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
    private var dropped: UInt64 = 0

    /// - Parameters:
    ///   - stream: the first half of every event's id.
    ///   - limit: bytes that wait, at most.
    init(_ choice: EventChoice, credentials: CredentialPaths, stream: String, limit: Int = 4 << 20) {
        (self.choice, self.credentials, self.limit) = (choice, credentials, limit)
        isOff = choice == EventChoice()
        encoder = EventEncoder(stream: stream)
    }

    /// Keeps what is to travel.
    mutating func note(_ events: [Event]) {
        // An anomaly waits elsewhere.
        if !hasUrgent { hasUrgent = events.contains { $0.kind == .anomalyState } }
        if isOff { return }
        for event in events {
            let isUrgent = event.isUrgent(credentials)
            guard choice.contains(event, isUrgent: isUrgent) else { continue }
            if isUrgent { hasUrgent = true }
            var json: [UInt8] = []
            encoder.encode(event, into: &json)
            json.removeLast()
            let owner = UInt64(UInt(bitPattern: Unmanaged.passUnretained(event.workload).toOpaque()))
            waiting.append(
                Waiting(json: json, workload: event.workload), of: owner, size: Self.overhead + json.count, at: 0)
            while waiting.size > limit, waiting.takeFirstOfLargest() != nil { dropped += 1 }
        }
    }

    /// What an event takes beside its bytes, about.
    private static let overhead = 128

    /// All that waits, and how many had to go: workload by workload, those of each in the order in which they came.
    mutating func take() -> (portions: [Portion], dropped: UInt64) {
        var portions: [Portion] = []
        var latest: [ObjectIdentifier: Int] = [:]
        while let event = waiting.takeFirst(by: .max) {
            let owner = ObjectIdentifier(event.workload)
            if let place = latest[owner], portions[place].json.count + event.json.count < Self.portionBytes {
                portions[place].json.append(UInt8(ascii: ","))
                portions[place].json += event.json
                portions[place].count += 1
            } else {
                latest[owner] = portions.count
                portions.append(Portion(workload: event.workload, json: event.json, count: 1))
            }
        }
        defer { (dropped, hasUrgent) = (0, false) }
        return (portions, dropped)
    }

    /// Of one record, about.
    private static let portionBytes = 128 << 10
}
