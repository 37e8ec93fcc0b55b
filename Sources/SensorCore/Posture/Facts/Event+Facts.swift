// SPDX-License-Identifier: Apache-2.0

extension Event {
    /// What it says about its workload, apart from how it came about.
    struct Statement {
        var key: FactKey
        /// It is another word of something that was said already, as the bytes at a connection's end.
        var isAfterword = false
        /// Payload bytes.
        var sent: UInt64 = 0
        var received: UInt64 = 0
    }

    /// All that it says, what it is itself first.
    func statements(_ credentials: CredentialPaths = CredentialPaths()) -> [Statement] {
        var statements: [Statement] = []
        switch detail {
        case .none: if kind == .processExec, let process { statements.append(Statement(key: .ran(process))) }
        case .file(let file):
            var keys = [key(of: file)]
            // A name that another got is as good as one that was made.
            if let path = file.newPath { keys.append(FactKey(.file, path, "CREATE")) }
            statements += keys.map { Statement(key: $0) }
            statements += keys.filter { $0.kind == .file }.compactMap { credential($0, credentials) }
                .map { Statement(key: $0) }
        case .network(let network): statements += said(of: network)
        case .syscall(let syscall):
            statements.append(Statement(key: .used(syscall, isNotable: kind == .syscallNotable)))
        case .identity(let identity): statements.append(Statement(key: .became(identity)))
        case .dns(let dns): statements.append(Statement(key: FactKey(.dns, ByteString(dns.name), ByteString(dns.type))))
        case .context(let context):
            statements += context.sources.map { source in
                Statement(key: FactKey(.context, ByteString(source.kind), ByteString(source.uri)))
            }
        case .decision(let decision):
            statements.append(
                Statement(key: FactKey(.decision, ByteString(decision.policy), ByteString(decision.outcome))))
        // How it ended is part of what was done.
        case .toolCall(let call): if kind == .toolCallEnd { statements.append(Statement(key: .called(call))) }
        case .exit, .anomaly: break
        }
        if let tool = toolCall?.name, !tool.isEmpty, kind.isEffect, let first = statements.first {
            statements.append(Statement(key: first.key.effect(of: tool)))
        }
        return statements
    }

    var qualifiers: FactQualifiers {
        var qualifiers = FactQualifiers(
            outcome: FactQualifiers.Outcome(errorNumber: errorNumber), serviceAccount: workload.identity.serviceAccount,
            initiatorKind: toolCall?.initiator?.kind ?? "", agent: toolCall?.claims.agent?.name ?? "")
        if case .toolCall(let call) = detail {
            if kind == .toolCallEnd { qualifiers.outcome = FactQualifiers.Outcome(status: call.status) }
            qualifiers.initiatorKind = call.initiator?.kind ?? ""
            qualifiers.agent = call.claims.agent?.name ?? ""
        }
        return qualifiers
    }

    private func key(of file: FileDetail) -> FactKey {
        if kind == .fileExecmap { return FactKey(.library, file.path) }
        var access = file.access.names
        switch kind {
        case .fileDelete: access = ["DELETE"]
        case .fileRename: access = ["RENAME"] + access
        case .fileLink: access = ["LINK"] + access
        case .fileCreate where !file.access.contains(.create): access.append("CREATE")
        default: break
        }
        return FactKey(.file, file.path, ByteString(access.joined(separator: ",")))
    }

    private func said(of network: NetworkDetail) -> [Statement] {
        let isIngress = kind == .networkListen || network.direction == .ingress
        // Where others come to is told by the own port. Whence they come they choose themselves: that is no more than a side, so
        // that nobody makes facts of a subject by connecting to it.
        let port = isIngress ? network.local?.port : network.peer?.port
        let peer: ByteString
        if kind == .networkListen {
            peer = network.local?.path ?? ""
        } else {
            peer = network.peer.map(isIngress ? FactKey.side : FactKey.name) ?? ""
        }
        let key = FactKey(
            isIngress ? .ingress : .egress, peer, ByteString(port.map(String.init) ?? ""),
            ByteString(network.transport.name))
        let first = Statement(
            key: key, isAfterword: kind == .networkClose, sent: network.bytesSent ?? 0,
            received: network.bytesReceived ?? 0)
        guard !isIngress, !first.isAfterword, let peer = network.peer, let service = Self.metadataService(peer) else {
            return [first]
        }
        return [first, Statement(key: FactKey(.metadata, ByteString(service.name), FactKey.name(peer)))]
    }

    private static func metadataService(_ peer: Endpoint) -> MetadataService? {
        peer.address.flatMap { MetadataService($0) } ?? peer.names.lazy.compactMap { MetadataService(name: $0) }.first
    }

    /// It is about a file that holds a credential, or a service that hands some out.
    func usesCredential(_ credentials: CredentialPaths) -> Bool {
        switch detail {
        case .file(let file):
            kind != .fileExecmap
                && [file.path, file.newPath].contains { path in
                    path.map { credential(at: $0, credentials) != nil } ?? false
                }
        case .network(let network):
            network.direction != .ingress && network.peer.map { Self.metadataService($0) != nil } ?? false
        default: false
        }
    }

    private func credential(at path: ByteString, _ credentials: CredentialPaths) -> CredentialPaths.Match? {
        let tokens = workload.identity.container?.tokens ?? []
        let mounts = CredentialPaths.Mounts(tokens: tokens.map { (ByteString($0.path), $0.audience) })
        return credentials.match(path, in: mounts)
    }

