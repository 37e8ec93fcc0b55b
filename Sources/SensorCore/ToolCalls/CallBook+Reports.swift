// SPDX-License-Identifier: Apache-2.0

/// A server's tools, as a connection tells of them part by part.
struct PartialCatalog {
    var catalog: ToolCatalog
    var parts: Int
    /// That have come.
    var taken: Int
    var bytes: Int
    /// Names of its tools' properties.
    var names = 0
    /// Nothing of it is kept.
    var isTooLarge = false
    /// Who is charged for it.
    var workload: UInt64

    static let toolLimit = 512
    /// In all, of `ToolCallMessage.nameBytes` each: the thread that takes it in looks at each of them.
    static let nameLimit = 4096

    mutating func take(_ tools: [ToolCatalog.Tool]) {
        let parameters = tools.lazy.flatMap(\.parameters)
        names += parameters.count
        catalog.tools += tools
        if names > Self.nameLimit || catalog.tools.count > Self.toolLimit
            || parameters.contains(where: { $0.utf8.count > ToolCallMessage.nameBytes })
        {
            isTooLarge = true
        }
        if isTooLarge { catalog.tools = [] }
    }
}

/// Versions of servers, as they were told last on a connection.
struct KnownVersions {
    var versions = RecentTable<String>(limit: 16) { $0.utf8.count }
    /// Who is charged for them.
    var workload: UInt64
}

// What clients tell that is no call.
extension CallBook {
    mutating func context(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) throws(CallRefusal) -> ToolCallAnswer {
        let key = try session(message, sender, connection).key
        let id = try message.required(message.id, "id")
        let all = message.sources ?? []
        var sources: [ContextDetail.Source] = []
        for source in all.prefix(ToolCallMessage.listCount) {
            sources.append(
                .init(
                    kind: try message.one(
                        of: ["user", "retrieval", "tool", "memory", "system"], source.kind, "sources.kind"),
                    uri: try message.bounded(source.uri, "sources.uri", bytes: ToolCallMessage.textBytes),
                    digest: digests?.reduce(
                        try message.bounded(source.digest, "sources.digest", bytes: ToolCallMessage.textBytes),
                        .context)))
        }
        tell(
            .context(
                ContextDetail(
                    id: id, session: key.name, turn: message.turn, sources: sources,
                    sourcesLeftOut: UInt32(all.count - sources.count)), origin(of: sender)))
        return .ack(message.seq)
    }

    mutating func decision(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) throws(CallRefusal) -> ToolCallAnswer {
        let key = try session(message, sender, connection).key
        try requireMemory(of: sender)
        let decision = DecisionDetail(
            session: key.name, call: try message.required(message.call?.id, "call"),
            policy: try message.required(message.policy, "policy", bytes: ToolCallMessage.wordBytes),
            outcome: try message.one(of: ["allow", "deny", "override", "escalate"], message.outcome, "outcome"),
            by: try message.bounded(message.by, "by"))
        tell(.decision(decision, origin(of: sender)))
        let time = now
        let findings = change(key) { $0.trust.decide(decision, at: time) } ?? []
        for finding in findings { raise(finding, sender, key.name, decision.call) }
        return .ack(message.seq)
    }

    mutating func model(_ message: ToolCallMessage, _ sender: CallSender) throws(CallRefusal) -> ToolCallAnswer {
        let use = ModelUse(
            provider: try message.required(message.provider, "provider", bytes: ToolCallMessage.wordBytes),
            requested: try message.required(message.requested, "requested", bytes: ToolCallMessage.wordBytes),
            responding: try message.bounded(message.responding, "responding"))
        tell(.model(use, origin(of: sender)))
        return .ack(message.seq)
    }

    mutating func transition(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int
    ) throws(CallRefusal) -> ToolCallAnswer {
        let key = try session(message, sender, connection).key
        try requireMemory(of: sender)
        let kinds = ["mode", "account", "refresh", "reconnect", "recovery"]
        guard let kind = SessionTransition.Kind(rawValue: try message.one(of: kinds, message.kind, "kind")) else {
            throw CallRefusal(.malformed, "transition: kind is not known")
        }
        let transition = SessionTransition(
            session: key.name, kind: kind, from: try message.bounded(message.from, "from"),
            to: try message.bounded(message.to, "to"), initiator: try message.claimedInitiator(),
            authority: try message.claimedAuthority(), epoch: message.epoch)
        try judgeEpoch(of: transition, key, sender)
        tell(.transition(transition, origin(of: sender)))
        let time = now
        let findings =
            change(key) { session -> [Finding] in
                if let epoch = transition.epoch {
                    session.epoch = epoch
                    session.members[connection]?.epoch = epoch
                }
                return session.trust.change(transition, openCalls: session.calls.count, at: time)
            } ?? []
        for finding in findings { raise(finding, sender, key.name) }
        return .ack(message.seq)
    }

