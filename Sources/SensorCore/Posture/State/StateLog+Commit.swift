// SPDX-License-Identifier: Apache-2.0

internal import Glibc

extension StateLog {
    package enum Outcome: Equatable, Sendable {
        /// All is on disk: bytes that were written, and how many of them only moved.
        case committed(bytes: Int, moved: Int)
        /// Nothing has changed on disk: `condition` says why. All that was to be written still is.
        case failed
    }

    enum Change {
        case put([UInt8], LogIndex.Version)
        case remove([UInt8], LogIndex.Version)
        case record(UInt64, LogPlace)
    }

    enum Fault: Error {
        case system(SystemError)
        case full

        var isLackOfRoom: Bool {
            switch self {
            case .full: true
            case .system(let error): error.number == ENOSPC || error.number == EDQUOT
            }
        }
    }

    /// Writes what has changed, all of it or nothing.
    ///
    /// - Parameter value: the latest value of a key that has changed; nil: it has none any more. Asked for one after the
    ///   other, so that no more than one of them need be in memory.
    package func commit(_ value: ([UInt8]) -> [UInt8]?) -> Outcome { commit(isClosing: false, value) }

    /// Commits, and says in the log that its writer ends here. To be called last.
    package func close(_ value: ([UInt8]) -> [UInt8]?) -> Outcome { commit(isClosing: true, value) }

    private func commit(isClosing: Bool, _ value: ([UInt8]) -> [UInt8]?) -> Outcome {
        do throws(Fault) {
            var outcome: Outcome
            do throws(Fault) { outcome = try write(isClosing: isClosing, budget: nil, value) } catch {
                guard error.isLackOfRoom, makeRoom() else { throw error }
                outcome = try write(isClosing: isClosing, budget: nil, value)
            }
            condition = .working
            statistics.commits += 1
            removeGarbage()
            return outcome
        } catch {
            statistics.failedCommits += 1
            condition =
                switch error {
                case .system(let error): .failing(error)
                case .full: .full
                }
            return .failed
        }
    }

    /// Moves all that can be, a segment's worth a time.
    private func makeRoom() -> Bool {
        var isBetter = false
        for _ in 0..<(2 * segments.count + 2) where size.garbage > segmentLimit / 4 {
            guard (try? write(isClosing: false, budget: limits.segment, { _ in nil }, isMoving: true)) != nil else {
                break
            }
            removeGarbage()
            isBetter = true
        }
        return isBetter
    }

