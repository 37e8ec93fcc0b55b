// SPDX-License-Identifier: Apache-2.0

/// Facts as few lines: a view over merged facts, which depends on nothing but them.
struct FactFolding {
    /// Lines of paths, and of peers, of one kind and outcome.
    let limit: Int

    typealias Line = PostureSummary.Line

    /// What is folded apart from all else: nothing that came about otherwise is put together with it.
    private struct Group: Hashable {
        var kind: FactKind
        var qualifiers: FactQualifiers
        /// Of a file how it was used.
        var access: ByteString
        var isOverflow: Bool
    }

    /// By kind; of each the highest counts first.
    func lines(of facts: [SharedFact.Identity: SharedFact]) -> [Line] {
        let groups = Dictionary(grouping: facts) { identity, _ in
            Group(
                kind: identity.key.kind, qualifiers: identity.qualifiers,
                access: identity.key.kind == .file ? identity.key[.access] : "", isOverflow: identity.isOverflow)
        }
        let lines = groups.flatMap { group, facts -> [Line] in
            if group.isOverflow { return facts.map { overflow($0.value, group) } }
            switch group.kind {
            case .file, .library: return paths(facts, group)
            case .egress, .ingress: return peers(facts, group)
            default: return facts.map { line(group, Self.text(of: $0.key.key), [$0.value]) }
            }
        }
        return lines.sorted {
            ($0.kind.rawValue, $1.count, $0.text, $0.outcome.rawValue)
                < ($1.kind.rawValue, $0.count, $1.text, $1.outcome.rawValue)
        }
    }

    private func paths(_ facts: [(key: SharedFact.Identity, value: SharedFact)], _ group: Group) -> [Line] {
        let items = facts.enumerated().map { PathFolding.Item($1.key.key[.path], index: $0) }
        return PathFolding(limit: limit).fold(items).map { found in
            let access = group.access.isEmpty ? "" : " \(group.access.text)"
            // A literal's pattern is escaped; what it stands for is not.
            let path = found.isFolded ? found.pattern.text : facts[found.members[0]].key.key[.path].text
            var line = line(group, path + access, found.members.map { facts[$0].value })
            if found.isFolded { line.exemplars = found.exemplars.map(\.text) }
            return line
        }
    }

    private func peers(_ facts: [(key: SharedFact.Identity, value: SharedFact)], _ group: Group) -> [Line] {
        var lines: [Line] = []
        var items: [PeerFolding.Item] = []
        for (index, fact) in facts.enumerated() {
            if let peer = Peer(fact.key.key) {
                items.append(PeerFolding.Item(peer, index: index))
            } else {
                lines.append(line(group, Self.text(of: fact.key.key), [fact.value]))
            }
        }
        return lines
            + PeerFolding(limit: limit).fold(items).map { found in
                let text =
                    found.isFolded ? found.scope.description : Self.text(of: facts[found.members[0]].key.key)
                var line = line(group, text, found.members.map { facts[$0].value })
                if found.isFolded { line.exemplars = found.exemplars.map { $0.name ?? $0.address?.description ?? "" } }
                return line
            }
    }

    private func line(_ group: Group, _ text: String, _ facts: [SharedFact]) -> Line {
        let counts = facts.reduce(into: SharedFact.Counts()) { $0.add($1.counts) }
        return Line(
            kind: group.kind, text: text, outcome: group.qualifiers.outcome,
            initiatorKind: group.qualifiers.initiatorKind, agent: group.qualifiers.agent, count: counts.count,
            sent: counts.sent, received: counts.received, firstSeen: facts.map(\.firstSeen).min() ?? 0,
            lastSeen: facts.map(\.lastSeen).max() ?? 0, facts: facts.count, exemplars: [], overflow: nil)
    }

    private func overflow(_ fact: SharedFact, _ group: Group) -> Line {
        var line = line(group, "(others)", [fact])
        line.overflow = fact.counts.distinct
        return line
    }

    /// A key as one line.
    static func text(of key: FactKey) -> String {
        func value(_ field: FactKey.Field, after mark: String = "") -> String {
            let text = key[field].text
            return text.isEmpty ? "" : mark + text
        }
        switch key.kind {
        case .egress, .ingress: return "\(value(.peer))\(value(.port, after: ":")) \(value(.transport))"
        case .process: return "\(value(.path))\(value(.arguments, after: " "))\(value(.parent, after: " ← "))"
        case .sequence: return key.values.map(\.text).joined(separator: " → ")
        case .identity: return "\(value(.change)) \(value(.from)) → \(value(.to))"
        case .hop: return "\(value(.type)) \(value(.from)) → \(value(.to))"
        case .model: return "\(value(.name)) \(value(.from))\(value(.to, after: " → "))"
        case .tool: return "\(value(.name))(\(value(.arguments)))"
        case .effect: return "\(value(.tool)): \(value(.type)) \(value(.what))"
        default: return key.values.map(\.text).filter { !$0.isEmpty }.joined(separator: " ")
        }
    }
}

extension Peer {
    /// nil: it is told by something else than a name or an address.
    fileprivate init?(_ key: FactKey) {
        guard let transport = Transport.allCases.first(where: { $0.name == key[.transport].text }) else { return nil }
        let peer = key[.peer].text
        guard transport != .unix, transport != .vsock, !peer.isEmpty else { return nil }
        let address = IPAddress(peer)
        self.init(
            name: address == nil ? peer : nil, address: address, port: UInt16(key[.port].text), transport: transport)
    }
}
