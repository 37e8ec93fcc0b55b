// SPDX-License-Identifier: Apache-2.0

/// Sessions and the calls that are open in them. For one thread.
///
/// Whatever a client says counts within its own workload: a session belongs to the cgroup that opened it.
struct CallBook<Marker: CallMarker> {
    struct Limits: Sendable {
        /// Of one workload.
        var sessions = 256
        var openCalls = 1024
    }

    private struct SessionKey: Hashable {
        var cgroup: UInt64
        var name: String
    }

    private struct Session {
        /// Open ones, by the client's ids.
        var calls: [String: UInt64] = [:]
        /// Whose clients know it: when the last of them has gone, nobody can end it.
        var connections: Set<Int> = []
    }

    private struct OpenCall {
        var session: SessionKey
        var id: String
        /// The connection that announced it.
        var connection: Int
    }

    private let limits: Limits
    private let senders: CallSenders
    private var scopes: CallScopes<Marker>
    private var sessions: [SessionKey: Session] = [:]
    private var open: [UInt64: OpenCall] = [:]
    private var countOf: [UInt64: (sessions: Int, calls: Int)] = [:]
    private var nextNumber: UInt64 = 1
    private let clock: () -> UInt64
    private let tell: (CallChange) -> Void

    init(
        marker: Marker, senders: CallSenders, limits: Limits = Limits(), clock: @escaping () -> UInt64,
        tell: @escaping (CallChange) -> Void
    ) {
        scopes = CallScopes(marker: marker)
        self.senders = senders
        self.limits = limits
        self.clock = clock
        self.tell = tell
    }

    var openCount: Int { open.count }

    /// Takes a message; returns what its sender is answered. What is answered with `ack` holds already.
    mutating func take(_ message: ToolCallMessage, from sender: CallSender, on connection: Int) -> ToolCallAnswer {
        switch message.type {
        case "hello": hello(message, sender, connection)
        case "begin": begin(message, sender, connection)
        case "end": end(message, sender)
        case "session.end": endSession(message, sender)
        default: .error(message.seq, .unknownType, "no such message: \(message.type)")
        }
    }

    /// A client went away: what it announced has nobody to end it.
    mutating func leave(_ connection: Int) {
        for (number, call) in open where call.connection == connection {
            close(number, call, status: "abandoned", error: "")
        }
        for (key, session) in sessions where session.connections == [connection] {
            for number in session.calls.values {
                if let call = open[number] { close(number, call, status: "abandoned", error: "") }
            }
            sessions[key] = nil
            forgetSession(of: key.cgroup)
        }
        for key in sessions.keys { sessions[key]?.connections.remove(connection) }
    }

    private mutating func forgetSession(of cgroup: UInt64) {
        countOf[cgroup]?.sessions -= 1
        if let count = countOf[cgroup], count == (0, 0) { countOf[cgroup] = nil }
    }

    private mutating func hello(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) -> ToolCallAnswer {
        guard message.protocol == 1 else {
            return .error(message.seq, .unsupportedProtocol, "protocol 1 is spoken here")
        }
        guard let name = message.session else { return .error(message.seq, .malformed, "hello: session is missing") }
        let key = SessionKey(cgroup: sender.cgroup, name: name)
        if sessions[key] == nil {
            guard countOf[sender.cgroup]?.sessions ?? 0 < limits.sessions else {
                return .error(message.seq, .rateLimited, "too many sessions are open")
            }
            sessions[key] = Session()
            countOf[sender.cgroup, default: (0, 0)].sessions += 1
        }
        sessions[key]?.connections.insert(connection)
        return .ack(message.seq)
    }

    private mutating func begin(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) -> ToolCallAnswer {
        guard let name = message.session, let call = message.call, !call.id.isEmpty else {
            return .error(message.seq, .malformed, "begin: session and call.id are expected")
        }
        let key = SessionKey(cgroup: sender.cgroup, name: name)
        guard let session = sessions[key] else {
            return .error(message.seq, .unknownSession, "no session \(name) is open: say hello first")
        }
        guard session.calls[call.id] == nil else {
            return .error(message.seq, .duplicateCall, "call \(call.id) is open already")
        }
        guard countOf[sender.cgroup]?.calls ?? 0 < limits.openCalls else {
            return .error(message.seq, .rateLimited, "too many calls are open")
        }
        let scope = message.scope ?? (message.threadId == nil ? .process : .thread)
        var thread: CallTask?
        if scope == .thread {
            guard let number = message.threadId, let found = senders.thread(number, of: sender.process) else {
                return .error(message.seq, .notYourThread, "threadId names no thread of the sender")
            }
            thread = found
        }
        let number = nextNumber
        nextNumber += 1
        tell(
            .begun(
                ToolCall(
                    number: number, id: call.id, name: call.name ?? "", session: name, scope: scope,
                    initiator: message.initiator, process: sender.process.id, thread: thread?.id ?? 0,
                    cgroup: sender.cgroup, time: clock(), terms: call.arguments?.terms ?? [])))
        do throws(SystemError) {
            switch (scope, thread) {
            case (.thread, let thread?):
                try scopes.begin(number, thread: thread, of: sender.process, tell: tell)
            case (.tree, _): try scopes.begin(number, processes: senders.tree(sender.process), tell: tell)
            case (.process, _): try scopes.begin(number, processes: [sender.process], tell: tell)
            case (.none, _), (.thread, nil): break
            }
        } catch {
            tell(.ended(CallEnd(number: number, status: "error", error: "\(error)", time: clock())))
            return .error(message.seq, .rateLimited, "\(error)")
        }
        sessions[key]?.calls[call.id] = number
        sessions[key]?.connections.insert(connection)
        open[number] = OpenCall(session: key, id: call.id, connection: connection)
        countOf[sender.cgroup, default: (0, 0)].calls += 1
        return .ack(message.seq, span: String(number), scope: scope)
    }

    private mutating func end(_ message: ToolCallMessage, _ sender: CallSender) -> ToolCallAnswer {
        guard let name = message.session, let id = message.call?.id else {
            return .error(message.seq, .malformed, "end: session and call.id are expected")
        }
        guard let session = sessions[SessionKey(cgroup: sender.cgroup, name: name)] else {
            return .error(message.seq, .unknownSession, "no session \(name) is open")
        }
        guard let number = session.calls[id], let call = open[number] else {
            return .error(message.seq, .unknownCall, "no call \(id) is open")
        }
        let status = message.status ?? "ok"
        guard ["ok", "error", "cancelled", "denied"].contains(status) else {
            return .error(message.seq, .malformed, "end: no such status: \(status)")
        }
        close(number, call, status: status, error: message.error ?? "")
        return .ack(message.seq)
    }

    private mutating func endSession(_ message: ToolCallMessage, _ sender: CallSender) -> ToolCallAnswer {
        let key = SessionKey(cgroup: sender.cgroup, name: message.session ?? "")
        guard let session = sessions.removeValue(forKey: key) else {
            return .error(message.seq, .unknownSession, "no session \(key.name) is open")
        }
        for number in session.calls.values.sorted() {
            if let call = open[number] { close(number, call, status: "cancelled", error: "the session has ended") }
        }
        forgetSession(of: key.cgroup)
        return .ack(message.seq)
    }

    private mutating func close(_ number: UInt64, _ call: OpenCall, status: String, error: String) {
        open[number] = nil
        sessions[call.session]?.calls[call.id] = nil
        countOf[call.session.cgroup]?.calls -= 1
        tell(.ended(CallEnd(number: number, status: status, error: error, time: clock())))
        scopes.end(number, tell: tell)
    }
}
