// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The two rings as one stream in the order of time. For one thread.
///
/// **What is promised:** if one record was committed before the time of another was taken, it is handed on first,
/// whichever rings they are in. So a process's exec stands before all it did after it, and its exit behind all it
/// did before. Of records that were written at the same time on several processors, the earlier time comes first
/// as far as both were seen; times of one ring may step back by what lies between taking the time and reserving.
///
/// **Why it holds:** programs take a record's time before they reserve its room, and commit after. A record X may
/// be passed on
/// - while the other ring's next record is committed and has a later time: had anything behind that next record
///   been committed before X's time was taken, then that next record, reserved still earlier, would have the
///   earlier time (on equal times the lifecycle ring goes first);
/// - while the other ring is empty up to a producer position that was read after X had been reserved: what was
///   committed before X's time was taken is below that position.
///
/// While the next record of either ring is still being written, its time is not known, and nothing is handed on.
/// That lasts as long as a program runs, microseconds as a rule.
struct MergedRings: ~Copyable {
    enum Outcome: Sendable, Equatable {
        /// Both rings were found empty.
        case emptied
        /// The limit was reached.
        case limited
        /// A program is in the middle of writing the next record: look again soon.
        case busy
    }

    private var lifecycle: RingBuffer
    private var activity: RingBuffer
    /// Producer positions, read in this order: `activityBefore`, `lifecycleEnd`, `activityEnd`.
    private var activityBefore: UInt64 = 0
    private var lifecycleEnd: UInt64 = 0
    private var activityEnd: UInt64 = 0
    /// Bytes after which a ring's room is given back within a pass: not for each record, since the programs
    /// read the position that is written then.
    private let releaseAfter: Int

    /// How often a record in the making is looked at again before the pass ends.
    private static let busySpins = 200

    init(lifecycle: consuming RingBuffer, activity: consuming RingBuffer, releaseAfter: Int = 64 << 10) {
        self.lifecycle = lifecycle
        self.activity = activity
        self.releaseAfter = releaseAfter
        look()
    }

    /// Whether both rings are empty, as of now.
    mutating func isEmpty() -> Bool {
        look()
        return lifecycle.position >= lifecycleEnd && activity.position >= activityEnd
    }

    /// Bytes that wait in the rings, as of now: lifecycle, activity.
    func fill() -> (lifecycle: UInt64, activity: UInt64) {
        (lifecycle.producerPosition &- lifecycle.position, activity.producerPosition &- activity.position)
    }

    /// Hands on what waits, `limit` records at most. The bytes are valid during the call only.
    mutating func drain(limit: Int, _ handle: (RawSpan) -> Void) -> (count: Int, outcome: Outcome) {
        defer {
            lifecycle.release()
            activity.release()
        }
        var count = 0
        var spins = 0
        look()
        while count < limit {
            switch (lifecycle.head(before: lifecycleEnd), activity.head(before: activityEnd)) {
            case (.busy, _), (_, .busy):
                spins += 1
                if spins > Self.busySpins { return (count, .busy) }
                continue
            case (.empty, .empty):
                look()
                if lifecycle.position >= lifecycleEnd, activity.position >= activityEnd { return (count, .emptied) }
                continue
            case (.record(let offset, let length), .empty):
                Self.hand(on: &lifecycle, offset, length, releaseAfter, handle)
            case (.empty, .record(let offset, let length)):
                // Beyond that position, something in the lifecycle ring may belong before it.
                if activity.position >= activityBefore {
                    look()
                    continue
                }
                Self.hand(on: &activity, offset, length, releaseAfter, handle)
            case (.record(let ours, let ourLength), .record(let other, let otherLength)):
                if lifecycle.time(offset: ours, length: ourLength) <= activity.time(offset: other, length: otherLength)
                {
                    Self.hand(on: &lifecycle, ours, ourLength, releaseAfter, handle)
                } else {
                    Self.hand(on: &activity, other, otherLength, releaseAfter, handle)
                }
            }
            count += 1
            spins = 0
        }
        return (count, .limited)
    }

    /// Hands on all that had been written when it was called, and what comes with it in the order of time.
    mutating func drainPresent(_ handle: (RawSpan) -> Void) {
        let lifecyclePresent = lifecycle.producerPosition
        let activityPresent = activity.producerPosition
        while lifecycle.position < lifecyclePresent || activity.position < activityPresent {
            // A program that is writing needs a processor to go on.
            if drain(limit: 1024, handle).outcome == .busy { sched_yield() }
        }
    }

    private static func hand(
        on ring: inout RingBuffer, _ offset: Int, _ length: Int, _ releaseAfter: Int, _ handle: (RawSpan) -> Void
    ) {
        ring.withRecord(offset: offset, length: length, handle)
        ring.pass(length: length)
        if ring.unreleased >= releaseAfter { ring.release() }
    }

    private mutating func look() {
        activityBefore = activity.producerPosition
        lifecycleEnd = lifecycle.producerPosition
        activityEnd = activity.producerPosition
    }
}
