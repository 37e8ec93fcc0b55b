// SPDX-License-Identifier: Apache-2.0

/// Sessions and the calls that are open in them. For one thread.
///
/// Whatever a client says counts within its own workload: a session belongs to the one that opened it.
struct CallBook<Marker: CallMarker> {
    let tasks: any CallTasks
    let accounts: CallAccounts
    var scopes: CallScopes<Marker>
    var sessions: [SessionKey: CallSession] = [:]
    var open: [UInt64: OpenCall] = [:]
    var sessionsOf: [Int: Set<SessionKey>] = [:]
    var callsOf: [Int: Set<UInt64>] = [:]
    /// Workloads that have a session of that name.
    var holders: [String: Set<UInt64>] = [:]
    /// When clients have connected, as the book counts what happens.
    private(set) var arrivals: [Int: UInt64] = [:]
    private var moment: UInt64 = 0
    private let pastSessions: PastSessions
    /// Those that come in parts, by connection and server.
    var catalogs: [Int: [String: PartialCatalog]] = [:]
    /// By connection.
    var versions: [Int: KnownVersions] = [:]
    /// By connection.
    var refusedSessions: [Int: RefusedSessions] = [:]
    /// The number of the latest message on a connection, and whose that was.
    private var sequences: [Int: (process: CallTask, number: UInt64)] = [:]
    /// Connections on which something came that nobody has read: it may have been anything. For so many messages more it may
    /// have to do with these.
    private(set) var unread: [Int: Int] = [:]
    private(set) var gate = AnomalyGate()
    var nextNumber: UInt64 = 1
    /// Open calls by the place in a trace that they claim to have.
    var places: [String: Set<UInt64>] = [:]
    /// nil: values leave nothing behind.
    let digests: DigestKeys?
    private let clock: () -> ClockReading
    let tell: (CallChange) -> Void

    /// - Parameter tell: takes what is learned, in order, before any event could be joined to it.
    init(
        marker: Marker, tasks: any CallTasks, accounts: CallAccounts = CallAccounts(), digests: DigestKeys? = nil,
        clock: @escaping () -> ClockReading, tell: @escaping (CallChange) -> Void
    ) {
        scopes = CallScopes(marker: marker, byteLimit: accounts.limits.bytes)
        self.tasks = tasks
        self.accounts = accounts
        pastSessions = PastSessions(accounts: accounts)
        self.digests = digests
        self.clock = clock
        self.tell = tell
    }

    var now: ClockReading { clock() }

    /// Whether `tick` has anything to look after.
    var isIdle: Bool { open.isEmpty && gate.isEmpty }

    /// Takes a message; returns what its sender is answered. What is answered with `ack` holds already.
    ///
    /// - Parameter size: bytes of the message.
    mutating func take(
        _ message: ToolCallMessage, from sender: CallSender, on connection: Int, size: Int = 256
    ) -> ToolCallAnswer {
        defer { if let left = unread[connection] { unread[connection] = left > 1 ? left - 1 : nil } }
        do throws(CallRefusal) {
            try judgeOrder(of: message, sender, connection)
            switch message.type {
            case "hello": return try hello(message, sender, connection)
            case "begin": return try begin(message, sender, connection, size)
            case "end": return try end(message, sender, connection)
            case "session.end": return try endSession(message, sender, connection)
            case "context": return try context(message, sender, connection)
            case "decision": return try decision(message, sender, connection)
            case "catalog": return try catalog(message, sender, connection, size)
            case "model": return try model(message, sender)
            case "transition": return try transition(message, sender, connection)
            default:
                let type = String(decoding: message.type.utf8.prefix(64), as: UTF8.self)
                throw CallRefusal(.unknownType, "no such message: \(type)")
            }
        } catch {
            return .error(message.seq, error.code, error.message)
        }
    }

    // MARK: Clients that come and go away

    /// A client has connected.
    mutating func arrive(_ connection: Int) { arrivals[connection] = nextMoment() }

    private mutating func nextMoment() -> UInt64 {
        moment += 1
        return moment
    }

    /// A connection has ended: what was announced on it has nobody to end it, unless the same process has another.
    mutating func leave(_ connection: Int) {
        let keys = (sessionsOf.removeValue(forKey: connection) ?? []).sorted { $0.name < $1.name }
        for key in keys { change(key) { $0.members[connection] = nil } }
        var abandoned: [UInt64] = []
        for number in (callsOf.removeValue(forKey: connection) ?? []).sorted() {
            guard let call = open[number] else { continue }
            let members = sessions[call.session]?.members ?? [:]
            if let other = members.filter({ $0.value.process == call.process }).keys.min() {
                open[number]?.connection = other
                callsOf[other, default: []].insert(number)
            } else {
                abandoned.append(number)
            }
        }
        close(abandoned, status: "abandoned")
        for key in keys where sessions[key]?.members.isEmpty ?? false {
            if let left = remove(key, status: "abandoned") { pastSessions.keep(left, of: key, at: now.boot) }
        }
        for server in (catalogs[connection] ?? [:]).keys { dropCatalog(of: server, on: connection) }
        catalogs[connection] = nil
        dropVersions(on: connection)
        dropRefusedSessions(on: connection)
        sequences[connection] = nil
        unread[connection] = nil
        arrivals[connection] = nil
    }

