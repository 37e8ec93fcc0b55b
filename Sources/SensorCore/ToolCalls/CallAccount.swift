// SPDX-License-Identifier: Apache-2.0

/// What a workload may have only so much of on the tool-call socket.
package enum CallResource: String, Sendable, CaseIterable {
    case connections
    /// A second.
    case messages
    case sessions
    /// Open ones.
    case calls
    /// Of the sensor's memory.
    case bytes
    /// Messages that the pipeline has not come to yet.
    case backlog
}

/// What one workload may have of the tool-call socket.
package struct CallLimits: Sendable, Equatable {
    package var connections = 128
    /// A second.
    package var messages = 25_000
    package var sessions = 256
    /// Open ones.
    package var calls = 1024
    package var bytes = 4 << 20

    package init() {}
}

/// What one workload has of the tool-call socket: whoever wants too much of it costs nobody else. For one thread.
final class CallAccount {
    let workload: UInt64
    private let limits: CallLimits
    private(set) var refused: [CallResource: UInt64] = [:]
    var connections = 0
    var sessions = 0
    var calls = 0
    /// Of partial messages, of answers that wait, and of what is remembered of sessions and calls.
    var bytes = 0
    /// Of sets of its calls.
    var setBytes = 0
    private var second: (began: UInt64, messages: Int, refusals: Int) = (0, 0, 0)
    /// Messages since everything that waited was taken for the last time.
    private var waiting: (takes: UInt64, messages: Int) = (0, 0)

    init(workload: UInt64, limits: CallLimits = CallLimits()) {
        self.workload = workload
        self.limits = limits
    }

    /// Whether there is room for one more; counted as refused if not.
    func allows(_ resource: CallResource) -> Bool {
        let hasRoom =
            switch resource {
            case .connections: connections < limits.connections
            case .messages: second.messages < limits.messages
            case .sessions: sessions < limits.sessions
            case .calls: calls < limits.calls
            case .bytes: bytes + setBytes < limits.bytes
            case .backlog: waiting.messages < Self.waitingLimit
            }
        if !hasRoom { refuse(resource) }
        return hasRoom
    }

    /// Counts what it cannot have.
    func refuse(_ resource: CallResource) { refused[resource, default: 0] += 1 }

    /// Whether the workload may say something more in this second.
    ///
    /// - Parameter now: boot clock, ns.
    func allowsMessage(at now: UInt64) -> Bool {
        renew(at: now)
        guard allows(.messages) else {
            second.refusals += 1
            return false
        }
        second.messages += 1
        return true
    }

    /// Whether one more of the workload's messages may wait for the pipeline; counted as refused if not.
    ///
    /// - Parameter size: bytes of it.
    func allowsWaiting(in backlog: CallInbox.Backlog, size: Int) -> Bool {
        if waiting.takes != backlog.takes { waiting = (backlog.takes, 0) }
        // Where others have filled it, who has not yet had a share still gets one.
        guard backlog.changes < Self.backlogLimit || waiting.messages < Self.waitingShare else {
            refuse(.backlog)
            return false
        }
        guard allows(.backlog) else { return false }
        waiting.messages += 1 + size / Self.messageBytes
        return true
    }

    /// So many bytes count as one more message.
    static let messageBytes = 1 << 10
    /// Messages of one workload that wait for the pipeline, of which each tells it a few things.
    static let waitingLimit = 4096
    static let waitingShare = 64
    /// What waits of all workloads together before each has no more than its share.
    static let backlogLimit = 65_536

    /// It has said twice what it may say: what more it says has to wait.
    func isExhausted(at now: UInt64) -> Bool {
        renew(at: now)
        return second.refusals >= limits.messages || second.messages >= 2 * limits.messages
    }

    /// A message's work was that of so many.
    func charge(_ messages: Int) { second.messages += messages }

    /// What it says is not looked at before (boot clock, ns).
    private(set) var pausedUntil: UInt64 = 0

    /// It has kept the server's thread for so long (ns) at once. Beyond a turn's time that is paid for with a pause, in which
    /// others have theirs.
    func spend(_ time: UInt64, at now: UInt64) {
        if time > Self.turnTime { pausedUntil = max(pausedUntil, now &+ Self.pauses * time) }
    }

    /// That a workload has of the server's thread before others have theirs (ns).
    static let turnTime: UInt64 = 2_000_000
    private static let pauses: UInt64 = 4

    /// When the second ends that nothing more may be said in.
    var nextSecond: UInt64 { second.began &+ Self.second }

    private func renew(at now: UInt64) {
        if now &- second.began >= Self.second { second = (now, 0, 0) }
    }

    private static let second: UInt64 = 1_000_000_000

    /// Nothing is lost if it is forgotten.
    func isIdle(at now: UInt64) -> Bool {
        connections == 0 && sessions == 0 && calls == 0 && bytes == 0 && now &- second.began >= Self.second
    }
}

/// The accounts of all workloads that have something of the socket. For one thread.
final class CallAccounts {
    let limits: CallLimits
    private var accounts: [UInt64: CallAccount] = [:]
    /// Of accounts that are gone.
    private var refusedBefore: [CallResource: UInt64] = [:]

    init(limits: CallLimits = CallLimits()) { self.limits = limits }

    var count: Int { accounts.count }
    var all: some Sequence<CallAccount> { accounts.values }

    func of(_ workload: UInt64) -> CallAccount {
        if let known = accounts[workload] { return known }
        let account = CallAccount(workload: workload, limits: limits)
        accounts[workload] = account
        return account
    }

    /// Forgets those of workloads that have nothing any more.
    func prune(at now: UInt64) {
        for (workload, account) in accounts where account.isIdle(at: now) {
            refusedBefore.merge(account.refused) { $0 + $1 }
            accounts[workload] = nil
        }
    }

    var refused: [CallResource: UInt64] {
        accounts.values.reduce(into: refusedBefore) { $0.merge($1.refused) { $0 + $1 } }
    }
}
