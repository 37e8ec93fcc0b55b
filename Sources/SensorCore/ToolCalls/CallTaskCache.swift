// SPDX-License-Identifier: Apache-2.0

/// A process that has sent something. For one thread.
final class KnownSender {
    fileprivate(set) var sender: CallSender
    /// Its threads have the numbers for itself that they have here.
    fileprivate let sharesNumbers: Bool
    fileprivate var handle: TaskHandle?
    /// Boot clock, ns.
    fileprivate var lookedAt: UInt64
    fileprivate var usedAt: UInt64
    /// When it was last seen to be alive.
    fileprivate var livedAt: UInt64 = 0

    fileprivate init(_ sender: CallSender, sharesNumbers: Bool, handle: consuming TaskHandle?, at now: UInt64) {
        self.sender = sender
        self.sharesNumbers = sharesNumbers
        self.handle = handle
        lookedAt = now
        usedAt = now
    }

    /// Nobody else has its id. False also where that is not known.
    fileprivate var isAlive: Bool { handle?.isAlive ?? false }

    /// The same, asked once a turn: an id is given out again only after all others have been, which takes longer than that.
    fileprivate func isAlive(inTurnOf now: UInt64) -> Bool {
        if livedAt == now { return true }
        guard isAlive else { return false }
        livedAt = now
        return true
    }

    fileprivate var isHeld: Bool {
        switch handle {
        case .none: false
        case .some: true
        }
    }
}

/// Remembers who senders and their threads are, so that /proc is read once for each and not for each message.
///
/// An id that is reused does not deceive it: what is remembered holds while the task is held on to and lives. For one
/// thread.
final class CallTaskCache: CallTasks {
    private struct ThreadKey: Hashable {
        var process: CallTask
        /// As the process numbers it.
        var number: UInt32
    }

    private final class KnownThread {
        let task: CallTask
        let handle: TaskHandle
        var usedAt: UInt64

        init(_ task: CallTask, _ handle: consuming TaskHandle, at now: UInt64) {
            self.task = task
            self.handle = handle
            usedAt = now
        }
    }

    /// Processes, and as many threads, that are held on to: a descriptor each.
    static let limit = 128
    /// A process may move to another cgroup, if seldom.
    private static let placeTime: UInt64 = 100_000_000
    /// Whoever says nothing for so long is looked up again when it does.
    private static let idleTime: UInt64 = 10_000_000_000

    private let senders: CallSenders
    private var processes: [UInt32: KnownSender] = [:]
    private var threads: [ThreadKey: KnownThread] = [:]
    private var now: UInt64 = 0

    init(_ senders: CallSenders) { self.senders = senders }

    /// Descriptors that are held.
    var count: Int { processes.count + threads.count }

    /// Who sent a message that has been received.
    ///
    /// One that has ended since it sent is who it was, as long as its id is nobody else's.
    ///
    /// - Parameters:
    ///   - last: who sent the one before on the same connection.
    ///   - now: when the server's turn began, boot clock, ns.
    /// - Returns: nil: it is gone, or its cgroup cannot be told.
    func sender(_ process: UInt32, last: KnownSender?, at now: UInt64) -> KnownSender? {
        self.now = now
        if let known = processes[process] {
            if known.isAlive(inTurnOf: now) {
                known.usedAt = now
                if now &- known.lookedAt >= Self.placeTime, let again = senders.place(of: known.sender.process) {
                    (known.sender, known.lookedAt) = (again, now)
                }
                return known
            }
            forget(process)
        }
        let fresh = look(for: process)
        if let last, last.sender.process.id == process, !(fresh?.isHeld ?? false),
            !senders.isReplaced(last.sender.process)
        {
            return last
        }
        return fresh
    }

    private func look(for process: UInt32) -> KnownSender? {
        // First held, then looked up: while it lives both are of the same process.
        let handle = TaskHandle(process: process)
        guard let sender = senders.sender(process) else { return nil }
        let known = KnownSender(
            sender, sharesNumbers: senders.sharesNumbers(process), handle: handle, at: now)
        guard known.isAlive else {
            known.handle = nil
            return known
        }
        if processes.count >= Self.limit, let oldest = processes.min(by: { $0.value.usedAt < $1.value.usedAt }) {
            forget(oldest.key)
        }
        processes[process] = known
        return known
    }

    private func forget(_ process: UInt32) {
        // A connection may know it still.
        processes.removeValue(forKey: process)?.handle = nil
    }

    func thread(_ number: UInt32, of process: CallTask) -> CallTask? {
        let key = ThreadKey(process: process, number: number)
        if let known = threads[key] {
            if known.handle.isAlive {
                known.usedAt = now
                return known.task
            }
            threads[key] = nil
        }
        let sender = processes[process.id]
        let sharesNumbers = sender?.sender.process == process && sender?.sharesNumbers ?? false
        guard let found = senders.thread(number, of: process, sharesNumbers: sharesNumbers) else { return nil }
        // Held and then looked at: while it lives both are the same thread.
        guard let handle = TaskHandle(thread: found.id), let task = senders.task(found.id, of: process),
            task == found, handle.isAlive
        else { return found }
        if threads.count >= Self.limit, let oldest = threads.min(by: { $0.value.usedAt < $1.value.usedAt }) {
            threads[oldest.key] = nil
        }
        threads[key] = KnownThread(task, handle, at: now)
        return task
    }

    func tree(_ root: CallSender, tasksLeft: inout Int) -> [CallTask]? { senders.tree(root, tasksLeft: &tasksLeft) }

    func lives(_ task: CallTask) -> Bool {
        if let known = processes[task.id], known.sender.process == task, known.isAlive { return true }
        return senders.lives(task)
    }

    /// Lets go of whoever has ended or has said nothing for long.
    func prune(at now: UInt64) {
        for (process, known) in processes where now &- known.usedAt >= Self.idleTime || !known.isAlive {
            forget(process)
        }
        for (key, known) in threads where now &- known.usedAt >= Self.idleTime || !known.handle.isAlive {
            threads[key] = nil
        }
    }
}
