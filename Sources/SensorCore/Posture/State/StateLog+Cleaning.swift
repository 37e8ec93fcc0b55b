// SPDX-License-Identifier: Apache-2.0

extension StateLog {
    /// What is left to be moved out of a segment.
    struct Cleaning {
        enum Item {
            case value([UInt8])
            case record(UInt64)
        }

        var segment: UInt32
        /// The last first.
        var rest: [(place: LogPlace, item: Item)]
    }

    /// Appends what is not garbage of a damaged segment, all of it, or some of the oldest one's while more is garbage than not.
    ///
    /// - Parameter isForced: also while less is garbage.
    func move(budget: Int, isForced: Bool, _ writer: SegmentWriter) throws(Fault) -> [Change] {
        guard let target = target(isForced: isForced, writer) else { return [] }
        if cleaning?.segment != target.number {
            cleaning = Cleaning(segment: target.number, rest: contents(target.number))
        }
        guard var rest = cleaning?.rest else { return [] }
        let limit = target.isDamaged ? Int.max : budget
        let start = writer.uncommitted
        var changes: [Change] = []
        let name = LogRecovery.name(target.number)
        // Where it cannot be read now it can perhaps be later: that must not keep anything else from the disk.
        guard let file = try? directory.open(name),
            var reader = try? SegmentReader(file: file, name: name, chunk: SegmentReader.scanChunk)
        else { return [] }
        do throws(SystemError) {
            while writer.uncommitted - start < limit, let (place, item) = rest.popLast() {
                guard isLive(place, item) else { continue }
                guard let frame = try reader.whole(at: place, log: log) else {
                    lose(place, item)
                    continue
                }
                let moved = try writer.append(
                    frame.header.kind, key: frame.key, payload: frame.payload, version: frame.header.version, log: log)
                switch item {
                case .value(let key):
                    let version = LogIndex.Version(number: frame.header.version, place: moved)
                    changes.append(frame.header.kind == .remove ? .remove(key, version) : .put(key, version))
                case .record(let sequence): changes.append(.record(sequence, moved))
                }
            }
        } catch { throw .system(error) }
        cleaning?.rest = rest
        return changes
    }

    private func target(isForced: Bool, _ writer: SegmentWriter) -> LogRecovery.Segment? {
        if let damaged = segments.first(where: { $0.isDamaged && !$0.isMoved && $0.number != writer.number }) {
            return damaged
        }
        guard let first = segments.first, first.number != writer.number, !first.isMoved else { return nil }
        return isForced || size.garbage > segmentLimit + (isShortOfRoom ? 0 : index.liveBytes) ? first : nil
    }

    /// Sorted by place, the last first.
    private func contents(_ segment: UInt32) -> [(place: LogPlace, item: Cleaning.Item)] {
        // What a removal removed stands before it: in the oldest segment there is nothing left.
        let isOldest = segments.first?.number == segment
        var contents: [(place: LogPlace, item: Cleaning.Item)] = []
        for (key, slot) in index.slots where !slot.isRemoved || !isOldest {
            if slot.newest.place.segment == segment { contents.append((slot.newest.place, .value(key))) }
            if let place = slot.previous?.place, place.segment == segment { contents.append((place, .value(key))) }
        }
        for sequence in index.records.sequences(in: segment) {
            if let place = index.records[sequence] { contents.append((place, .record(sequence))) }
        }
        return contents.sorted { $0.place.offset > $1.place.offset }
    }

    private func isLive(_ place: LogPlace, _ item: Cleaning.Item) -> Bool {
        switch item {
        case .value(let key):
            guard let slot = index.slots[key] else { return false }
            return slot.newest.place == place || slot.previous?.place == place
        case .record(let sequence): return index.records[sequence] == place
        }
    }

    private func lose(_ place: LogPlace, _ item: Cleaning.Item) {
        switch item {
        case .value(let key): lose(place, of: key)
        case .record(let sequence): loseRecord(sequence, in: place.segment)
        }
    }

    /// Removes the oldest segment when all of it is garbage, and sets damaged ones aside. To be called after a commit, which
    /// has made that so; one at a time, so that an earlier one that comes back from a loss of power is known as garbage.
    func removeGarbage() {
        if let cleaning, cleaning.rest.isEmpty {
            for position in segments.indices where segments[position].number == cleaning.segment {
                segments[position].isMoved = true
            }
            self.cleaning = nil
        }
        let last = segments.last?.number
        guard
            let position = segments.firstIndex(where: { segment in
                guard segment.number != last, index.live[segment.number] ?? 0 == 0 else { return false }
                return segment.number == segments.first?.number || segment.isDamaged && segment.isMoved
            })
        else { return }
        let segment = segments[position]
        let name = LogRecovery.name(segment.number)
        do throws(SystemError) {
            if sync == .never { try writer?.sync() }
            if segment.isDamaged {
                try directory.rename(name, to: String(name.dropLast(4)) + Self.damagedSuffix)
                try prune()
            } else {
                try directory.remove(name)
            }
        } catch {
            // The next commit tries again.
            return
        }
        if position == 0 { index.forgetRemovals(in: segment.number) }
        index.forget(segment.number)
        segments.remove(at: position)
        statistics.removedSegments += 1
    }

    private static var damagedSuffix: String { ".damaged" }

    /// Whether a file of the directory is of a log, by its name.
    static func isOwn(_ name: String) -> Bool { LogRecovery.number(name) != nil || name.hasSuffix(damagedSuffix) }

    private func prune() throws(SystemError) {
        let names = try directory.names().filter { $0.hasSuffix(Self.damagedSuffix) }.sorted()
        for name in names.dropLast(limits.damagedFiles) { try directory.remove(name) }
    }
}