    /// A message that came on a connection was refused unread, or cannot be read.
    mutating func leaveUnread(on connection: Int) { unread[connection] = Self.unreadMessages }

    static var unreadMessages: Int { 64 }

    /// Processes that have announced calls which are open.
    var processes: Set<CallTask> { Set(open.values.map(\.process)) }

    /// A process has ended, whatever still holds its connection.
    mutating func died(_ process: CallTask) {
        close(open.filter { $0.value.process == process }.keys.sorted(), status: "abandoned")
    }

    /// Tells what was held back and is due, and forgets what is long over.
    mutating func tick() {
        for (anomaly, origin) in gate.overdue(at: now.boot) { tell(.anomaly(anomaly, origin)) }
        scopes.tick(tell: tell)
        for account in accounts.all { account.setBytes = scopes.bytes(of: account.workload) }
        pastSessions.tick(at: now.boot)
        accounts.prune(at: now.boot)
    }

    /// Tells all that was held back, at the end. Nothing acts for a call any more that is open: it did not end.
    mutating func finish() {
        scopes.end(open.keys.sorted(), tell: tell)
        open = [:]
        for (anomaly, origin) in gate.overdue(at: .max) { tell(.anomaly(anomaly, origin)) }
    }

    // MARK: Sessions

    /// The session of that name, which has to be the sender's own workload's.
    mutating func session(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) throws(CallRefusal) -> (key: SessionKey, known: CallSession) {
        let name = try message.required(message.session, "session")
        let key = SessionKey(workload: sender.workload, name: name)
        if let session = sessions[key] {
            if let epoch = session.members[connection]?.epoch, epoch < session.epoch {
                raise(
                    Finding(
                        rule: .epochMismatch, expected: "epoch \(session.epoch), which the session is in",
                        came: "\(message.type) of a client that has said hello in epoch \(epoch)"),
                    sender, name, message.call?.id)
            }
            return (key, session)
        }
        if pastSessions.hasEnded(key) {
            raise(
                Finding(
                    rule: .callAfterSessionEnd, expected: "nothing of a session that has ended", came: message.type),
                sender, name, message.call?.id)
            throw CallRefusal(.unknownSession, "session \(name) has ended")
        }
        if holders[name] != nil {
            judgeClaim(of: message, sender, connection, name)
            throw CallRefusal(.notYourSession, "session \(name) is another workload's")
        }
        throw CallRefusal(.unknownSession, "no session \(name) is open: say hello first")
    }

    private mutating func hello(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) throws(CallRefusal) -> ToolCallAnswer {
        guard message.protocol == 1 else {
            throw CallRefusal(.unsupportedProtocol, "protocol 1 is spoken here")
        }
        let name = try message.required(message.session, "session")
        let agent = try message.claimedAgent()
        let key = SessionKey(workload: sender.workload, name: name)
        let account = accounts.of(sender.workload)
        let isOpen = sessions[key] != nil
        // Who has lost his connection comes back to the session that he was in.
        let known = sessions[key] ?? pastSessions.left(key)
        if !isOpen, !account.allows(.sessions) { throw CallRefusal(.rateLimited, "too many sessions are open") }
        if known?.members[connection] == nil { try requireMemory(of: sender) }
        let epoch = message.epoch ?? known?.epoch ?? 0
        if let known { try judge(agent, epoch, of: known, sender, name) }
        if !isOpen {
            let session =
                pastSessions.take(key) ?? CallSession(name: name, epoch: epoch, opened: 0, agent: agent)
            session.opened = nextMoment()
            sessions[key] = session
            account.sessions += 1
            account.bytes += session.bytes
            holders[name, default: []].insert(key.workload)
        }
        change(key) { session in
            session.epoch = epoch
            if let agent { session.agent = agent }
            session.members[connection] = .init(process: sender.process, epoch: message.epoch, agent: agent)
        }
        sessionsOf[connection, default: []].insert(key)
        return .ack(message.seq)
    }

    /// What of a `hello` does not fit what is known of its session.
    private mutating func judge(
        _ agent: ToolCallClaims.Agent?, _ epoch: UInt64, of session: CallSession, _ sender: CallSender, _ name: String
    ) throws(CallRefusal) {
        guard epoch >= session.epoch else {
            raise(
                Finding(
                    rule: .epochMismatch, expected: "epoch \(session.epoch) or later", came: "epoch \(epoch)"),
                sender, name)
            throw CallRefusal(.outOfOrder, "session \(name) is in epoch \(session.epoch)")
        }
        let agents = session.members.values.map(\.agent) + [session.agent]
        if let agent, !agents.contains(agent), let known = agents.last(where: { $0?.name == agent.name }) ?? nil {
            raise(
                Finding(rule: .versionMismatch, expected: Self.text(known), came: Self.text(agent)), sender, name)
        }
    }

