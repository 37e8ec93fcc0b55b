// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc
internal import NIOConcurrencyHelpers
internal import Synchronization

/// What the server's thread does: looks who has something to say, and gives each of them a bounded turn.
struct ToolCallLoop<Marker: CallMarker> {
    /// Connections that are accepted in a turn.
    private static var turnConnections: Int { 64 }
    private static var second: UInt64 { 1_000_000_000 }
    /// What was learned is told of no more often than that, however much there is of it: each time wakes the collecting thread,
    /// and that the writing one. What is learned is not late for any event, since it is looked for before each.
    private static var tellTime: UInt64 { 5_000_000 }
    /// Between two looks at all that was sent.
    private static var lookTime: UInt64 { 10_000_000 }
    /// Beside the connections, which are counted from 1.
    private static var wakeUpNumber: Int { Int.max }
    private static var crowdedLimit: Int { 1024 }
    private static var listenerNumber: Int { Int.max - 1 }

    private let server: ToolCallServer
    private let listener: ToolCallListener
    private let senders: CallTaskCache
    private let poll: ConnectionPoll
    private var book: CallBook<Marker>
    private var connections: [Int: ToolCallConnection] = [:]
    private var nextNumber = 0
    /// Connections that are not read from before a time of their own.
    private var paused: Set<Int> = []
    /// Something was learned that nobody was told of yet.
    private let learned: Untold
    private var toldAt: UInt64 = 0
    private var statistics = ToolCallServer.Statistics()
    private var turns = 0
    private var pace = TurnPace()
    /// There is no turn after this one.
    private var isLast = false
    private var tickedAt: UInt64 = 0
    /// Nobody is accepted before.
    private var acceptsFrom: UInt64 = 0
    /// Workloads of which a connection was refused.
    private var crowded: Set<UInt64> = []
    /// What is read goes through here: memory of its own would cost more than reading into it.
    private var space = [UInt8](repeating: 0, count: ToolCallConnection.readLimit)
    /// Time of this turn, by workload, ns.
    private var work: [UInt64: UInt64] = [:]
    /// Up to where it is known whose this turn's time was.
    private var clock = WorkClock()
    /// Somebody wants to know up to when all that was sent has been heard.
    private var isAsked = false
    /// This turn finds that out; of which workloads not all was, and that there may be some of which nothing is known.
    private var isLooking = false
    private var unheard: Set<UInt64> = []
    private var isDeaf = false
    private var lookedAt: UInt64 = 0

    init(
        server: ToolCallServer, listener: ToolCallListener, senders: CallTaskCache, poll: ConnectionPoll,
        learned: Untold,
        book: CallBook<Marker>
    ) {
        self.server = server
        self.listener = listener
        self.senders = senders
        self.poll = poll
        self.learned = learned
        self.book = book
    }

    mutating func run() {
        _ = poll.add(server.hearing.wakeUp.descriptor, number: Self.wakeUpNumber, .read)
        _ = poll.add(listener.descriptor, number: Self.listenerNumber, .read)
        while !server.isStopping.load(ordering: .relaxed) { turn() }
        // What was done before it stops is its calls' for certain.
        isLast = true
        turn()
        // What is open stays so: its clients have not gone.
        connections = [:]
        book.finish()
        tick(at: KernelSession.bootTime())
        tell(at: KernelSession.bootTime())
    }

    private mutating func turn() {
        if !isLast { rest() }
        if server.hearing.takeQuestion() { isAsked = true }
        let began = KernelSession.bootTime()
        isLooking = isLast || isAsked && began &- lookedAt >= Self.lookTime
        if isLooking { prepareLook() }
        let ready = isLooking ? poll.wait(milliseconds: 0) : wait(at: began)
        let now = KernelSession.bootTime()
        work.removeAll(keepingCapacity: true)
        turns += 1
        pace.served(ready.count, at: now)
        // Who was first is last, so that one with many connections gets to each of them.
        let first = ready.isEmpty ? 0 : turns % ready.count
        clock.begin()
        for index in ready.indices {
            let one = ready[(first + index) % ready.count]
            switch one.number {
            case Self.wakeUpNumber: server.hearing.wakeUp.take()
            case Self.listenerNumber: acceptSome(at: now)
            default: serve(one, at: now)
            }
        }
        resume(at: now)
        if now &- tickedAt >= Self.second { tick(at: now) }
        if isLooking, finishLook(from: began, ready.count) { tell(at: now) }
        if learned.isSet, now &- toldAt >= Self.tellTime { tell(at: now) }
    }

    // MARK: Looking

    /// Whoever is not ready now has sent nothing more, but for those that are not listened to.
    private mutating func prepareLook() {
        unheard.removeAll(keepingCapacity: true)
        // Whose connections wait to be accepted is not known.
        isDeaf = acceptsFrom != 0
        for connection in connections.values
        where connection.hasLinesLeft || !connection.interest.contains(.read) && !connection.hasEnded {
            unheard.formUnion(connection.workloads)
        }
    }

