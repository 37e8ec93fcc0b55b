// SPDX-License-Identifier: Apache-2.0

/// Makes of the segments of a directory the state that they hold. Changes nothing in it.
struct LogRecovery {
    struct Segment {
        var number: UInt32
        /// Bytes up to the end of the last commit, or of the file.
        var size: Int
        var isDamaged = false
        /// Nothing is to be appended.
        var isSealed = false
        /// All that is not garbage stands elsewhere.
        var isMoved = false
        /// Frames before `size`, those that are damaged too.
        var frames: UInt32 = 0
    }

    private enum Staged {
        case put([UInt8], LogIndex.Version)
        case remove([UInt8], LogIndex.Version)
        case record(UInt64, StreamID, LogPlace)
        case damaged(LogFrame.Trailer)
    }

    private(set) var index = LogIndex()
    private(set) var segments: [Segment] = []
    private(set) var head = RecordStream.Head()
    private(set) var acknowledged: UInt64 = 0
    private(set) var nextVersion: UInt64 = 1
    private(set) var log: StreamID?
    private(set) var report = OpeningReport()
    private(set) var lastCommit: LogCommit?
    /// Names of files of segments that are garbage.
    private(set) var garbage: [String] = []
    /// The largest number of a file, garbage or not.
    private(set) var highest: UInt32 = 0
    /// A file that a later version has written, and its layout; nothing was read then.
    private(set) var newer: (file: String, layout: UInt32)?

    private var staged: [Staged] = []
    private var damaged: [LogFrame.Trailer] = []
    private var lastCommitVersion: UInt64 = 0
    /// Bytes that follow a commit, and in which others may have been damaged.
    private var uncertain: (version: UInt64, bytes: Int) = (0, 0)
    private var unknownFrames = 0

    static func name(_ number: UInt32) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 8 - digits.count)) + digits + ".log"
    }

    static func number(_ name: String) -> UInt32? {
        guard name.hasSuffix(".log"), let number = UInt32(name.dropLast(4)), self.name(number) == name else {
            return nil
        }
        return number
    }

    init(_ directory: StateDirectory, boot: [UInt8]) throws(StateLogError) {
        do throws(SystemError) {
            let numbers = try directory.names().compactMap { Self.number($0) }.sorted()
            var headers: [UInt32: SegmentHeader] = [:]
            for number in numbers {
                headers[number] = try SegmentReader(file: directory.open(Self.name(number)), name: Self.name(number))
                    .header
            }
            log = numbers.lazy.compactMap { headers[$0]?.log }.first
            newer = numbers.first { headers[$0]?.layout ?? 0 > LogFrame.layout }.flatMap { number in
                headers[number].map { (Self.name(number), $0.layout) }
            }
            // Nothing is believed unless all of it can be understood.
            guard newer == nil else { return }
            for number in numbers { try load(number, from: directory) }
            if let oldest = lastCommit?.oldest, let first = numbers.first, first < oldest {
                // They were removed, and came back from a loss of power: they know nothing of later removals.
                let (log, version) = (log, nextVersion)
                self = LogRecovery()
                (self.log, nextVersion) = (log, version)
                for number in numbers {
                    if max(number, headers[number]?.number ?? 0) < oldest {
                        garbage.append(Self.name(number))
                    } else {
                        try load(number, from: directory)
                    }
                }
            }
            highest = numbers.last ?? 0
        } catch { throw StateLogError(directory.path, error) }
        settle(noted: directory.notedSegment, boot: boot)
    }

    private init() {}

    private mutating func load(_ number: UInt32, from directory: StateDirectory) throws(SystemError) {
        let name = Self.name(number)
        var reader = try SegmentReader(file: directory.open(name), name: name)
        var segment = Segment(number: number, size: LogFrame.start, isDamaged: reader.isHeaderDamaged)
        if let header = reader.header, header.log != log || header.number != number || header.layout < LogFrame.layout {
            // A file of another log, or a copy, or one that was renamed: what is in a copy is in the original as well.
            segment.isDamaged = true
        }
        if try reader.isUnfinished {
            report.tornBytes += reader.size
            garbage.append(name)
            return
        }
        guard let log, reader.header?.log ?? log == log else {
            segment.isDamaged = true
            segment.size = reader.size
            unknownFrames += 1
            segments.append(segment)
            return
        }
        var offset = LogFrame.start
        var frames: UInt32 = 0
        var isDamagedSinceCommit = false
        var commitVersion: UInt64 = 0
        reading: while true {
            switch try reader.step(at: offset, log: log) {
            case .frame(let header, let key, let payload):
                let place = LogPlace(segment: number, offset: UInt32(offset), length: UInt32(header.length))
                offset += header.length
                frames += 1
                nextVersion = max(nextVersion, header.version + 1)
                let version = LogIndex.Version(number: header.version, place: place)
                switch header.kind {
                case .put: staged.append(.put(key, version))
                case .remove: staged.append(.remove(key, version))
                case .record:
                    if let record = LogRecord.place(key) {
                        staged.append(.record(record.sequence, record.stream, place))
                    }
                case .commit:
                    guard let commit = LogCommit(payload) else { continue reading }
                    unknownFrames += max(0, Int(commit.frames) - Int(frames) + 1)
                    frames = max(frames, commit.frames + 1)
                    apply(commit, header.version)
                    commitVersion = header.version
                    isDamagedSinceCommit = false
                    segment.size = offset
                    segment.frames = frames
                }
            case .damage(let trailer, let next):
                segment.isDamaged = true
                isDamagedSinceCommit = true
                if let trailer {
                    frames += 1
                    staged.append(.damaged(trailer))
                }
                offset = next
            case .torn, .end: break reading
            }
        }
        if isDamagedSinceCommit {
            // What was damaged may have been a commit: what stands before it may have been seen.
            if commitVersion == 0 || commitVersion == lastCommitVersion {
                uncertain = (lastCommitVersion, reader.size - segment.size)
            }
            // Of a damaged stretch it is known what stood last in it, not what else.
            unknownFrames += 1
            applyStaged()
            segment.size = reader.size
        } else {
            report.tornBytes += reader.size - segment.size
            staged = []
        }
        segments.append(segment)
    }

    private mutating func apply(_ commit: LogCommit, _ version: UInt64) {
        defer { applyStaged() }
        guard version > lastCommitVersion else { return }
        lastCommitVersion = version
        if let lastCommit, lastCommit.head.id != commit.head.id { index.dropRecords(through: .max) }
        head = commit.head
        acknowledged = commit.acknowledged
        lastCommit = commit
    }

    private mutating func applyStaged() {
        for change in staged {
            switch change {
            case .put(let key, let version): index.put(key, version)
            case .remove(let key, let version): index.remove(key, version)
            case .record(let sequence, let stream, let place):
                guard stream == head.id || lastCommit == nil, sequence > acknowledged else { continue }
                if lastCommit == nil { head.id = stream }
                index.record(sequence, place)
                if sequence > head.sequence { head = .init(id: head.id, sequence: sequence, digest: nil) }
            case .damaged(let trailer):
                nextVersion = max(nextVersion, trailer.version + 1)
                damaged.append(trailer)
            }
        }
        staged = []
    }
}