    /// A reconnect or a recovery begins an epoch, nothing else does.
    private mutating func judgeEpoch(
        of transition: SessionTransition, _ key: SessionKey, _ sender: CallSender
    ) throws(CallRefusal) {
        guard let epoch = transition.epoch, let known = sessions[key]?.epoch else { return }
        let isBeginning = transition.kind == .reconnect || transition.kind == .recovery
        guard isBeginning ? epoch <= known : epoch != known else { return }
        raise(
            Finding(
                rule: .epochMismatch, expected: isBeginning ? "an epoch after \(known)" : "epoch \(known)",
                came: "\(transition.kind.rawValue) in epoch \(epoch)"), sender, key.name)
        if epoch < known {
            throw CallRefusal(.outOfOrder, "session \(key.name) is in epoch \(known)")
        }
    }

    // MARK: Catalogs

    private static var partLimit: Int { 64 }
    /// Of a part, beside its message's.
    private static var partBytes: Int { 512 }

    mutating func catalog(
        _ message: ToolCallMessage, _ sender: CallSender, _ connection: Int, _ size: Int
    ) throws(CallRefusal) -> ToolCallAnswer {
        let name = try message.required(message.server?.name, "server.name")
        let (part, parts) = (message.part ?? 1, message.parts ?? 1)
        guard (1...Self.partLimit).contains(parts), (1...parts).contains(part) else {
            throw CallRefusal(.malformed, "catalog: part is one of at most \(Self.partLimit), counted from 1")
        }
        let version = try message.bounded(message.server?.version, "server.version")
        var tools: [ToolCatalog.Tool] = []
        for tool in message.tools ?? [] {
            tools.append(
                .init(name: try message.required(tool.name, "tools.name"), parameters: tool.parameters))
        }
        if part == 1 { dropCatalog(of: name, on: connection) }
        let known = catalogs[connection]?[name]
        let expected = (known?.taken ?? 0) + 1
        guard part == expected, known == nil || known?.parts == parts else {
            dropCatalog(of: name, on: connection)
            raise(
                Finding(
                    rule: .outOfOrder, expected: "part \(expected) of the catalog of \(name)",
                    came: "part \(part) of \(parts)"), sender, message.session ?? "")
            throw CallRefusal(.outOfOrder, "catalog: part \(expected) is expected")
        }
        try requireMemory(of: sender)
        let transport = try message.bounded(message.server?.transport, "server.transport")
        var partial =
            known
            ?? PartialCatalog(
                catalog: ToolCatalog(server: name, version: version, transport: transport), parts: parts, taken: 0,
                bytes: 0, workload: sender.workload)
        partial.take(tools)
        partial.taken = part
        if part < parts {
            let bytes = Self.partBytes + size
            partial.bytes += bytes
            accounts.of(partial.workload).bytes += bytes
            catalogs[connection, default: [:]][name] = partial
        } else {
            dropCatalog(of: name, on: connection)
        }
        if partial.isTooLarge {
            throw CallRefusal(
                .tooLarge,
                "catalog: more than \(PartialCatalog.toolLimit) tools or \(PartialCatalog.nameLimit) properties of them, or a "
                    + "property's name of more than \(ToolCallMessage.nameBytes) bytes")
        }
        if part < parts { return .ack(message.seq) }
        if let last = note(version, of: name, on: connection, sender), last != version {
            raise(
                Finding(
                    rule: .versionMismatch, expected: "\(name) \(last)", came: "\(name) \(version)"), sender,
                message.session ?? "")
        }
        tell(.catalog(partial.catalog, origin(of: sender)))
        return .ack(message.seq)
    }

    /// - Returns: the version that was told before.
    private mutating func note(
        _ version: String, of server: String, on connection: Int, _ sender: CallSender
    ) -> String? {
        var known = versions[connection] ?? KnownVersions(workload: sender.workload)
        let (last, before) = (known.versions[server], known.versions.bytes)
        known.versions[server] = version
        accounts.of(known.workload).bytes += known.versions.bytes - before
        versions[connection] = known
        return last
    }

    mutating func dropVersions(on connection: Int) {
        guard let known = versions.removeValue(forKey: connection) else { return }
        accounts.of(known.workload).bytes -= known.versions.bytes
    }

    /// Forgets the parts that have come.
    mutating func dropCatalog(of server: String, on connection: Int) {
        guard let partial = catalogs[connection]?.removeValue(forKey: server) else { return }
        accounts.of(partial.workload).bytes -= partial.bytes
    }
}
