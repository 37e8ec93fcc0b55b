// SPDX-License-Identifier: Apache-2.0

internal import NIOConcurrencyHelpers

/// Keeps what subjects do, and hands records on once they are kept: nobody sees what a crash could take back. Works on a thread
/// of its own, since disks take their time. From any thread.
package final class PostureJournal: Sendable {
    package struct Status: Sendable, Equatable {
        /// Why nothing can be kept at the moment, for people; nil: it can.
        package var trouble: String?
        package var log = StateLogStatistics()
        /// Records that cannot be kept: larger than a record can be, or left at the end by a disk that takes nothing.
        package var refused: UInt64 = 0
        /// Of the log's files.
        package var bytes = 0
        /// Events that were kept as records, and those for which there was no room.
        package var keptEvents: UInt64 = 0
        package var droppedEvents: UInt64 = 0
        /// The last record that is kept.
        package var sequence: UInt64 = 0
        /// Records that whoever takes them has not taken, or not settled, yet.
        package var unsettled: UInt64 = 0
        /// Records that were dropped since they were not taken for so long, and damaged ones: each in a `gap`.
        package var missing: UInt64 = 0
        /// Of the records that are kept for those who take them.
        package var spooledBytes = 0
        /// When the oldest of these was kept; nil: there is none.
        package var oldest: ContinuousClock.Instant?
        package var sinks: [Sink] = []
    }

    /// One that takes the records.
    package struct Sink: Sendable, Equatable {
        package var name: String
        /// Records that it has not taken, or not settled, yet.
        package var unsettled: UInt64
        /// When the first of these was kept; nil: there is none.
        package var waitsSince: ContinuousClock.Instant?
        /// From keeping a record until it was settled, of the first that was settled each time.
        package var latency = LatencyHistogram()
        /// Records in whose place it was told a `gap`.
        package var missing: UInt64
    }

    /// What was known before a restart.
    package struct Restored: Sendable {
        var shares: [KeptShare] = []
        /// Subjects of which part is damaged.
        var damaged: Set<SubjectKey> = []
        var wasKilled = false
        /// nil: nobody knows.
        var keptUntil: KeptUntil?
        /// Values of versions that this one does not know: they are left alone.
        package var unknown = 0
    }

    /// What is kept of subjects that were asked for.
    struct Reread: Sendable {
        var shares: [KeptShare] = []
        var asked: Set<SubjectKey> = []
    }

    private struct Waiting {
        var batch = JournalBatch()
        var isFinishing = false
        /// Who wants to know what became of what is to be sent again.
        var resenders: [@Sendable (ResendReport) -> Void] = []
        var status = Status()
        var reread = Reread()
        /// Since when the disk is at it.
        var writingSince: ContinuousClock.Instant?
    }

    private struct Opened {
        var report: OpeningReport
        var stream: String
        var resent: ResendReport
    }

    /// What was found in the directory.
    package var opening: OpeningReport { opened.report }
    /// Id of the stream that records have.
    package var stream: String { opened.stream }
    /// What became of records that were to be sent again as soon as there is a journal.
    package var resent: ResendReport { opened.resent }
    private let opened: Opened
    private let restored: NIOLockedValueBox<Restored>
    private let mailbox: Mailbox

    /// - Parameters:
    ///   - directory: made if it is not there.
    ///   - boot: the machine's boot id; nil: as the kernel tells it.
    ///   - node: what records of the journal itself say.
    ///   - sync: whether what is kept outlives a loss of power.
    ///   - spool: how much is kept for sinks that take nothing.
    ///   - sinks: take records that are kept, on the journal's thread, each for itself.
    ///   - aside: what they have refused: what of it is to be sent again is, at once.
    /// - Throws: why the directory cannot be used.
    package init(
        directory: String, boot: String? = nil, node: String = "", signer: RecordSigner? = nil,
        sync: StateLog.Sync = .commit, spool: SpoolLimits = SpoolLimits(), sinks: [any RecordSink] = [],
        aside: [SetAsideFiles] = []
    ) throws(StateLogError) {
        let boot = boot ?? ProcFile.bootID
        let mailbox = Mailbox()
        let answer = NIOLockedValueBox<Result<Opened, StateLogError>?>(nil)
        let restored = NIOLockedValueBox(Restored())
        let isOpen = ConditionLock(value: false)
        do throws(SystemError) {
            _ = try Worker(name: "journal") {
                Privileges.keepForFiles()
                Self.work(directory, boot, sync, spool, aside, mailbox) { log throws(StateLogError) in
                    let known = try Self.restored(from: log, directory)
                    restored.withLockedValue { $0 = known }
                    return JournalWriter(
                        log, RecordStream(log.head, signer: signer),
                        gaps: GapRecord(node: node, boot: boot, signer: signer),
                        spool: SpoolKeeper(spool, boot: boot), coarsener: SpoolCoarsener(boot: boot), sinks: sinks,
                        wake: { mailbox.wake() })
                } isOpen: { result in
                    answer.withLockedValue { $0 = result }
                    isOpen.lock()
                    isOpen.unlock(withValue: true)
                }
                // By now the directory is free.
                mailbox.hasEnded.lock()
                mailbox.hasEnded.unlock(withValue: true)
            }
        } catch { throw StateLogError(directory, error) }
        isOpen.lock(whenValue: true)
        isOpen.unlock()
        guard let result = answer.withLockedValue({ $0 }) else { preconditionFailure("the thread has answered") }
        opened = try result.get()
        self.restored = restored
        self.mailbox = mailbox
    }

    /// What was known before a restart, to be taken once.
    package func takeRestored() -> Restored {
        restored.withLockedValue { known in
            defer { known = Restored() }
            return known
        }
    }

    /// What a batch before has wanted, as far as it could be read; to be taken once.
    func takeReread() -> Reread {
        mailbox.waiting.withLockedValue { waiting in
            defer { waiting.reread = Reread() }
            return waiting.reread
        }
    }

    package var status: Status {
        mailbox.waiting.withLockedValue { waiting in
            var status = waiting.status
            if let since = waiting.writingSince, since.duration(to: .now) > Self.patience {
                status.trouble = "the disk takes nothing since \(since.duration(to: .now).components.seconds) s"
            }
            return status
        }
    }

    /// Whether there is time for a batch. Where the disk has refused what came before, it is asked again.
    package func isReady() -> Bool {
        let isReady = mailbox.waiting.withLockedValue { waiting in
            waiting.writingSince == nil && waiting.batch.isEmpty && waiting.status.trouble == nil
        }
        mailbox.wake()
        return isReady
    }

    /// Does not wait. To be called where `isReady`, and once more at the end.
    package func write(_ batch: JournalBatch) {
        mailbox.waiting.withLockedValue { $0.batch.add(batch) }
        mailbox.wake()
    }

    /// Sends again what of the records set aside is to be. Does not wait.
    ///
    /// - Parameter completion: is told what became of it, on the journal's thread.
    package func resend(_ completion: @escaping @Sendable (ResendReport) -> Void) {
        mailbox.waiting.withLockedValue { $0.resenders.append(completion) }
        mailbox.wake()
    }

    /// Waits until all that was written is kept, or cannot be; not for ever.
    ///
    /// - Returns: whether it is.
    @discardableResult
    package func finish() -> Bool {
        mailbox.waiting.withLockedValue { $0.isFinishing = true }
        mailbox.wake()
        guard mailbox.hasEnded.lock(whenValue: true, timeoutSeconds: Self.finishSeconds) else { return false }
        mailbox.hasEnded.unlock()
        return status.trouble == nil
    }

    private static let patience = Duration.seconds(30)
    private static let finishSeconds = 10.0

    // MARK: The thread

    private final class Mailbox: Sendable {
        let waiting = NIOLockedValueBox(Waiting())
        let hasMail = ConditionLock(value: false)
        let hasEnded = ConditionLock(value: false)

        func wake() {
            hasMail.lock()
            hasMail.unlock(withValue: true)
        }
    }

    /// What cannot be read now is no reason to begin anew, which would overwrite it.
    private static func restored(from log: StateLog, _ directory: String) throws(StateLogError) -> Restored {
        var values: [(key: [UInt8], bytes: [UInt8])] = []
        do throws(SystemError) {
            for key in log.keys {
                if let bytes = try log.value(of: key) { values.append((key, bytes)) }
            }
        } catch { throw StateLogError(directory, error) }
        let (shares, unknown) = KeptShare.gather(values)
        var damaged = Set(log.opening.lostEntries.compactMap { ShareKey($0.key)?.subject })
        // Of what was in these nobody knows whose it was.
        if log.opening.missingEntries + log.opening.lostFrames > 0 { damaged.formUnion(shares.map(\.subject)) }
        return Restored(
            shares: shares, damaged: damaged,
            wasKilled: !log.opening.wasClean,
            keptUntil: values.first { KeptUntil.isKey($0.key) }.flatMap { KeptUntil($0.bytes) }, unknown: unknown)
    }

    private static func work(
        _ directory: String, _ boot: String, _ sync: StateLog.Sync, _ spool: SpoolLimits, _ aside: [SetAsideFiles],
        _ mailbox: Mailbox,
        _ makeWriter: (StateLog) throws(StateLogError) -> JournalWriter,
        isOpen: (Result<Opened, StateLogError>) -> Void
    ) {
        var writer: JournalWriter
        do throws(StateLogError) {
            var limits = StateLog.Limits()
            // Up to as much garbage as there is to be kept.
            limits.bytes += 2 * spool.bytes
            let log = try StateLog(directory: directory, boot: boot, limits: limits, sync: sync)
            writer = try makeWriter(log)
            let resent = writer.resend(aside)
            var report = log.opening
            report.lostRecords.removeAll(where: writer.hasCoarsened)
            isOpen(.success(Opened(report: report, stream: log.head.id.description, resent: resent)))
        } catch { return isOpen(.failure(error)) }
        run(&writer, aside, mailbox)
    }

    private static func run(_ writer: inout JournalWriter, _ aside: [SetAsideFiles], _ mailbox: Mailbox) {
        writer.tell()
        while true {
            mailbox.hasMail.lock(whenValue: true)
            mailbox.hasMail.unlock(withValue: false)
            let (batch, resenders, isFinishing) = mailbox.waiting.withLockedValue { waiting in
                defer { (waiting.batch, waiting.resenders) = (JournalBatch(), []) }
                waiting.writingSince = .now
                return (waiting.batch, waiting.resenders, waiting.isFinishing)
            }
            if !resenders.isEmpty {
                let report = writer.resend(aside)
                for resender in resenders { resender(report) }
            }
            writer.write(batch)
            let reread = batch.wanted.isEmpty ? nil : writer.shares(of: batch.wanted)
            if isFinishing { writer.finish() }
            mailbox.waiting.withLockedValue { waiting in
                waiting.writingSince = nil
                waiting.status = writer.status
                if let reread { waiting.reread = Reread(shares: reread, asked: batch.wanted) }
            }
            if isFinishing { return }
        }
    }
}