    /// - Returns: whether all that was sent by then has been taken in, but of those of which it is known that it was not. Else
    ///   it is looked again.
    private mutating func finishLook(from time: UInt64, _ readyCount: Int) -> Bool {
        lookedAt = time
        if isDeaf || readyCount >= ConnectionPoll.eventLimit { return false }
        isAsked = false
        server.hearing.answer(heardUntil: time, butFor: unheard)
        return true
    }

    // MARK: Waiting

    private func rest() {
        let time = pace.rest(at: KernelSession.bootTime())
        guard time > 0 else { return }
        var wanted = timespec(tv_sec: 0, tv_nsec: Int(time))
        nanosleep(&wanted, nil)
    }

    private func wait(at now: UInt64) -> [ConnectionPoll.Ready] {
        let isIdle = connections.isEmpty && book.isIdle && book.accounts.count == 0
        var until = isIdle ? UInt64.max : tickedAt &+ Self.second
        if now < acceptsFrom { until = min(until, acceptsFrom) }
        if learned.isSet { until = min(until, toldAt &+ Self.tellTime) }
        if isAsked { until = min(until, lookedAt &+ Self.lookTime) }
        for number in paused { until = min(until, connections[number]?.pausedUntil ?? now) }
        // A time that is up waits for nothing; another is waited for to its end.
        return poll.wait(
            milliseconds: until == .max ? -1 : Int32(clamping: (max(until, now) - now + 999_999) / 1_000_000))
    }

    /// Listens again to whoever's time has come, and to those that connect.
    private mutating func resume(at now: UInt64) {
        for number in paused where now >= connections[number]?.pausedUntil ?? 0 {
            paused.remove(number)
            guard let connection = connections[number] else { continue }
            if connection.hasLinesLeft {
                serve(ConnectionPoll.Ready(number: number, hasHungUp: false), at: now)
            } else {
                watch(number, connection, at: now)
            }
        }
        guard acceptsFrom != 0, now >= acceptsFrom else { return }
        acceptsFrom = 0
        poll.change(listener.descriptor, number: Self.listenerNumber, .read)
    }

    /// Waits for what a connection can go on with.
    private mutating func watch(_ number: Int, _ connection: ToolCallConnection, at now: UInt64) {
        if now < connection.pausedUntil { paused.insert(number) }
        var interest: ConnectionPoll.Interest = connection.isListening(at: now) ? .read : []
        if connection.isBlocked { interest.insert(.write) }
        guard interest != connection.interest else { return }
        connection.interest = interest
        poll.change(connection.descriptor, number: number, interest)
    }

    private mutating func tell(at now: UInt64) {
        learned.isSet = false
        toldAt = now
        server.told()
    }

    // MARK: Serving

    private mutating func serve(_ ready: ConnectionPoll.Ready, at now: UInt64) {
        let number = ready.number
        guard let connection = connections[number] else { return }
        let account = connection.account
        var isHeard = connection.hasEnded && !connection.hasLinesLeft
        defer { if isLooking, !isHeard { unheard.formUnion(connection.workloads) } }
        if work[account.workload, default: 0] >= CallAccount.turnTime {
            if connection.hasLinesLeft { paused.insert(number) }
            return
        }
        connection.pausedUntil = max(connection.pausedUntil, account.pausedUntil)
        if connection.isListening(at: now) || connection.hasLinesLeft && now >= connection.pausedUntil {
            let waiting = isLooking ? connection.waitingBytes : 0
            var lines = connection.takeLinesLeft()
            let count = lines.isEmpty ? connection.receive(in: &space) { lines.append($0) } : 0
            isHeard = answer(lines, number, connection, at: now) && (count >= waiting || connection.hasEnded)
            if account.isExhausted(at: now) { connection.pausedUntil = account.nextSecond }
            spend(account)
        } else if ready.hasHungUp, now < connection.pausedUntil {
            // What it has said too much before it went is not waited for.
            return drop(number)
        }
        guard connection.flush(), !connection.isDone else { return drop(number) }
        watch(number, connection, at: now)
    }

    /// Answers what a connection has sent, up to a turn's time: each message may be the work of milliseconds.
    ///
    /// - Returns: whether that was all.
    private mutating func answer(
        _ lines: [ToolCallConnection.Line], _ number: Int, _ connection: ToolCallConnection, at now: UInt64
    ) -> Bool {
        // What has been received at once has one sender, or is nobody's.
        var sender: (process: UInt32, known: CallSender?)?
        for (index, line) in lines.enumerated() {
            if let answer = answer(to: line, number, connection, &sender, at: now) { connection.answer(answer) }
            let time = KernelSession.bootTime()
            guard time &- clock.now >= CallAccount.turnTime, index + 1 < lines.count, !isLast else { continue }
            connection.leave(lines[(index + 1)...])
            // They are looked at in the next turn.
            connection.pausedUntil = max(connection.pausedUntil, time)
            return false
        }
        return true
    }

