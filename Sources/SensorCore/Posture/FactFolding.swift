// SPDX-License-Identifier: Apache-2.0

/// Facts as few lines: a view over merged facts, which depends on nothing but them.
struct FactFolding {
    /// Lines of paths, and of peers, of one kind and outcome.
    let limit: Int

    typealias Line = PostureSummary.Line
    typealias Facts = [(key: SharedFact.Identity, value: SharedFact)]

    /// A line, and the facts that it stands for.
    struct Fold {
        var line: Line
        var members: [SharedFact.Identity]
    }

    /// What is folded apart from all else: nothing that came about otherwise is put together with it.
    private struct Group: Hashable {
        var kind: FactKind
        var qualifiers: FactQualifiers
        /// Of a file how it was used; of an ingress the side that it comes from.
        var access: ByteString
        var isOverflow: Bool
    }

    /// By kind; of each the highest counts first.
    func lines(of facts: [SharedFact.Identity: SharedFact]) -> [Line] { folds(of: facts).map(\.line) }

    /// In the same order.
    func folds(of facts: [SharedFact.Identity: SharedFact]) -> [Fold] {
        let groups = Dictionary(grouping: facts) { identity, _ -> Group in
            let access: ByteString =
                switch identity.key.kind {
                case .file: identity.key[.access]
                case .ingress: identity.key[.peer]
                default: ""
                }
            return Group(
                kind: identity.key.kind, qualifiers: identity.qualifiers, access: access,
                isOverflow: identity.isOverflow)
        }
        let folds = groups.flatMap { group, facts -> [Fold] in
            if group.isOverflow { return facts.map { overflow($0, group) } }
            switch group.kind {
            case .file, .library: return paths(facts, group)
            case .egress, .ingress: return peers(facts, group)
            default: return facts.map { fold(group, Self.text(of: $0.key.key), [$0]) }
            }
        }
        return folds.sorted { one, other in
            let (one, other) = (one.line, other.line)
            let (left, right) = (one.kind.rawValue, other.kind.rawValue)
            if (left, other.count) != (right, one.count) { return (left, other.count) < (right, one.count) }
            return (one.text, one.outcome.rawValue, one.serviceAccount, one.initiatorKind, one.agent)
                < (other.text, other.outcome.rawValue, other.serviceAccount, other.initiatorKind, other.agent)
        }
    }

    private func paths(_ facts: Facts, _ group: Group) -> [Fold] {
        // What is kept as one is shown as one.
        let folded = Set(facts.lazy.map(\.key.key).filter(\.isFolded))
        let items = facts.enumerated().map { index, fact in
            let key = folded.isEmpty ? fact.key.key : fact.key.key.folds().first(where: folded.contains) ?? fact.key.key
            return PathFolding.Item(key[.path], index: index, isShape: key.isFolded)
        }
        return PathFolding(limit: limit).fold(items).map { found in
            let access = group.access.isEmpty ? "" : " \(group.access.text)"
            // A literal's pattern is escaped; what it stands for is not.
            let path = found.isFolded ? found.pattern.text : facts[found.members[0]].key.key[.path].text
            var fold = fold(group, path + access, found.members.map { facts[$0] })
            guard found.isFolded else { return fold }
            var exemplars = Exemplars<String>(limit: PathFolding.exemplarLimit)
            for path in found.exemplars { exemplars.offer(path.text, key: path.bytes) }
            for path in fold.line.exemplars { exemplars.offer(path, key: Array(path.utf8)) }
            fold.line.exemplars = exemplars.values
            return fold
        }
    }

