// SPDX-License-Identifier: Apache-2.0

internal import Glibc
package import Logging
internal import NIOCore
internal import NIOPosix

/// Takes the streams of many nodes, merges what they tell of each subject, and keeps it on disk. Works on a thread of its own,
/// one request after the other, since disks take their time.
package actor PostureReceiver {
    private let thread: any EventLoop
    private let log: Logger
    private let limits: ReceiverLimits
    private let clock: @Sendable () -> UInt64
    private let journal: StateLog
    private var state: ReceiverState
    private var refusals = RefusalLog()
    /// Part of each tag: revisions begin anew with each start.
    private let start = StreamID()

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - directory: made if it is not there.
    ///   - keys: of those whose records are to be trusted; none: signatures are not looked at.
    /// - Throws: why the directory cannot be used.
    package init(
        directory: String, keys: [RecordKey] = [], limits: ReceiverLimits = ReceiverLimits(), log: Logger
    ) throws(StateLogError) {
        try self.init(directory: directory, keys: keys, limits: limits, log: log) { ClockReading.now().wall }
    }

    /// - Parameter clock: nanoseconds since 1970.
    init(
        directory: String, keys: [RecordKey] = [], limits: ReceiverLimits = ReceiverLimits(), log: Logger,
        clock: @escaping @Sendable () -> UInt64
    ) throws(StateLogError) {
        // It ends with the process.
        thread = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
        (self.log, self.limits, self.clock) = (log, limits, clock)
        var bounds = StateLog.Limits()
        bounds.bytes = limits.stateBytes
        bounds.segment = min(bounds.segment, max(64 << 10, limits.stateBytes / 16))
        let journal = try StateLog(directory: directory, boot: ProcFile.bootID, limits: bounds)
        var state = ReceiverState(limits: limits, keys: RecordKeys(keys))
        var unknown = 0
        do throws(SystemError) {
            for key in journal.keys {
                // One after the other: events stay on disk.
                if let value = try journal.value(of: key), !state.restore(key, value) { unknown += 1 }
            }
        } catch { throw StateLogError(directory, error) }
        state.finishRestoring(isWhole: journal.opening.isWhole && unknown == 0)
        // What cannot be kept now is with the next batch.
        for key in state.takeChanges() { journal.change(key.bytes) }
        _ = journal.commit { [state] key in ReceiverKey(key).flatMap { state.value(of: $0) } }
        (self.journal, self.state) = (journal, state)
        Self.tell(journal.opening, unknown: unknown, state, log)
    }

    private static func tell(_ opening: OpeningReport, unknown: Int, _ state: ReceiverState, _ log: Logger) {
        let held = state.currentStatistics
        var metadata: Logger.Metadata = [
            "streams": "\(held.streams)", "subjects": "\(held.subjects)", "facts": "\(held.facts)",
        ]
        if opening.isWhole, unknown == 0 { return log.info("going on from what is known", metadata: metadata) }
        metadata["tornBytes"] = "\(opening.tornBytes)"
        metadata["lost"] = "\(opening.lostEntries.count + opening.missingEntries + opening.lostFrames)"
        metadata["unknown"] = "\(unknown)"
        metadata["setAside"] = "\(opening.damagedFiles.joined(separator: ", "))"
        log.warning("part of what was kept is damaged, or a later version's", metadata: metadata)
    }

    /// Says in the log that nothing follows. To be called last.
    package func close() { _ = journal.close { _ in nil } }

    // MARK: Taking

    /// The body of `POST /v1/posture`.
    func receive(
        _ body: [UInt8], _ encoding: ReceivedBatch.Encoding, isPacked: Bool, from claim: NodeClaim
    ) -> ReceiverAnswer {
        var origin: Logger.Metadata = [:]
        do throws(ReceiverRefusal) {
            let body = isPacked ? try ReceivedBatch.unpacked(body, limit: limits.unpackedBody) : body
            let batch = try ReceivedBatch(body, encoding, limits: limits)
            origin = ["node": "\(batch.node)", "stream": "\(batch.stream)"]
            guard claim.permits(batch.node) else {
                throw ReceiverRefusal(.foreign, "the credential is not that of node \(batch.node)")
            }
            let sequence = try state.take(batch, at: clock())
            try keep()
            return .acknowledgement(batch.stream, sequence)
        } catch {
            refuse(error, origin)
            // What was taken of it is kept when the next batch is.
            return ReceiverAnswer(error)
        }
    }

    /// Counts a refusal and, unless there are many, tells of it.
    func refuse(_ refusal: ReceiverRefusal, _ origin: Logger.Metadata = [:]) {
        state.count(refusal)
        guard let untold = refusals.note(refusal.reason, at: .now) else { return }
        var metadata: Logger.Metadata = [
            "reason": "\(refusal.reason.rawValue)", "message": "\(refusal.message)",
        ]
        if untold > 0 { metadata["untold"] = "\(untold)" }
        log.warning("a batch was refused", metadata: metadata.merging(origin) { $1 })
    }

    /// Puts on disk what has changed: positions of streams and what came with them, or neither.
    private func keep() throws(ReceiverRefusal) {
        for key in state.takeChanges() { journal.change(key.bytes) }
        let outcome = journal.commit { [state] key in ReceiverKey(key).flatMap { state.value(of: $0) } }
        guard case .committed = outcome else {
            throw ReceiverRefusal(.disk, "it cannot be kept: \(trouble ?? "the disk takes nothing")")
        }
        state.noteKept()
    }

    private var trouble: String? {
        switch journal.condition {
        case .working: nil
        case .failing(let error): error.description
        case .full: "the directory has no room left"
        }
    }

    // MARK: Telling

    var statistics: ReceiverStatistics {
        var statistics = state.currentStatistics
        (statistics.log, statistics.logBytes, statistics.trouble) = (journal.statistics, journal.size.bytes, trouble)
        return statistics
    }

    /// Subjects that a filter names, in order.
    func subjects(_ isWanted: @Sendable (SubjectKey) -> Bool) -> [ReceivedSubject] {
        state.subjects.subjects.filter { isWanted($0.key) }.sorted { $0.key < $1.key }.map(\.value)
    }

    /// A row for each subject.
    func list(after offset: Int, limit: Int) -> (rows: [SubjectRow], isLast: Bool) {
        let keys = state.subjects.keys.dropFirst(offset)
        let rows = keys.prefix(limit).compactMap { state.subjects.subjects[$0].map { SubjectRow($0) } }
        return (rows, keys.count <= limit)
    }

    /// Of the list.
    var listTag: String { tag(state.subjects.revision) }

    func tag(_ revision: UInt64) -> String { "\"\(start)-\(revision)\"" }

    /// A row for each stream, in the order of their nodes.
    func streams() -> [(id: StreamID, stream: ReceivedStream)] {
        state.streams.streams.map { ($0.key, $0.value) }.sorted {
            ($0.stream.node, $0.id.description) < ($1.stream.node, $1.id.description)
        }
    }

    /// Events after one, as far as they are on disk and fit into an answer.
    ///
    /// - Parameter cursor: nil, or one of another series: from the first.
    /// - Throws: nothing can be read now.
    func events(
        after cursor: EventCursor?, body: String?, node: String?, limit: Int
    ) throws(ReceiverRefusal) -> EventPage {
        let series = state.eventSeries
        let first = cursor.flatMap { $0.series == series ? $0.number : nil } ?? 0
        var page = EventPage(after: EventCursor(series, first))
        for entry in state.events.entries where entry.number > first {
            // What is not on disk may come again under another number.
            if state.isWaiting(entry.number) { break }
            let isWanted = (body ?? entry.body) == entry.body && (node ?? entry.node) == entry.node
            if isWanted {
                guard page.events.count < limit, page.bytes + entry.bytes <= EventPage.byteLimit || page.bytes == 0
                else { break }
            }
            page.missed += entry.number - page.next.number - 1
            page.next.number = entry.number
            guard isWanted else { continue }
            if let line = try line(of: entry.number) { page.add(entry, line) } else { page.missed += 1 }
        }
        return page
    }

    /// nil: it is damaged, or the disk does not give it out.
    private func line(of number: UInt64) throws(ReceiverRefusal) -> [UInt8]? {
        do throws(SystemError) {
            return try journal.value(of: ReceiverKey.event(number).bytes).flatMap { KeptEvent($0) }?.line
        } catch {
            // The next attempt may find what it takes; a disk that fails goes on failing, and readers have to get past it.
            guard [EMFILE, ENFILE, ENOMEM].contains(error.number) else { return nil }
            throw ReceiverRefusal(.disk, "an event cannot be read now: \(error)")
        }
    }
}