    /// That the file holds a credential.
    private func credential(_ key: FactKey, _ credentials: CredentialPaths) -> FactKey? {
        let path = key[.path]
        guard let found = credential(at: path, credentials) else { return nil }
        let type = found.label.map { "\(found.kind.name) \($0)" } ?? found.kind.name
        return FactKey(.credential, ByteString(type), CredentialPaths.canonical(path), key[.access])
    }
}

extension FactQualifiers.Outcome {
    init(errorNumber: Int32) {
        switch errorNumber {
        case 0, Self.inProgress: self = .ok
        case Self.notPermitted, Self.accessDenied: self = .denied
        default: self = .failed
        }
    }

    /// Of a tool call, by its status.
    init(status: String) {
        switch status {
        case "ok": self = .ok
        case "denied": self = .denied
        default: self = .failed
        }
    }

    private static let notPermitted: Int32 = 1
    private static let accessDenied: Int32 = 13
    private static let inProgress: Int32 = 115
}

extension FactKey {
    /// A name that the workload was told the address by, else the address.
    fileprivate static func name(_ endpoint: Endpoint) -> ByteString {
        if let path = endpoint.path { return path }
        if let name = endpoint.names.first { return ByteString(name) }
        if let address = endpoint.address { return ByteString(address.description) }
        return ByteString(endpoint.contextID.map { "cid:\($0)" } ?? "")
    }

    /// Which side somebody has come from. A Unix socket's path is the subject's own.
    fileprivate static func side(_ endpoint: Endpoint) -> ByteString {
        guard let address = endpoint.address else { return name(endpoint) }
        // Not by its name, which may have expired by the end of the connection.
        return ByteString(PeerClass(name: nil, address: address, cluster: []).name)
    }

    fileprivate static func ran(_ process: ProcessDescription) -> FactKey {
        // A script is the program, whatever interprets it.
        FactKey(
            .process, process.script ?? process.executable, ByteString(ArgumentShape.of(process.arguments)),
            process.parentExecutable)
    }

    fileprivate static func used(_ syscall: SyscallDetail, isNotable: Bool) -> FactKey {
        let name = syscall.name.isEmpty ? "syscall_\(syscall.number)" : syscall.name
        guard isNotable else { return FactKey(.syscall, ByteString(name), "") }
        var what = syscall.path?.text ?? ""
        for string in syscall.strings { what += (what.isEmpty ? "" : " ") + "\(string.name)=\(string.value.text)" }
        return FactKey(.syscall, ByteString(name), ByteString(what.isEmpty ? "notable" : what))
    }

    fileprivate static func became(_ identity: IdentityDetail) -> FactKey {
        func ids(_ state: IdentityState) -> String { "\(state.user.effective):\(state.group.effective)" }
        let from = identity.from.map(ids) ?? ""
        let spaces = identity.from.map { $0.namespaces.names(otherThan: identity.to.namespaces) } ?? []
        let to = [ids(identity.to)] + identity.capabilitiesGained + spaces.map { "\($0) namespace" }
        return FactKey(
            .identity, ByteString(identity.change), ByteString(from), ByteString(to.joined(separator: " ")))
    }

    /// That it was done for a tool's call.
    func effect(of tool: String) -> FactKey {
        // A credential's file was used like any other.
        if kind == .credential {
            return FactKey(.effect, ByteString(tool), ByteString(FactKind.file.name), self[.path], self[.access])
        }
        let values = values
        var what = values.first?.text ?? ""
        // A peer is nothing without its port.
        if kind == .egress || kind == .ingress, values.count > 1, !values[1].isEmpty { what += ":\(values[1].text)" }
        // To write a file is something else than to read it.
        return FactKey(.effect, ByteString(tool), ByteString(kind.name), ByteString(what), self[.access])
    }

    fileprivate static func called(_ call: ToolCallDetail) -> FactKey {
        FactKey(.tool, ByteString(call.name), ByteString(call.shape), ByteString(call.claims.type))
    }

    static func used(_ model: ModelUse) -> FactKey {
        FactKey(.model, ByteString(model.provider), ByteString(model.requested), ByteString(model.responding))
    }

    static func offered(_ tool: ToolCatalog.Tool, by catalog: ToolCatalog) -> FactKey {
        FactKey(
            .catalog, ByteString(catalog.server), ByteString(catalog.transport), ByteString(tool.name),
            ByteString(tool.parameters.sorted().joined(separator: ",")))
    }

    static func made(_ transition: SessionTransition) -> FactKey {
        FactKey(
            .hop, ByteString(transition.kind.rawValue), ByteString(transition.from), ByteString(transition.to))
    }
}

extension IdentityState.Namespaces {
    /// Those that are known to be others.
    fileprivate func names(otherThan other: Self) -> [String] {
        let pairs: [(String, UInt32, UInt32)] = [
            ("pid", pid, other.pid), ("mount", mount, other.mount), ("network", network, other.network),
            ("user", user, other.user), ("uts", uts, other.uts), ("ipc", ipc, other.ipc),
            ("cgroup", cgroup, other.cgroup),
        ]
        return pairs.filter { $0.1 != 0 && $0.2 != 0 && $0.1 != $0.2 }.map(\.0)
    }
}