    private func write(
        isClosing: Bool, budget: Int?, _ value: ([UInt8]) -> [UInt8]?, isMoving: Bool = false
    ) throws(Fault) -> Outcome {
        let writer = try readyWriter()
        do throws(Fault) {
            var changes: [Change] = []
            if !isMoving {
                let room = limits.bytes - size.bytes
                for key in changed.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
                    let value = value(key)
                    try stage(key, value, writer, &changes)
                    // What is removed makes room.
                    if value != nil, writer.uncommitted > room { throw .full }
                }
                for envelope in waiting {
                    let place = try append(
                        .record, LogRecord.key(envelope), LogRecord.payload(envelope), writer)
                    changes.append(.record(envelope.sequence, place))
                    if writer.uncommitted > room { throw .full }
                }
            }
            let own = writer.uncommitted
            let moves = try move(budget: budget ?? own + Self.leastMoved, isForced: isMoving, writer)
            let isUnchanged = isHeadKept && head == committedHead && acknowledged == committedAcknowledged
            if changes.isEmpty, moves.isEmpty, isUnchanged, !isClosing {
                if !isMoving { changed.removeAll(keepingCapacity: true) }
                return .committed(bytes: 0, moved: 0)
            }
            let movedBytes = writer.uncommitted - own
            let bytes = try finish(changes, moves, isClosing: isClosing, isMoving: isMoving, writer)
            statistics.movedBytes += UInt64(movedBytes)
            return .committed(bytes: bytes, moved: movedBytes)
        } catch {
            writer.rollBack()
            if writer.isSpoilt { seal(writer.number) }
            cleaning = nil
            throw error
        }
    }

    private static var leastMoved: Int { 256 << 10 }

    private func stage(
        _ key: [UInt8], _ value: [UInt8]?, _ writer: SegmentWriter, _ changes: inout [Change]
    ) throws(Fault) {
        let slot = index.slots[key]
        guard let value else {
            // What is not there need not be removed.
            guard let slot, !slot.isRemoved else { return }
            let number = nextVersion
            let place = try append(.remove, key, [], writer)
            changes.append(.remove(key, .init(number: number, place: place)))
            return
        }
        guard value.count <= LogFrame.payloadLimit else {
            statistics.refusedEntries += 1
            return
        }
        let number = nextVersion
        let place = try append(.put, key, value, writer)
        changes.append(.put(key, .init(number: number, place: place)))
    }

    /// Each frame has a version of its own, also those that were rolled back.
    func append(
        _ kind: LogFrame.Kind, _ key: [UInt8], _ payload: [UInt8], _ writer: SegmentWriter, version: UInt64? = nil
    ) throws(Fault) -> LogPlace {
        guard writer.offset + payload.count < Int(UInt32.max) - 65536 else { throw .full }
        defer { if version == nil { nextVersion += 1 } }
        do throws(SystemError) {
            return try writer.append(kind, key: key, payload: payload, version: version ?? nextVersion, log: log)
        } catch { throw .system(error) }
    }

    private func finish(
        _ changes: [Change], _ moves: [Change], isClosing: Bool, isMoving: Bool, _ writer: SegmentWriter
    ) throws(Fault) -> Int {
        // What only moves things changes nothing else: the stream stands as it stood.
        let head = isMoving ? committedHead : head
        let acknowledged = isMoving ? committedAcknowledged : acknowledged
        let commit = LogCommit(
            frames: writer.frames, entries: UInt32(clamping: entryCount(with: changes)), head: head,
            acknowledged: acknowledged,
            isClean: isClosing, isSynced: sync == .commit, boot: boot, oldest: segments.first?.number ?? writer.number)
        _ = try append(.commit, [], commit.bytes, writer)
        let bytes = writer.uncommitted
        do throws(SystemError) { try writer.commit(sync: sync == .commit) } catch { throw .system(error) }
        for change in moves + changes {
            switch change {
            case .put(let key, let version): index.put(key, version)
            case .remove(let key, let version): index.remove(key, version)
            case .record(let sequence, let place): index.record(sequence, place)
            }
        }
        isHeadKept = true
        committedHead = head
        committedAcknowledged = acknowledged
        if !isMoving {
            changed.removeAll(keepingCapacity: true)
            waiting = []
            waitingBytes = 0
        }
        for position in segments.indices where segments[position].number == writer.number {
            segments[position].size = writer.committed
            segments[position].frames = writer.frames
        }
        statistics.writtenBytes += UInt64(bytes)
        return bytes
    }

    /// Keys that have a value once these are.
    private func entryCount(with changes: [Change]) -> Int {
        changes.reduce(index.entryCount) { count, change in
            switch change {
            case .put(let key, _): index.slots[key].map(\.isRemoved) ?? true ? count + 1 : count
            case .remove: count - 1
            case .record: count
            }
        }
    }

    /// The segment to append to: the last, as long as there is room in it and it is whole.
    private func readyWriter() throws(Fault) -> SegmentWriter {
        do throws(SystemError) {
            // What were kept there nobody would find again.
            guard !directory.isRemoved else { throw SystemError("write to \(directory.path), removed", number: ENOENT) }
            if let last = segments.last, !last.isDamaged, !last.isSealed, last.size < segmentLimit {
                let name = LogRecovery.name(last.number)
                if let writer, writer.number == last.number {
                    guard !writer.isRemoved else { throw SystemError("write \(name), removed", number: ENOENT) }
                    return writer
                }
                let file = try directory.open(name, forWriting: true)
                let writer = SegmentWriter(
                    file: file, name: name, number: last.number, committed: last.size,
                    length: Int(lseek(file, 0, SEEK_END)), frames: last.frames)
                self.writer = writer
                return writer
            }
            let writer = try newSegment()
            self.writer = writer
            return writer
        } catch { throw .system(error) }
    }

    private func seal(_ segment: UInt32) {
        writer = nil
        guard let last = segments.last, last.number == segment else { return }
        segments[segments.count - 1].isSealed = true
        // A disk that takes nothing for long leaves no row of empty segments.
        let name = LogRecovery.name(segment)
        if last.frames == 0, (try? directory.remove(name)) != nil { segments.removeLast() }
    }

    private func newSegment() throws(SystemError) -> SegmentWriter {
        let number = nextSegment
        let name = LogRecovery.name(number)
        let file = try directory.create(name)
        nextSegment += 1
        let header = LogFrame.segmentHeader(number: number, log: log)
        let count = header.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
        let isWritten = count == header.count && (sync == .never || fsync(file) == 0)
        let fault = errno
        guard isWritten else {
            Glibc.close(file)
            try? directory.remove(name)
            throw SystemError("write \(name)", number: count >= 0 && count < header.count ? ENOSPC : fault)
        }
        let writer = SegmentWriter(
            file: file, name: name, number: number, committed: header.count, length: header.count, frames: 0)
        if sync == .commit { try directory.sync() }
        segments.append(.init(number: number, size: header.count))
        directory.note(segment: number)
        return writer
    }
}
