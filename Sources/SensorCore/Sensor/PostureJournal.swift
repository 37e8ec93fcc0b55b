// SPDX-License-Identifier: Apache-2.0

internal import NIOConcurrencyHelpers
internal import SwiftProtobuf

/// Keeps what subjects do, and hands records on once they are kept: nobody sees what a crash could take back. Works on a thread
/// of its own, since disks take their time. From any thread.
package final class PostureJournal: Sendable {
    package struct Status: Sendable, Equatable {
        /// Why nothing can be kept at the moment, for people; nil: it can.
        package var trouble: String?
        package var log = StateLogStatistics()
        /// Records that there was no room for while the disk took none.
        package var refused: UInt64 = 0
        /// Of the log's files.
        package var bytes = 0
        /// The last record that is kept.
        package var sequence: UInt64 = 0
    }

    private struct Waiting {
        var batch = PostureBatch()
        var isFinishing = false
        var status = Status()
        /// Since when the disk is at it.
        var writingSince: ContinuousClock.Instant?
    }

    private struct Opened {
        var report: OpeningReport
        var stream: String
    }

    /// What was found in the directory.
    package var opening: OpeningReport { opened.report }
    /// Id of the stream that records have.
    package var stream: String { opened.stream }
    private let opened: Opened
    private let restored: NIOLockedValueBox<[PostureRecord]>
    private let mailbox: Mailbox

    /// - Parameters:
    ///   - directory: made if it is not there.
    ///   - boot: the machine's boot id.
    ///   - receive: takes records that are kept, in order, on the journal's thread.
    /// - Throws: why the directory cannot be used.
    package init(
        directory: String, boot: String = PostureJournal.bootID(),
        receive: @escaping @Sendable ([RecordEnvelope]) -> Void
    ) throws(StateLogError) {
        let mailbox = Mailbox()
        let answer = NIOLockedValueBox<Result<Opened, StateLogError>?>(nil)
        let restored = NIOLockedValueBox<[PostureRecord]>([])
        let isOpen = ConditionLock(value: false)
        do throws(SystemError) {
            _ = try Worker(name: "journal") {
                let log: StateLog
                do throws(StateLogError) { log = try StateLog(directory: directory, boot: boot) } catch {
                    answer.withLockedValue { $0 = .failure(error) }
                    isOpen.lock()
                    isOpen.unlock(withValue: true)
                    return
                }
                let opened = Opened(report: log.opening, stream: log.head.id.description)
                let shares = Self.restored(from: log)
                restored.withLockedValue { $0 = shares }
                answer.withLockedValue { $0 = .success(opened) }
                isOpen.lock()
                isOpen.unlock(withValue: true)
                Self.run(log, mailbox, receive)
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
    func takeRestored() -> [PostureRecord] {
        restored.withLockedValue { shares in
            defer { shares = [] }
            return shares
        }
    }

    private static func bootID() -> String { ProcFile.text("/proc/sys/kernel/random/boot_id") ?? "" }

    package var status: Status {
        mailbox.waiting.withLockedValue { waiting in
            var status = waiting.status
            if let since = waiting.writingSince, since.duration(to: .now) > Self.patience {
                status.trouble = "the disk takes nothing since \(since.duration(to: .now).components.seconds) s"
            }
            return status
        }
    }

    /// Does not wait. What the disk does not take in time is put together with what comes later; of more than there is room
    /// for, records are refused and counted.
    package func write(_ batch: PostureBatch) {
        if batch.isEmpty { return }
        mailbox.waiting.withLockedValue { waiting in
            var batch = batch
            let room = max(Self.waitingRecords - waiting.batch.records.count, 0)
            waiting.status.refused &+= UInt64(max(batch.records.count - room, 0))
            batch.records = Array(batch.records.prefix(room))
            waiting.batch.add(batch)
        }
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
    /// Of 200 facts at most each.
    private static let waitingRecords = 2048

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

    private static func restored(from log: StateLog) -> [PostureRecord] {
        log.keys.compactMap { key in
            guard let bytes = try? log.value(of: key), let record = try? PostureRecord(serializedBytes: bytes),
                record.schema == PostureRecord.currentSchema
            else { return nil }
            return record
        }
    }

    private static func run(_ log: StateLog, _ mailbox: Mailbox, _ receive: ([RecordEnvelope]) -> Void) {
        var stream = RecordStream(log.head)
        var shares: [[UInt8]: PostureRecord] = [:]
        var uncommitted: [RecordEnvelope] = []
        // A crash between keeping and telling: they are told now.
        tellKept(log, receive)
        func commit(isClosing: Bool) -> Bool {
            let value = { (key: [UInt8]) -> [UInt8]? in try? shares[key]?.serializedBytes() }
            let outcome = isClosing ? log.close(value) : log.commit(value)
            guard case .committed = outcome else { return false }
            shares = [:]
            if !uncommitted.isEmpty { receive(uncommitted) }
            uncommitted = []
            log.acknowledge(through: log.head.sequence)
            return true
        }
        while true {
            mailbox.hasMail.lock(whenValue: true)
            mailbox.hasMail.unlock(withValue: false)
            let (batch, isFinishing) = mailbox.waiting.withLockedValue { waiting in
                defer { waiting.batch = PostureBatch() }
                waiting.writingSince = .now
                return (waiting.batch, waiting.isFinishing)
            }
            var refused: UInt64 = 0
            for record in batch.records {
                guard let payload: [UInt8] = try? record.jsonUTF8Bytes() else {
                    refused += 1
                    continue
                }
                var envelope = log.append(payload, to: &stream)
                // What waits for a commit has a bound.
                if envelope == nil, commit(isClosing: false) { envelope = log.append(payload, to: &stream) }
                if let envelope { uncommitted.append(envelope) } else { refused += 1 }
            }
            for share in batch.shares {
                let key = key(of: share.subject)
                if log.change(key) { shares[key] = share.record }
            }
            _ = commit(isClosing: isFinishing)
            mailbox.waiting.withLockedValue { waiting in
                waiting.writingSince = nil
                let before = waiting.status.refused
                waiting.status = status(of: log)
                waiting.status.refused = before + refused
            }
            guard isFinishing else { continue }
            mailbox.hasEnded.lock()
            mailbox.hasEnded.unlock(withValue: true)
            return
        }
    }

    private static func tellKept(_ log: StateLog, _ receive: ([RecordEnvelope]) -> Void) {
        var sequence = log.acknowledged
        while let kept = try? log.next(after: sequence) {
            switch kept {
            case .record(let envelope):
                receive([envelope])
                sequence = envelope.sequence
            case .hole(let range, _): sequence = range.upperBound
            }
        }
        log.acknowledge(through: sequence)
    }

    private static func status(of log: StateLog) -> Status {
        let trouble: String? =
            switch log.condition {
            case .working: nil
            case .failing(let error): error.description
            case .full: "the state directory has no room left"
            }
        return Status(
            trouble: trouble, log: log.statistics, bytes: log.size.bytes, sequence: log.head.sequence)
    }

    private static func key(of subject: SubjectKey) -> [UInt8] {
        (try? PostureSubject(subject).serializedBytes()) ?? []
    }
}
