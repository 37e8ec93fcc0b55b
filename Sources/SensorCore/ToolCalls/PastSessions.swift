// SPDX-License-Identifier: Apache-2.0

/// Sessions that are over: what is known of one holds when its client comes back soon, and what comes of it without a `hello`
/// is told apart from what never was a session's. For one thread.
///
/// All of it is charged to the workload that it is of, which may have no more of it than of sessions, and half of its memory.
final class PastSessions {
    private struct Past {
        var key: SessionKey
        /// nil: its client has ended it, and nothing of it is left.
        var session: CallSession?

        var bytes: Int { 256 + 2 * key.name.utf8.count + (session?.bytes ?? 0) }
    }

    /// How long it is known, ns.
    static let life: UInt64 = 600_000_000_000
    /// Of all workloads together: whoever has most of it loses his earliest.
    static let byteLimit = 4 << 20

    private let accounts: CallAccounts
    private var queue = SharedQueue<Past>()
    private var places: [SessionKey: SharedQueue<Past>.Place] = [:]

    init(accounts: CallAccounts) { self.accounts = accounts }

    var count: Int { queue.count }

    /// What is known of a session that its last client has left.
    func left(_ key: SessionKey) -> CallSession? { past(key)?.session }

    /// Whether its client has ended it.
    func hasEnded(_ key: SessionKey) -> Bool { past(key).map { $0.session == nil } ?? false }

    private func past(_ key: SessionKey) -> Past? { places[key].flatMap { queue[$0]?.element } }

    /// - Parameters:
    ///   - session: as it was left; nil: it was ended.
    ///   - now: boot clock, ns.
    func keep(_ session: CallSession?, of key: SessionKey, at now: UInt64) {
        take(key)
        let past = Past(key: key, session: session)
        let workload = key.workload
        places[key] = queue.append(past, of: workload, size: past.bytes, at: now)
        accounts.of(workload).bytes += past.bytes
        let limits = accounts.limits
        while queue.count(of: workload) > limits.sessions || queue.size(of: workload) > limits.bytes / 2 {
            release(queue.takeFirst(of: workload))
        }
        while queue.size > Self.byteLimit { release(queue.takeFirstOfLargest()) }
    }

    /// A session of that name begins.
    ///
    /// - Returns: what it goes on from.
    @discardableResult
    func take(_ key: SessionKey) -> CallSession? {
        let past = places[key].flatMap { queue.remove($0) }
        release(past)
        return past?.session
    }

    /// - Parameter now: boot clock, ns.
    func tick(at now: UInt64) {
        guard now >= Self.life else { return }
        while let past = queue.takeFirst(by: now - Self.life) { release(past) }
    }

    private func release(_ past: Past?) {
        guard let past else { return }
        places[past.key] = nil
        accounts.of(past.key.workload).bytes -= past.bytes
    }
}
