// SPDX-License-Identifier: Apache-2.0

// The beginning and the end of a call.
extension CallBook {
    mutating func begin(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int, _ size: Int
    ) throws(CallRefusal) -> ToolCallAnswer {
        do throws(CallRefusal) { return try announce(message, sender, connection, size) } catch {
            // Who ends it nevertheless has begun it.
            if let session = message.session, let id = message.call?.id, id.utf8.count <= ToolCallMessage.nameBytes {
                change(SessionKey(workload: sender.workload, name: session)) { $0.refused[id] = () }
            }
            throw error
        }
    }

    private mutating func announce(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int, _ size: Int
    ) throws(CallRefusal) -> ToolCallAnswer {
        let (key, known) = try session(message, sender, connection)
        let id = try message.required(message.call?.id, "call.id")
        let name = try message.bounded(message.call?.name, "call.name", bytes: ToolCallMessage.nameBytes)
        let initiator = try message.claimedInitiator()
        let claims = try message.claims(agent: known.members[connection]?.agent)
        let arguments = message.call?.arguments?.keyed(by: digests) ?? []
        let terms = message.call?.arguments?.terms ?? []
        var hasher = Hasher()
        hasher.combine(name)
        hasher.combine(arguments)
        hasher.combine(terms)
        // One that is the same within a run of the sensor is enough.
        let operation = hasher.finalize()
        if known.calls[id] != nil {
            raise(
                Finding(rule: .duplicateOperation, expected: "one call \(id)", came: "begin while it is open"),
                sender, key.name, id)
            throw CallRefusal(.duplicateCall, "call \(id) is open already")
        }
        let account = accounts.of(sender.workload)
        account.setBytes = scopes.bytes(of: sender.workload)
        guard account.allows(.calls) else { throw CallRefusal(.rateLimited, "too many calls are open") }
        try requireMemory(of: sender)

        var scope = message.scope ?? (message.threadId == nil ? .process : .thread)
        if message.isOverdue(at: now.boot) { scope = .none }
        var tasksLeft = Self.treeTasks
        let (thread, processes) = try acting(message, sender, scope, &tasksLeft)
        let number = nextNumber
        nextNumber += 1
        let time = now
        let parent = linked(to: claims.traceparent, key)
        var told = ToolCall(
            number: number, id: id, name: name, session: key.name, scope: scope, initiator: initiator,
            process: sender.process.id, thread: thread?.id ?? 0, cgroup: sender.cgroup, time: time.boot, terms: terms,
            mentions: message.call?.arguments?.mentions, claims: claims, arguments: arguments)
        told.workload = sender.workload
        told.parentCall = parent.map { LinkedCall($0, of: sender.workload) }
        tell(.begun(told))
        do throws(SystemError) {
            if let thread {
                try scopes.begin(number, of: sender.workload, thread: thread, in: sender.process, tell: tell)
            } else if !processes.isEmpty {
                try scopes.begin(number, of: sender.workload, processes: processes, tell: tell)
                if scope == .tree { try extend(number, processes, sender, &tasksLeft) }
            }
        } catch {
            tell(.ended(CallEnd(number: number, status: "error", error: "\(error)", time: now.boot)))
            throw CallRefusal(.rateLimited, "\(error)")
        }
        let isOwn = parent?.session.workload == key.workload
        let outer = bound(of: claims.parent, key) ?? (isOwn ? parent?.bound : nil)
        let call = OpenCall(
            session: key, id: id, name: name, connection: connection, process: sender.process,
            bound: claims.authority?.within(outer) ?? outer, traceparent: claims.traceparent, operation: operation,
            time: time.boot,
            // What it has of the outer one stays with it when that has ended.
            bytes: 512 + size + arguments.count * Self.argumentBytes + (outer?.bytes ?? 0))
        judge(call, claims, of: known, within: outer, sender, at: time)
        open[number] = call
        link(number, claims.traceparent)
        callsOf[connection, default: []].insert(number)
        if known.members[connection] == nil { sessionsOf[connection, default: []].insert(key) }
        account.calls += 1
        account.bytes += call.bytes
        change(known, of: account) { session in
            session.calls[id] = number
            session.refused[id] = nil
            if session.members[connection] == nil {
                session.members[connection] = .init(process: sender.process, epoch: nil, agent: nil)
            }
        }
        return .ack(message.seq, span: String(number), scope: scope)
    }

    /// That are kept of an argument with its digest, about.
    private static var argumentBytes: Int { 256 }

    /// What was forked before its parent acted for the call, and after one had looked, is found by looking again.
    private mutating func extend(
        _ number: UInt64, _ processes: [CallTask], _ sender: CallSender, _ tasksLeft: inout Int
    ) throws(SystemError) {
        var known = Set(processes)
        for _ in 0..<Self.treeLooks {
            guard let found = tree(of: sender, &tasksLeft) else {
                scopes.end(number, tell: tell)
                throw SystemError("find the sender's descendants", number: Self.tooMany)
            }
            let fresh = found.filter { known.insert($0).inserted }
            if fresh.isEmpty { return }
            try scopes.extend(number, processes: fresh, tell: tell)
        }
    }