extension LogRecovery {
    /// What became of it all, and where the stream goes on.
    private mutating func settle(noted: UInt32?, boot: [UInt8]) {
        index.dropRecords(through: acknowledged)
        settleStream(noted: noted, boot: boot)
        var lost: [[UInt8]: OpeningReport.Loss] = [:]
        for trailer in damaged {
            switch trailer.kind {
            case .put, .remove:
                let slot = index.slots[trailer.key]
                if let slot, slot.newest.number >= trailer.version { continue }
                lost[trailer.key] = .init(key: trailer.key, hasOlder: slot != nil && slot?.isRemoved == false)
            case .record, .commit: break
            }
        }
        report.lostEntries = lost.values.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        report.lostFrames = unknownFrames
        report.missingEntries = max(0, Int(lastCommit?.entries ?? 0) - index.entryCount)
        report.lostRecords = holes()
        report.entries = index.entryCount
        report.records = index.records.count
        report.segments = segments.count
        report.bytes = segments.reduce(0) { $0 + $1.size }
        report.damagedFiles = segments.filter(\.isDamaged).map { Self.name($0.number) }
        report.wasClean =
            report.tornBytes == 0 && report.damagedFiles.isEmpty && (lastCommit?.isClean ?? segments.isEmpty)
    }

    private mutating func settleStream(noted: UInt32?, boot: [UInt8]) {
        guard !segments.isEmpty || noted != nil else { return }
        report.stream = .continued
        let isBehind = noted.map { $0 > highest } ?? false
        let isUnsynced = lastCommit.map { !$0.isSynced && !$0.isClean && $0.boot != boot } ?? false
        let isUnknown = lastCommit == nil && segments.contains { $0.isDamaged }
        if isBehind || isUnsynced || isUnknown {
            report.stream = .renewed
            report.abandonedRecords = index.records.count
            index.dropRecords(through: .max)
            head = RecordStream.Head()
            acknowledged = 0
        } else if uncertain.bytes > 0, uncertain.version == lastCommitVersion {
            // No more records fit into what is damaged.
            let count = UInt64(uncertain.bytes / LogRecord.frameLength + 1)
            head = .init(id: head.id, sequence: head.sequence + count, digest: nil)
            report.stream = .skipped(count)
        } else if lastCommit == nil {
            report.stream = .new
        }
    }

    private func holes() -> [ClosedRange<UInt64>] {
        var holes: [ClosedRange<UInt64>] = []
        var next = acknowledged + 1
        while next <= head.sequence {
            let found = index.records.first(from: next) ?? head.sequence + 1
            if found > next { holes.append(next...(found - 1)) }
            next = found
            while next <= head.sequence, index.records[next] != nil { next += 1 }
        }
        return holes
    }
}