    private static func text(_ agent: ToolCallClaims.Agent) -> String {
        [agent.name, agent.version, agent.framework].filter { !$0.isEmpty }.joined(separator: " ")
    }

    private mutating func endSession(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) throws(CallRefusal) -> ToolCallAnswer {
        let key = try session(message, sender, connection).key
        remove(key, status: "cancelled", error: "the session has ended")
        pastSessions.keep(nil, of: key, at: now.boot)
        tell(.sessionEnded(key.name, origin(of: sender)))
        return .ack(message.seq)
    }

    /// - Returns: what was known of it.
    @discardableResult
    private mutating func remove(_ key: SessionKey, status: String, error: String = "") -> CallSession? {
        close(sessions[key]?.calls.values.sorted() ?? [], status: status, error: error)
        guard let session = sessions.removeValue(forKey: key) else { return nil }
        for connection in session.members.keys { sessionsOf[connection]?.remove(key) }
        let account = accounts.of(key.workload)
        account.sessions -= 1
        account.bytes -= session.bytes
        holders[key.name]?.remove(key.workload)
        if holders[key.name]?.isEmpty ?? false { holders[key.name] = nil }
        return session
    }

    /// Refuses what would have to be remembered, where its workload has had the sensor remember too much.
    func requireMemory(of sender: CallSender) throws(CallRefusal) {
        guard accounts.of(sender.workload).allows(.bytes) else {
            throw CallRefusal(.rateLimited, "too much is to be remembered")
        }
    }

    /// Changes what is known of a session, and what its workload is charged for it.
    @discardableResult
    func change<Result>(_ key: SessionKey, _ body: (CallSession) -> Result) -> Result? {
        sessions[key].map { change($0, of: accounts.of(key.workload), body) }
    }

    /// The same of one that is at hand.
    func change<Result>(_ session: CallSession, of account: CallAccount, _ body: (CallSession) -> Result) -> Result {
        let before = session.bytes
        defer { account.bytes += session.bytes - before }
        return body(session)
    }

    // MARK: Calls

    /// Nothing acts for these calls any more.
    ///
    /// - Parameter time: when they ended, as their client says (boot clock); nil: now.
    mutating func close(_ numbers: [UInt64], status: String, error: String = "", at time: UInt64? = nil) {
        let workloads = Set(numbers.compactMap { open[$0]?.session.workload })
        for number in numbers { settle(number, status: status, error: error, at: time) }
        scopes.end(numbers, tell: tell)
        for workload in workloads { accounts.of(workload).setBytes = scopes.bytes(of: workload) }
    }

    private mutating func settle(_ number: UInt64, status: String, error: String, at time: UInt64?) {
        guard let call = open.removeValue(forKey: number) else { return }
        unlink(number, call.traceparent)
        let account = accounts.of(call.session.workload)
        if let session = sessions[call.session] {
            change(session, of: account) { session in
                session.calls[call.id] = nil
                session.settled[call.id] = nil
                session.settled[call.id] = .init(
                    operation: call.operation, status: status, grant: call.bound?.grant ?? "")
            }
        }
        callsOf[call.connection]?.remove(number)
        account.calls -= 1
        account.bytes -= call.bytes
        let now = now.boot
        // A time that is far from the call's is another clock's, as in a time namespace.
        let said = time.flatMap { $0 &+ Self.clockLimit < call.time ? nil : $0 } ?? now
        tell(
            .ended(
                CallEnd(
                    number: number, status: status, error: error, time: max(call.time, min(said, now)), toldAt: now)))
    }

    private static var clockLimit: UInt64 { 60_000_000_000 }

    // MARK: Rules

    /// A client's numbers only ever go up.
    private mutating func judgeOrder(
        of message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) throws(CallRefusal) {
        guard let number = message.seq else { return }
        if let last = sequences[connection], last.process == sender.process, number <= last.number {
            raise(
                Finding(
                    rule: .outOfOrder, expected: "seq above \(last.number)", came: "\(message.type) with seq \(number)"),
                sender, message.session ?? "", message.call?.id)
            throw CallRefusal(.outOfOrder, "seq \(last.number) has come before")
        }
        sequences[connection] = (sender.process, number)
    }

    mutating func raise(_ finding: Finding, _ sender: CallSender, _ session: String, _ call: String? = nil) {
        func short(_ text: String) -> String {
            text.utf8.count <= 512 ? text : String(decoding: text.utf8.prefix(512), as: UTF8.self) + "…"
        }
        let anomaly = AnomalyDetail(
            rule: finding.rule, session: short(session), call: short(call ?? ""), expected: short(finding.expected),
            came: short(finding.came))
        let origin = origin(of: sender)
        if let told = gate.pass(anomaly, of: sender.workload, origin) { tell(.anomaly(told, origin)) }
    }

    func origin(of sender: CallSender) -> CallOrigin {
        CallOrigin(process: sender.process.id, cgroup: sender.cgroup, time: now.boot)
    }
}