    private mutating func answer(
        to line: ToolCallConnection.Line, _ number: Int, _ connection: ToolCallConnection,
        _ last: inout (process: UInt32, known: CallSender?)?, at now: UInt64
    ) -> ToolCallAnswer? {
        statistics.messages += 1
        switch line {
        case .empty:
            connection.account.charge(1)
            return nil
        case .tooLarge:
            return unread(number, nil, .tooLarge, "a message has \(ToolCallConnection.lineLimit) bytes at most")
        case .mixed: return unread(number, nil, .malformed, "two processes have sent parts of this message")
        case .refused: return unread(number, nil, .rateLimited, "the workload's messages take too much memory")
        case .message(let bytes, let process):
            if last?.process != process { last = (process, sender(process, connection, at: now)) }
            guard let sender = last?.known else {
                return .error(
                    MessageBytes.sequence(bytes), .unknownSender, "the sender is gone, or its cgroup cannot be told")
            }
            guard connection.admits(sender) else {
                if let peer = connection.peer { book.foreign(sender, on: peer) }
                return .error(
                    MessageBytes.sequence(bytes), .unknownSender, "the sender's workload is not the one that connected")
            }
            let account = book.accounts.of(sender.workload)
            guard account.allowsMessage(at: now) else {
                return unread(
                    number, MessageBytes.sequence(bytes), .rateLimited, "the workload says too much in a second")
            }
            let message: ToolCallMessage
            do { message = try MessageBytes.decode(bytes) } catch {
                return unread(number, MessageBytes.sequence(bytes), .malformed, error.message)
            }
            // What ends something makes room.
            if message.type != "end", message.type != "session.end",
                !account.allowsWaiting(in: server.backlog(), size: bytes.count)
            {
                return unread(number, message.seq, .rateLimited, "the sensor does not keep up")
            }
            return book.take(message, from: sender, on: number, size: bytes.count)
        }
    }

    /// Refuses what the book does not get to see.
    private mutating func unread(
        _ number: Int, _ sequence: UInt64?, _ code: ToolCallAnswer.Code, _ message: String
    ) -> ToolCallAnswer {
        book.leaveUnread(on: number)
        return .error(sequence, code, message)
    }

    private func sender(_ process: UInt32, _ connection: ToolCallConnection, at now: UInt64) -> CallSender? {
        guard process != 0 else { return nil }
        connection.known = senders.sender(process, last: connection.known, at: now)
        return connection.known?.sender
    }

    /// Counts what was done for a workload.
    private mutating func spend(_ account: CallAccount) {
        let spent = clock.lap()
        work[account.workload, default: 0] += spent
        account.spend(spent, at: clock.now)
    }

    private mutating func drop(_ number: Int) {
        guard connections.removeValue(forKey: number) != nil else { return }
        paused.remove(number)
        book.leave(number)
        // Nobody pays for the end of another's.
        clock.begin()
    }

    // MARK: Accepting

    private mutating func acceptSome(at now: UInt64) {
        // In a look all that were there when it began.
        for _ in 0..<(isLooking ? ToolCallListener.queueLimit : Self.turnConnections) {
            switch listener.accept() {
            case .none: return
            case .exhausted:
                // Who waits is accepted when others have gone.
                acceptsFrom = now &+ Self.second / 10
                isDeaf = true
                return poll.change(listener.descriptor, number: Self.listenerNumber, [])
            case .connection(let descriptor): accept(descriptor, at: now)
            }
        }
    }

    private mutating func accept(_ descriptor: Int32, at now: UInt64) {
        clock.begin()
        var process: pid_t = 0
        var (user, group): (uid_t, gid_t) = (0, 0)
        let isKnown = sensor_peer_credentials(descriptor, &process, &user, &group) == 0 && process > 0
        let known = isKnown ? senders.sender(UInt32(process), last: nil, at: now) : nil
        // Those that cannot be told apart are one workload.
        let account = book.accounts.of(known?.sender.workload ?? 0)
        defer { spend(account) }
        guard account.allows(.connections), account.allowsMessage(at: now), makeRoom(for: account) else {
            tellCrowded(known?.sender)
            Self.refuse(descriptor)
            close(descriptor)
            return
        }
        nextNumber += 1
        let connection = ToolCallConnection(descriptor: descriptor, account: account, peer: known)
        // Without memory to wait for it, it is closed.
        guard poll.add(descriptor, number: nextNumber, connection.interest) else { return }
        connections[nextNumber] = connection
        if isLooking { unheard.formUnion(connection.workloads) }
        book.arrive(nextNumber)
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
        tellCrowded(most.value.peer)
        Self.refuse(most.value.descriptor)
        drop(most.key)
        return true
    }

    /// Once for each workload: whoever has no connection announces nothing, and may not say so himself.
    private mutating func tellCrowded(_ sender: CallSender?) {
        guard let sender, crowded.count < Self.crowdedLimit, crowded.insert(sender.workload).inserted else { return }
        server.crowded(sender.process.id)
    }

    private static func refuse(_ descriptor: Int32) {
        let line = ToolCallAnswer.error(nil, .rateLimited, "too many connections").line
        _ = send(descriptor, line, line.count, Int32(MSG_NOSIGNAL))
    }

    // MARK: Each second

    private mutating func tick(at now: UInt64) {
        tickedAt = now
        senders.prune(at: now)
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

/// Whether something was learned that nobody was told of yet. For one thread.
final class Untold {
    var isSet = false
}
