// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

/// Decides what of a log's records has to go though somebody has not taken it.
struct SpoolKeeper {
    private let limits: SpoolLimits
    private let boot: String
    private var lookedAtAge: ContinuousClock.Instant?

    /// - Parameter boot: the machine's boot id.
    init(_ limits: SpoolLimits, boot: String) {
        self.limits = limits
        self.boot = boot
    }

    /// The last record that has to go; nil: none has.
    mutating func excess(of log: StateLog, now: ContinuousClock.Instant) -> UInt64? {
        let (taken, garbage, space) = (log.recordBytes, log.size.garbage, log.space)
        log.isShortOfRoom = space.map { $0.free < limits.reserve(of: $0.total) } ?? false
        guard taken > 0 else { return nil }
        var allowance = limits.allowance(taken: taken, garbage: garbage, space: space)
        if log.condition == .full { allowance = min(allowance, taken / 2) }
        // Somewhat more than must be, so that not each record leads to a gap of its own.
        let large = taken > allowance ? log.lastRecord(ofBytes: taken - allowance + allowance / 16) : nil
        guard lookedAtAge.map({ now - $0 >= Self.interval }) ?? true else { return large }
        lookedAtAge = now
        let old = oldest(in: log, clock: .now())
        return large.map { max($0, old ?? 0) } ?? old
    }

    /// Something will have to go before long.
    func isNearlyFull(_ log: StateLog) -> Bool {
        let taken = log.recordBytes
        guard taken > 0, log.condition == .working else { return false }
        let allowance = limits.allowance(taken: taken, garbage: log.size.garbage, space: log.space)
        return taken > allowance - allowance / 4
    }

    /// Bytes of events that may be added: they have a quarter of the room, urgent ones half of it, while nothing else has it.
    ///
    /// - Parameter settled: the last record that anybody has: those before it wait for others, who get gaps in the place of what
    ///   is too much for them. The last eighth of the room is not for events then: what waits is coarsened by that time, events
    ///   first, so that only as many come as go, and calls and anomalies have room.
    func roomForEvents(in log: StateLog, settled: UInt64, isUrgent: Bool) -> Int {
        guard log.condition == .working else { return 0 }
        let allowance = limits.allowance(taken: log.recordBytes, garbage: log.size.garbage, space: log.space)
        let waiting = settled > log.acknowledged ? log.bytes(after: settled) : log.recordBytes
        let room = min(allowance / (isUrgent ? 2 : 4) - waiting, allowance - allowance / 8 - log.recordBytes)
        return room - log.waitingBytes
    }

    /// How long ago the first record was made that is not acknowledged; nil: there is none, or none says when.
    func ageOfFirst(in log: StateLog, _ clock: ClockReading) -> Duration? {
        var last = log.acknowledged
        for _ in 0..<Self.passedOver {
            switch try? log.next(after: last) {
            case .record(let envelope)?:
                if let age = age(of: envelope, clock) { return age }
                last = envelope.sequence
            case .hole(let range, _)?: last = range.upperBound
            case nil: return nil
            }
        }
        return nil
    }

    private static let interval = Duration.seconds(30)

    /// The last record that is too old.
    private func oldest(in log: StateLog, clock: ClockReading) -> UInt64? {
        var (low, high) = (log.acknowledged, log.committedHead.sequence)
        var found: UInt64?
        // All up to `low` are too old, and those behind `high` are not, as far as they say when they were made.
        while low < high {
            let middle = low + (high - low + 1) / 2
            if let (sequence, isOld) = age(from: middle, through: high, log, clock), isOld {
                (low, found) = (sequence, sequence)
            } else {
                high = middle - 1
            }
        }
        return found
    }

    /// Of the first record from there on that says when it was made: what is damaged or says nothing is passed over.
    private func age(
        from first: UInt64, through last: UInt64, _ log: StateLog, _ clock: ClockReading
    ) -> (sequence: UInt64, isOld: Bool)? {
        var next = first
        for _ in 0..<Self.passedOver where next <= last {
            switch try? log.next(after: next - 1) {
            case .record(let envelope)?:
                if let age = age(of: envelope, clock) { return (envelope.sequence, age > limits.age) }
                next = envelope.sequence + 1
            case .hole(let range, _)?: next = range.upperBound + 1
            case nil: return nil
            }
        }
        return nil
    }

    /// Records and holes in a row.
    private static let passedOver = 256

    /// How long ago it was made; nil: it does not say, or after now.
    func age(of envelope: RecordEnvelope, _ clock: ClockReading) -> Duration? {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        guard let record = try? PostureRecord(jsonUTF8Bytes: envelope.payload, options: options) else { return nil }
        // The time of day may have been set since, where it is of this boot that does not count.
        let (then, now) =
            record.boot == boot
            ? (record.bootTime, clock.boot) : (record.time.nanosecondsSince1970, clock.wall)
        if then == 0 { return nil }
        return .nanoseconds(now - min(now, then))
    }
}
