// SPDX-License-Identifier: Apache-2.0

/// Keeps posture on disk: the latest value of each key, the head of a stream, and the stream's records until they are
/// acknowledged. For one thread, which may have to wait for the disk when it commits.
///
/// The log is a row of segments that are only appended to; a commit appends what has changed, all of it or nothing. When
/// more of it is garbage than not, each commit also moves some of what is left in the oldest segment to the end, until that
/// segment can be removed. So the segments take twice what is kept and two segments, at most, and a commit writes about
/// twice what has changed.
///
/// The rules by which no sequence is ever used twice:
/// - A record is to be seen by nobody before the commit that follows `append` has returned `.committed`.
/// - After it a kill, and (unless `Sync.never`) a loss of power, leaves the record here until it is acknowledged.
/// - Opening hands on a head behind every sequence that can have been seen; where damage leaves that open, behind all that
///   could have been. Where it cannot be bounded, or where there is no state, the stream is another.
/// - While the disk takes nothing, no record is to be seen. Who cannot wait goes on with a stream of an id that has never
///   been here (`begin(_:)`).
package final class StateLog {
    package struct Limits: Sendable {
        /// Bytes of all segments. What would lead beyond is not taken.
        package var bytes = 256 << 20
        /// Bytes of a segment, about: it ends with the commit that leads beyond.
        package var segment = 4 << 20
        /// Bytes of records that wait in memory for a commit.
        package var waitingRecords = 4 << 20
        /// Damaged files that are kept aside; the earliest go first.
        package var damagedFiles = 4

        package init() {}
    }

    package enum Sync: String, Sendable, CaseIterable {
        /// A commit outlives a loss of power.
        case commit
        /// A commit outlives the process only.
        case never
    }

    package enum Condition: Equatable, Sendable {
        case working
        /// The disk takes nothing. Each commit tries again.
        case failing(SystemError)
        /// What is to be kept takes more than `Limits.bytes`.
        case full
    }

    /// What was found.
    package let opening: OpeningReport
    package internal(set) var condition = Condition.working
    package internal(set) var statistics = StateLogStatistics()

    /// Others need the disk's room: garbage goes as soon as there is a segment of it.
    package var isShortOfRoom = false

    /// Where the stream of records goes on.
    package internal(set) var head: RecordStream.Head
    /// Records up to this one are not kept.
    package internal(set) var acknowledged: UInt64

    let limits: Limits
    let sync: Sync
    let boot: [UInt8]
    let directory: StateDirectory
    let log: StreamID
    var index: LogIndex
    var segments: [LogRecovery.Segment]
    var nextSegment: UInt32
    var nextVersion: UInt64
    var writer: SegmentWriter?
    /// Keys whose value on disk is not the latest.
    var changed: Set<[UInt8]> = []
    /// Records that are not on disk.
    var waiting: [RecordEnvelope] = []
    var waitingBytes = 0
    /// The head on disk, or what it is to be there once there is one.
    var committedHead: RecordStream.Head
    var isHeadKept: Bool
    var committedAcknowledged: UInt64
    var cleaning: Cleaning?

    /// Opens the state of a directory, which is made where it is missing, and takes its lock.
    ///
    /// - Parameter boot: the id of the machine's boot: whether the last run was of the same one.
    /// - Throws: the directory is another daemon's, or cannot be trusted, read or understood. Nothing is changed then.
    package init(
        directory path: String, boot: String, limits: Limits = Limits(), sync: Sync = .commit
    ) throws(StateLogError) {
        directory = try StateDirectory(path)
        self.boot = Array(PayloadDigest(of: Array(boot.utf8)).bytes.prefix(16))
        self.limits = limits
        self.sync = sync
        let recovery = try LogRecovery(directory, boot: self.boot)
        if let (file, layout) = recovery.newer { throw StateLogError(path, .newer(file: file, layout: layout)) }
        log = recovery.log ?? StreamID()
        index = recovery.index
        segments = recovery.segments
        nextSegment = recovery.highest + 1
        nextVersion = recovery.nextVersion
        head = recovery.head
        acknowledged = recovery.acknowledged
        opening = recovery.report
        committedHead = recovery.head
        isHeadKept = recovery.lastCommit?.head == recovery.head
        committedAcknowledged = recovery.acknowledged
        for name in recovery.garbage { try? directory.remove(name) }
        directory.note(segment: recovery.segments.last?.number ?? 0)
    }

    /// Keys that have a value.
    package var keys: [[UInt8]] { index.slots.filter { !$0.value.isRemoved }.map(\.key) }

    var segmentLimit: Int { min(limits.segment, limits.bytes / 4) }

    /// Bytes of the segments, and how many of them are garbage.
    package var size: (bytes: Int, garbage: Int) {
        let bytes = segments.reduce(0) { $0 + $1.size }
        return (bytes, bytes - index.liveBytes)
    }

    /// Bytes of the file system that are free for this program, and all that it has; nil: it does not say.
    package var space: (free: Int, total: Int)? { directory.space }

    /// The value of a key as it was committed; the one before it where that is damaged, which is then counted.
    package func value(of key: [UInt8]) throws(SystemError) -> [UInt8]? {
        while let slot = index.slots[key], !slot.isRemoved {
            if let frame = try frame(at: slot.newest.place), frame.key == key { return frame.payload }
            lose(slot.newest.place, of: key)
        }
        return nil
    }

    /// The value of a key is another now: the next commit asks for it.
    ///
    /// - Returns: false if the key is longer than 4096 bytes; nothing is kept of it.
    @discardableResult
    package func change(_ key: [UInt8]) -> Bool {
        guard key.count <= LogFrame.keyLimit else { return false }
        changed.insert(key)
        return true
    }

    /// Reads a frame; nil if it is damaged.
    func frame(at place: LogPlace) throws(SystemError) -> (
        header: LogFrame.Header, key: [UInt8], payload: [UInt8]
    )? {
        let name = LogRecovery.name(place.segment)
        var reader = try SegmentReader(file: directory.open(name), name: name, chunk: 0)
        return try reader.whole(at: place, log: log)
    }

    /// A value turned out to be damaged.
    func lose(_ place: LogPlace, of key: [UInt8]) {
        statistics.damagedEntries += 1
        index.lose(key, at: place)
        noteDamage(in: place.segment)
    }

    func noteDamage(in segment: UInt32) {
        for position in segments.indices where segments[position].number == segment {
            segments[position].isDamaged = true
        }
    }
}
