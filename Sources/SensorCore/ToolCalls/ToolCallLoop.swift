// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import FoundationEssentials
internal import Glibc
internal import NIOConcurrencyHelpers
internal import Synchronization

/// What the server's thread does: looks who has something to say, and gives each of them a bounded turn.
struct ToolCallLoop<Marker: CallMarker> {
    /// Messages of a workload in a turn, before others have theirs.
    private static var turnMessages: Int { 256 }
    /// Connections that are accepted in a turn.
    private static var turnConnections: Int { 64 }
    private static var second: UInt64 { 1_000_000_000 }

    private let server: ToolCallServer
    private let listener: ToolCallListener
    private let senders: CallSenders
    private var book: CallBook<Marker>
    private var connections: [Int: ToolCallConnection] = [:]
    private var nextNumber = 0
    private let decoder = JSONDecoder()
    private var statistics = ToolCallServer.Statistics()
    private var turns = 0
    private var tickedAt: UInt64 = 0
    /// Nobody is accepted before.
    private var acceptsFrom: UInt64 = 0
    /// Messages of this turn, by workload.
    private var work: [UInt64: Int] = [:]

    init(server: ToolCallServer, listener: ToolCallListener, senders: CallSenders, book: CallBook<Marker>) {
        self.server = server
        self.listener = listener
        self.senders = senders
        self.book = book
    }

    mutating func run() {
        while !server.isStopping.load(ordering: .relaxed) {
            let ready = wait(at: KernelSession.bootTime())
            let now = KernelSession.bootTime()
            work.removeAll(keepingCapacity: true)
            turns += 1
            // Who was first is last, so that one with many connections gets to each of them.
            let first = ready.isEmpty ? 0 : turns % ready.count
            for (number, events) in ready[first...] + ready[..<first] { serve(number, events, at: now) }
            acceptSome(at: now)
            if now &- tickedAt >= Self.second { tick(at: now) }
        }
        // What is open stays so: its clients have not gone.
        connections = [:]
        book.finish()
        tick(at: KernelSession.bootTime())
    }

    // MARK: Waiting

    private func wait(at now: UInt64) -> [(number: Int, events: Int32)] {
        let numbers = connections.keys.sorted()
        let isIdle = connections.isEmpty && book.isIdle && book.accounts.count == 0
        var until = isIdle ? UInt64.max : tickedAt &+ Self.second
        let accepts = now >= acceptsFrom
        if !accepts { until = min(until, acceptsFrom) }
        var entries = [
            pollfd(fd: server.wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: accepts ? listener.descriptor : -1, events: Int16(POLLIN), revents: 0),
        ]
        for number in numbers {
            guard let connection = connections[number] else { continue }
            if now < connection.pausedUntil { until = min(until, connection.pausedUntil) }
            let events =
                (connection.isListening(at: now) ? Int16(POLLIN) : 0) | (connection.isBlocked ? Int16(POLLOUT) : 0)
            entries.append(pollfd(fd: connection.descriptor, events: events, revents: 0))
        }
        let time = until == .max ? -1 : Int32(clamping: (max(until, now) - now) / 1_000_000 + 1)
        guard poll(&entries, nfds_t(entries.count), time) > 0 else { return [] }
        server.wakeUp.take()
        return zip(numbers, entries.dropFirst(2)).filter { $0.1.revents != 0 }.map { ($0.0, Int32($0.1.revents)) }
    }

    // MARK: Serving

    private mutating func serve(_ number: Int, _ events: Int32, at now: UInt64) {
        guard let connection = connections[number] else { return }
        let workload = connection.account.workload
        if work[workload, default: 0] >= Self.turnMessages { return }
        if connection.isListening(at: now) {
            var lines: [ToolCallConnection.Line] = []
            connection.receive { lines.append($0) }
            work[workload, default: 0] += lines.count
            for line in lines { connection.answer(answer(to: line, number, connection, at: now)) }
        } else if events & Int32(POLLHUP) != 0, now < connection.pausedUntil {
            // What it has said too much before it went is not waited for.
            return drop(number)
        }
        guard connection.flush(), !connection.isDone else { return drop(number) }
    }

