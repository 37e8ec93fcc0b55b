// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// What seems to have been done for one call, until it is known that this had not ended by then.
struct UnheardOccurrences {
    /// From when it was done (ns). Whoever says so much that it is not read by then has it told without; nobody else waits.
    static let life: UInt64 = 5_000_000_000
    /// Bytes of all, about.
    static let limit = 8 << 20

    private struct Waiting {
        let number: UInt64
        let occurrence: Occurrence
        let cost: Int
    }

    /// By call.
    private var waiting: [UInt64: [Waiting]] = [:]
    private var bytes = 0
    /// By the workload's number.
    private var bytesOf: [UInt64: Int] = [:]
    private var nextNumber: UInt64 = 0
    private(set) var count = 0
    /// When one of them may have waited long enough, boot clock; the end of time if none waits.
    private(set) var nextDeadline = UInt64.max

    /// Of what is free each workload has a part at most, so that there is always some for the next one.
    ///
    /// - Returns: false: there is no room for it.
    mutating func add(_ occurrence: Occurrence, for call: UInt64) -> Bool {
        let owner = occurrence.subject.workload.number
        let own = bytesOf[owner, default: 0]
        var cost = MemoryLayout<Waiting>.stride + occurrence.detail.bytes
        // A process is shared by all that it does in one run.
        if let process = occurrence.description, process !== waiting[call]?.last?.occurrence.description {
            cost += process.bytes
        }
        guard own + cost <= (Self.limit - bytes) / 7 else { return false }
        waiting[call, default: []].append(Waiting(number: nextNumber, occurrence: occurrence, cost: cost))
        nextNumber += 1
        bytesOf[owner] = own + cost
        bytes += cost
        count += 1
        nextDeadline = min(nextDeadline, Self.deadline(occurrence))
        return true
    }

    /// What waits for a call, in the order in which it came.
    mutating func take(of call: UInt64) -> [Occurrence] {
        guard let all = waiting.removeValue(forKey: call) else { return [] }
        return forget(all)
    }

    /// What has waited long enough.
    mutating func take(by time: UInt64) -> [Occurrence] {
        guard time >= nextDeadline else { return [] }
        var next = UInt64.max
        let taken = take { occurrence, _ in
            let deadline = Self.deadline(occurrence)
            if deadline > time { next = min(next, deadline) }
            return deadline <= time
        }
        nextDeadline = next
        return taken
    }

    /// Some of them with the calls that they wait for, in the order in which they came.
    mutating func take(where isTaken: (Occurrence, UInt64) -> Bool) -> [Occurrence] {
        var taken: [Waiting] = []
        for (call, all) in waiting {
            // Most often none is, and nothing is copied.
            guard let first = all.firstIndex(where: { isTaken($0.occurrence, call) }) else { continue }
            var left = Array(all[..<first])
            taken.append(all[first])
            for one in all[(first + 1)...] {
                if isTaken(one.occurrence, call) { taken.append(one) } else { left.append(one) }
            }
            waiting[call] = left.isEmpty ? nil : left
        }
        return forget(taken.sorted { $0.number < $1.number })
    }

    private mutating func forget(_ taken: [Waiting]) -> [Occurrence] {
        for one in taken {
            let owner = one.occurrence.subject.workload.number
            let own = bytesOf[owner, default: 0] - one.cost
            bytesOf[owner] = own > 0 ? own : nil
            bytes -= one.cost
        }
        count -= taken.count
        if count == 0 { nextDeadline = .max }
        return taken.map(\.occurrence)
    }

    private static func deadline(_ occurrence: Occurrence) -> UInt64 { occurrence.header.time &+ life }
}