    private func peers(_ facts: Facts, _ group: Group) -> [Fold] {
        var folds: [Fold] = []
        var items: [PeerFolding.Item] = []
        for (index, fact) in facts.enumerated() {
            if let peer = Peer(fact.key.key) {
                items.append(PeerFolding.Item(peer, index: index))
            } else {
                folds.append(fold(group, Self.text(of: fact.key.key), [fact]))
            }
        }
        return folds
            + PeerFolding(limit: limit).fold(items).map { found in
                let members = found.members.map { facts[$0] }
                if !found.isFolded { return fold(group, Self.text(of: members[0].key.key), members) }
                if group.kind == .ingress {
                    let ports = found.scope.ports.map { "\($0.lowerBound)-\($0.upperBound)" } ?? ""
                    let text = Self.text(port: ports, of: found.scope.transport.name, from: group.access.text)
                    var folded = fold(group, text, members)
                    folded.line.exemplars = found.exemplars.compactMap { $0.port.map { ":\($0)" } }
                    return folded
                }
                var folded = fold(group, found.scope.description, members)
                folded.line.exemplars = found.exemplars.map { $0.name ?? $0.address?.description ?? "" }
                return folded
            }
    }

    private func fold(_ group: Group, _ text: String, _ facts: Facts) -> Fold {
        let counts = facts.reduce(into: SharedFact.Counts()) { $0.add($1.value.counts) }
        let line = Line(
            kind: group.kind, text: text, outcome: group.qualifiers.outcome,
            serviceAccount: group.qualifiers.serviceAccount, initiatorKind: group.qualifiers.initiatorKind,
            agent: group.qualifiers.agent, count: counts.count, sent: counts.sent, received: counts.received,
            firstSeen: facts.map(\.value.firstSeen).min() ?? 0, lastSeen: facts.map(\.value.lastSeen).max() ?? 0,
            facts: facts.reduce(0) { $0 + $1.value.width }, isEstimate: facts.contains { $0.key.key.isFolded },
            exemplars: facts.flatMap(\.value.exemplars), overflow: nil)
        return Fold(line: line, members: facts.map(\.key))
    }

    private func overflow(_ fact: Facts.Element, _ group: Group) -> Fold {
        var fold = fold(group, "(others)", [fact])
        fold.line.overflow = fact.value.counts.distinct
        return fold
    }

    /// Where others come to, and from which side.
    private static func text(port: String, of transport: String, from side: String) -> String {
        ":\(port) \(transport)" + (side.isEmpty ? "" : " from \(side)")
    }

    /// A key as one line.
    static func text(of key: FactKey) -> String {
        func value(_ field: FactKey.Field, after mark: String = "") -> String {
            let text = key[field].text
            return text.isEmpty ? "" : mark + text
        }
        switch key.kind {
        case .egress: return "\(value(.peer))\(value(.port, after: ":")) \(value(.transport))"
        case .ingress:
            // A Unix socket has a path of its own, and no port.
            if value(.port).isEmpty { return "\(value(.peer)) \(value(.transport))" }
            return text(port: value(.port), of: value(.transport), from: value(.peer))
        case .process: return "\(value(.path))\(value(.arguments, after: " "))\(value(.parent, after: " ← "))"
        case .sequence: return key.values.map(\.text).joined(separator: " → ")
        case .identity: return "\(value(.change)) \(value(.from)) → \(value(.to))"
        case .hop: return "\(value(.type)) \(value(.from)) → \(value(.to))"
        case .model: return "\(value(.name)) \(value(.from))\(value(.to, after: " → "))"
        case .tool: return "\(value(.name))(\(value(.arguments)))"
        case .effect: return "\(value(.tool)): \(value(.type)) \(value(.what))\(value(.access, after: " "))"
        default: return key.values.map(\.text).filter { !$0.isEmpty }.joined(separator: " ")
        }
    }
}

extension Peer {
    /// nil: it is told by something else than a name or an address.
    fileprivate init?(_ key: FactKey) {
        guard let transport = Transport.allCases.first(where: { $0.name == key[.transport].text }) else { return nil }
        let peer = key[.peer].text
        guard transport != .unix, transport != .vsock else { return nil }
        // What an ingress has for a peer is a side, by which it was put together already.
        if key.kind == .ingress {
            self.init(port: UInt16(key[.port].text), transport: transport)
            return
        }
        guard !peer.isEmpty else { return nil }
        let address = IPAddress(peer)
        self.init(
            name: address == nil ? peer : nil, address: address, port: UInt16(key[.port].text), transport: transport)
    }
}