    /// As one look finds it. What is looked at counts with the workload's messages.
    private func tree(of sender: CallSender, _ tasksLeft: inout Int) -> [CallTask]? {
        let before = tasksLeft
        defer { accounts.of(sender.workload).charge(before - tasksLeft) }
        return tasks.tree(sender, tasksLeft: &tasksLeft)
    }

    /// Whoever forks faster than one looks is not followed for ever.
    private static var treeLooks: Int { 8 }
    /// That are looked at for one call, in all looks: others wait for it.
    static var treeTasks: Int { 2048 }
    /// E2BIG
    private static var tooMany: Int32 { 7 }

    /// What no call within that one may exceed; nil: that is not known.
    private func bound(of parent: String, _ key: SessionKey) -> ToolCallClaims.Authority? {
        guard !parent.isEmpty, let session = sessions[key] else { return nil }
        if let number = session.calls[parent] { return open[number]?.bound }
        return session.settled[parent].flatMap { session.trust.authority(of: $0.grant) }
    }

    /// What of a call does not fit what is known of its session.
    ///
    /// - Parameter outer: what it may not exceed.
    private mutating func judge(
        _ call: OpenCall, _ claims: ToolCallClaims, of session: CallSession, within outer: ToolCallClaims.Authority?,
        _ sender: CallSender, at time: ClockReading
    ) {
        let key = call.session
        if let earlier = session.settled[call.id], earlier.operation == call.operation {
            raise(
                Finding(
                    rule: .duplicateOperation, expected: "each call once",
                    came: "call \(call.id) with the same name and arguments as before (\(earlier.status))"),
                sender, key.name, call.id)
        }
        // Whoever comes back does not know that the call which it had left has ended.
        if !claims.parent.isEmpty, session.calls[claims.parent] == nil, let parent = session.settled[claims.parent],
            parent.status != "abandoned", claims.parent != call.id
        {
            raise(
                Finding(
                    rule: .outOfOrder, expected: "calls within \(claims.parent) before its end",
                    came: "begin after it has ended (\(parent.status))"), sender, key.name, call.id)
        }
        guard let authority = claims.authority else { return }
        let findings = change(session, of: accounts.of(key.workload)) {
            $0.trust.use(authority, within: outer, at: time)
        }
        for finding in findings { raise(finding, sender, key.name, call.id) }
    }

    /// Who acts for the call: a thread, or processes; none where nobody is to.
    private func acting(
        _ message: ToolCallMessage, _ sender: CallSender, _ scope: CallScope, _ tasksLeft: inout Int
    ) throws(CallRefusal) -> (thread: CallTask?, processes: [CallTask]) {
        switch scope {
        case .none: return (nil, [])
        case .process: return (nil, [sender.process])
        case .thread:
            guard let number = message.threadId, let thread = tasks.thread(number, of: sender.process) else {
                throw CallRefusal(.notYourThread, "threadId names no thread of the sender")
            }
            return (thread, [])
        case .tree:
            guard let processes = tree(of: sender, &tasksLeft) else {
                throw CallRefusal(.rateLimited, "the sender has too many descendants, or they too many threads")
            }
            return (nil, processes)
        }
    }

    mutating func end(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) throws(CallRefusal) -> ToolCallAnswer {
        let (key, known) = try session(message, sender, connection)
        let id = try message.required(message.call?.id, "call.id")
        let status =
            message.status == nil
            ? "ok" : try message.one(of: ["ok", "error", "cancelled", "denied"], message.status, "status")
        guard let number = known.calls[id] else {
            if let earlier = known.settled[id] {
                // Whoever comes back finds what it left ended, and is not to blame.
                if earlier.status != "abandoned" {
                    raise(
                        Finding(
                            rule: .duplicateOperation, expected: "one end of call \(id)",
                            came: "end (\(status)) after it has ended (\(earlier.status))"),
                        sender, key.name, id)
                }
            } else if known.refused[id] == nil, unread[connection] == nil {
                raise(
                    Finding(rule: .endWithoutBegin, expected: "begin of call \(id) before its end", came: "end"),
                    sender, key.name, id)
            }
            throw CallRefusal(.unknownCall, "no call \(id) is open")
        }
        // What a program says of a failure may be long; its beginning says what it is.
        let error = String(decoding: (message.error ?? "").utf8.prefix(512), as: UTF8.self)
        close([number], status: status, error: error, at: message.bootTime)
        return .ack(message.seq)
    }
}

extension ToolCallMessage {
    /// A `begin` whose client has given up waiting for its `ack`: the call is under way, or over, by now. Of one that says of a
    /// later time that is another clock's.
    fileprivate func isOverdue(at now: UInt64) -> Bool {
        guard let bootTime, let patience else { return false }
        return now > bootTime && now - bootTime > patience
    }
}