    private mutating func answer(
        to line: ToolCallConnection.Line, _ number: Int, _ connection: ToolCallConnection, at now: UInt64
    ) -> ToolCallAnswer {
        statistics.messages += 1
        switch line {
        case .tooLarge:
            return .error(nil, .tooLarge, "a message has \(ToolCallConnection.lineLimit) bytes at most")
        case .mixed: return .error(nil, .malformed, "two processes have sent parts of this message")
        case .refused: return .error(nil, .rateLimited, "the workload's messages take too much memory")
        case .message(let bytes, let process):
            guard let sender = sender(process, connection, at: now) else {
                return .error(
                    MessageBytes.sequence(bytes), .unknownSender, "the sender is gone, or its cgroup cannot be told")
            }
            let account = book.accounts.of(sender.workload)
            guard account.allowsMessage(at: now) else {
                if account.isExhausted(at: now) { connection.pausedUntil = account.nextSecond }
                return .error(
                    MessageBytes.sequence(bytes), .rateLimited, "the workload says too much in a second")
            }
            let message: ToolCallMessage
            do { message = try MessageBytes.decode(bytes, decoder) } catch {
                return .error(MessageBytes.sequence(bytes), .malformed, error.message)
            }
            if server.isBehind(), message.type != "end", message.type != "session.end" {
                return .error(message.seq, .rateLimited, "the sensor does not keep up")
            }
            return book.take(message, from: sender, on: number, size: bytes.count)
        }
    }

    /// A process is looked up when it has not been for a second: it may move to another cgroup, if seldom.
    ///
    /// One that has ended since it sent is who it was, as long as its id is nobody else's.
    private func sender(_ process: UInt32, _ connection: ToolCallConnection, at now: UInt64) -> CallSender? {
        guard process != 0 else { return nil }
        if let (known, time) = connection.known, known.process.id == process, !senders.isReplaced(known.process) {
            if now &- time < Self.second { return known }
            guard let again = senders.sender(process) else { return known }
            connection.known = (again, now)
            return again
        }
        let found = senders.sender(process)
        connection.known = found.map { ($0, now) }
        return found
    }

    private mutating func drop(_ number: Int) {
        guard connections.removeValue(forKey: number) != nil else { return }
        book.leave(number)
    }

    // MARK: Accepting

    private mutating func acceptSome(at now: UInt64) {
        guard now >= acceptsFrom else { return }
        for _ in 0..<Self.turnConnections {
            switch listener.accept() {
            case .none: return
            case .exhausted:
                // Who waits is accepted when others have gone.
                acceptsFrom = now &+ Self.second / 10
                return
            case .connection(let descriptor): accept(descriptor, at: now)
            }
        }
    }

    private mutating func accept(_ descriptor: Int32, at now: UInt64) {
        var process: pid_t = 0
        var (user, group): (uid_t, gid_t) = (0, 0)
        let isKnown = sensor_peer_credentials(descriptor, &process, &user, &group) == 0 && process > 0
        let sender = isKnown ? senders.sender(UInt32(process)) : nil
        // Those that cannot be told apart are one workload.
        let account = book.accounts.of(sender?.workload ?? 0)
        guard account.allows(.connections), account.allowsMessage(at: now), makeRoom(for: account) else {
            Self.refuse(descriptor)
            close(descriptor)
            return
        }
        nextNumber += 1
        let connection = ToolCallConnection(descriptor: descriptor, account: account)
        connection.known = sender.map { ($0, now) }
        connections[nextNumber] = connection
    }

    /// Where all connections are taken, whoever has most of them loses the latest of his.
    private mutating func makeRoom(for account: CallAccount) -> Bool {
        guard connections.count >= server.limits.connections else { return true }
        let most = connections.max { left, right in
            (left.value.account.connections, left.key) < (right.value.account.connections, right.key)
        }
        guard let most, most.value.account.connections > account.connections + 1 else {
            account.refuse(.connections)
            return false
        }
        most.value.account.refuse(.connections)
        Self.refuse(most.value.descriptor)
        drop(most.key)
        return true
    }

    private static func refuse(_ descriptor: Int32) {
        let line = ToolCallAnswer.error(nil, .rateLimited, "too many connections").line
        _ = send(descriptor, line, line.count, Int32(MSG_NOSIGNAL))
    }

    // MARK: Each second

    private mutating func tick(at now: UInt64) {
        tickedAt = now
        for process in book.processes where !senders.lives(process) { book.died(process) }
        book.tick()
        statistics.connections = connections.count
        statistics.sessions = book.sessions.count
        statistics.calls = book.open.count
        statistics.refused = book.accounts.refused
        statistics.anomalies = book.gate.told
        statistics.suppressedAnomalies = book.gate.suppressed
        server.counted.withLockedValue { $0 = statistics }
    }
}
