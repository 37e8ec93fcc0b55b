// SPDX-License-Identifier: Apache-2.0

/// An `EventFilter`, checked and made ready to match many events.
package struct CompiledFilter: Sendable {
    /// A pattern without a slash speaks of the last component, or of the whole where that fits.
    private struct PathPattern: Sendable {
        let glob: Glob
        let isOfName: Bool

        init(_ pattern: String) {
            glob = Glob(pattern)
            isOfName = !pattern.utf8.contains(UInt8(ascii: "/"))
        }

        func matches(_ path: ByteString) -> Bool {
            if glob.matches(path.bytes) { return true }
            guard isOfName, let slash = path.bytes.lastIndex(of: UInt8(ascii: "/")) else { return false }
            return glob.matches(path.bytes[(slash + 1)...])
        }
    }

    /// The kinds that are shown.
    package let kinds: KindSet
    private let pids: Set<UInt32>
    private let executables: [PathPattern]
    /// The workloads that are shown.
    package let workloads: WorkloadFilter
    private let paths: [PathPattern]
    private let peers: [PeerPattern]
    private let isFirstSeenOnly: Bool
    private let toolCalls: [Glob]

    /// Patterns of one condition: each is tried for each event, on the thread that drains the kernel's rings.
    package static let patternLimit = 64
    /// Bytes of a pattern.
    package static let patternBytes = 4096

    private static func check(_ flag: String, _ patterns: [String]) throws(FilterError) {
        guard patterns.count <= patternLimit else {
            throw FilterError(flag: flag, value: patterns[patternLimit], reason: "more than \(patternLimit) of them")
        }
        if let long = patterns.first(where: { $0.utf8.count > patternBytes }) {
            throw FilterError(flag: flag, value: "\(long.prefix(32))…", reason: "longer than \(patternBytes) bytes")
        }
    }

    package init(_ filter: EventFilter) throws(FilterError) {
        for (flag, patterns) in [
            ("--kind", filter.kinds), ("--executable", filter.executables), ("--namespace", filter.namespaces),
            ("--workload", filter.workloads), ("--container", filter.containers), ("--tool-call", filter.toolCalls),
            ("--path", filter.paths), ("--peer", filter.peers),
        ] { try Self.check(flag, patterns) }
        var kinds: KindSet = filter.kinds.isEmpty ? .all : []
        for pattern in filter.kinds {
            let matching = KindSet(matching: Glob(pattern))
            if matching.isEmpty {
                let known = EventKind.told.map(\.name).joined(separator: ", ")
                throw FilterError(flag: "--kind", value: pattern, reason: "no such kind; there are \(known)")
            }
            kinds.formUnion(matching)
        }
        var subjects: [WorkloadFilter.Subject] = []
        for pattern in filter.workloads {
            let parts = pattern.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            guard let kind = parts.first, !kind.isEmpty else {
                throw FilterError(flag: "--workload", value: pattern, reason: "not of the form KIND/NAME")
            }
            let name = parts.count > 1 && !parts[1].isEmpty ? Glob(String(parts[1])) : nil
            subjects.append(WorkloadFilter.Subject(kind: WorkloadKind.pattern(String(kind)), name: name))
        }
        var peers: [PeerPattern] = []
        for text in filter.peers {
            guard let peer = PeerPattern(text) else {
                throw FilterError(
                    flag: "--peer", value: text, reason: "neither an address, a network (10.0.0.0/8) nor a name")
            }
            peers.append(peer)
        }
        self.kinds = kinds
        pids = Set(filter.pids)
        executables = filter.executables.map(PathPattern.init)
        workloads = WorkloadFilter(
            namespaces: filter.namespaces, subjects: subjects, containers: filter.containers)
        paths = filter.paths.map(PathPattern.init)
        self.peers = peers
        isFirstSeenOnly = filter.firstSeenOnly
        toolCalls = filter.toolCalls.map { Glob($0) }
    }

    /// Whether a tail with this filter shows the event.
    package func matches(_ event: borrowing Event) -> Bool {
        guard kinds.contains(event.kind), matchesToolCall(event) else { return false }
        if isFirstSeenOnly, !event.isFirstSeen { return false }
        if !pids.isEmpty {
            guard let process = event.process, pids.contains(process.pid) else { return false }
        }
        if !executables.isEmpty {
            guard let process = event.process else { return false }
            if !executables.contains(where: { $0.matches(process.executable) }) { return false }
        }
        return workloads.matches(event.workload) && matchesObject(event)
    }

    private func matchesToolCall(_ event: borrowing Event) -> Bool {
        if toolCalls.isEmpty { return true }
        var ids = event.toolCall.map { [$0.id] + $0.candidates } ?? []
        switch event.detail {
        case .toolCall(let call): ids.append(call.id)
        case .decision(let decision): ids.append(decision.call)
        case .anomaly(let anomaly): ids.append(anomaly.call)
        default: break
        }
        return ids.contains { id in toolCalls.contains { $0.matches(id) } }
    }

    private func matchesObject(_ event: borrowing Event) -> Bool {
        if paths.isEmpty, peers.isEmpty { return true }
        switch event.detail {
        case .file(let file):
            guard peers.isEmpty else { return false }
            return matchesAnyPath([file.path, file.newPath, file.argumentPath])
        case .network(let network):
            if !peers.isEmpty {
                let ends = [network.peer, network.translated].compactMap { $0 }
                guard ends.contains(where: { end in peers.contains { $0.matches(end) } }) else { return false }
            }
            return paths.isEmpty || matchesAnyPath([network.peer?.path, network.local?.path])
        case .dns(let dns):
            guard paths.isEmpty else { return false }
            let answers = dns.addresses.map { Endpoint(address: $0, names: [dns.name]) }
            let all = answers + [Endpoint(names: [dns.name])]
            return all.contains { end in peers.contains { $0.matches(end) } }
        case .none where event.kind == .processExec:
            return peers.isEmpty && matchesAnyPath([event.process?.executable, event.process?.script])
        case .syscall(let syscall):
            guard peers.isEmpty else { return false }
            let named = syscall.strings.filter { Self.pathArguments.contains($0.name) }.map(\.value)
            return matchesAnyPath([syscall.path] + named)
        case .none, .identity, .exit, .toolCall, .context, .decision, .anomaly:
            return false
        }
    }

    /// Strings of system calls that are paths.
    private static let pathArguments: Set<String> = ["path", "source", "target", "new_root", "put_old", "from", "to"]

    private func matchesAnyPath(_ candidates: [ByteString?]) -> Bool {
        candidates.contains { candidate in
            guard let candidate else { return false }
            return paths.contains { $0.matches(candidate) }
        }
    }
}
