// SPDX-License-Identifier: Apache-2.0

/// Joins what tasks did to the tool calls that they did it for: never to one of several. For the pipeline's thread.
struct CallTable: ~Copyable {
    struct Limits: Sendable {
        /// Calls that have ended, kept for events that come late, and for how long (ns).
        var ended = 16384
        var endedLife: UInt64 = 30_000_000_000

        init() {}
    }

    /// What an event says of itself, to be found among the arguments of a call.
    struct Traits {
        var paths: [ByteString] = []
        var hosts: [String] = []
    }

    private struct Known {
        var call: ToolCall
        var endedAt: UInt64?
    }

    private let limits: Limits
    private var calls: [UInt64: Known] = [:]
    private var sets: [UInt32: [UInt64]] = [:]
    /// In the order of their ends.
    private var ended: [(number: UInt64, time: UInt64)] = []
    private var endedHead = 0
    /// Sets whose calls have all ended, with the time when they were closed.
    private var closedSets: [(set: UInt32, time: UInt64)] = []
    private var references: [Reference: ToolCallReference] = [:]
    /// Calls that are open, by cgroup: for those whose set is uncertain.
    private var openIn: [UInt64: [UInt64]] = [:]

    private struct Reference: Hashable {
        var numbers: [UInt64]
        var method: ToolCallReference.Method
    }

    init(limits: Limits = Limits()) { self.limits = limits }

    var openCount: Int { openIn.values.reduce(0) { $0 + $1.count } }

    // MARK: Learning

    mutating func begin(_ call: ToolCall) {
        calls[call.number] = Known(call: call)
        openIn[call.cgroup, default: []].append(call.number)
    }

    mutating func define(_ set: UInt32, members: [UInt64]) { sets[set] = members }

    /// - Returns: the call, if it was open.
    mutating func end(_ end: CallEnd) -> ToolCall? {
        guard let known = calls[end.number], known.endedAt == nil else { return nil }
        calls[end.number]?.endedAt = end.time
        openIn[known.call.cgroup]?.removeAll { $0 == end.number }
        if openIn[known.call.cgroup]?.isEmpty ?? false { openIn[known.call.cgroup] = nil }
        ended.append((end.number, end.time))
        return known.call
    }

    mutating func close(_ set: UInt32, at time: UInt64) { closedSets.append((set, time)) }

    /// Lets go of what ended long ago.
    mutating func tick(at time: UInt64) {
        while endedHead < ended.count {
            let (number, end) = ended[endedHead]
            guard ended.count - endedHead > limits.ended || end &+ limits.endedLife <= time else { break }
            calls[number] = nil
            endedHead += 1
        }
        if endedHead > 1024, endedHead * 2 > ended.count {
            ended.removeFirst(endedHead)
            endedHead = 0
        }
        closedSets.removeAll { closed in
            guard closed.time &+ limits.endedLife <= time else { return false }
            sets[closed.set] = nil
            return true
        }
        references = references.filter { reference in reference.key.numbers.allSatisfy { calls[$0] != nil } }
    }

    // MARK: Joining

    /// The call that something was done for; nil: none was open.
    ///
    /// - Parameters:
    ///   - set: the kernel's word of which calls the task acted for; `uncertain` if it could not tell.
    ///   - time: when, boot clock.
    ///   - process: who did it.
    mutating func join(
        _ set: UInt32, cgroup: UInt64, process: UInt32, at time: UInt64, traits: () -> Traits
    ) -> ToolCallReference? {
        if set == Self.uncertain {
            return reference(openIn[cgroup] ?? [], .candidates)
        }
        let members = sets[set] ?? []
        let open = members.filter { number in
            guard let known = calls[number] else { return false }
            return time >= known.call.time && known.endedAt.map { time < $0 } ?? true
        }
        guard let first = open.first, let call = calls[first]?.call else { return nil }
        if open.count == 1 {
            switch call.scope {
            case .thread: return reference(open, .exact)
            case .process where members.count == 1 && process != call.process: return reference(open, .exact)
            case .process, .tree, .none: return reference(open, .process)
            }
        }
        let traits = traits()
        let named = open.filter { number in calls[number].map { Self.names($0.call, traits) } ?? false }
        return named.count == 1 ? reference(named, .argument) : reference(open, .candidates)
    }

    static let uncertain = UInt32.max

    private static func names(_ call: ToolCall, _ traits: Traits) -> Bool {
        call.terms.contains { term in
            traits.paths.contains { $0.isNamed(by: term) } || traits.hosts.contains { isHost($0, of: term) }
        }
    }

    /// Whether a term is the host, or an address (URL, host and port) with that host in it.
    private static func isHost(_ host: String, of term: String) -> Bool {
        guard !host.isEmpty else { return false }
        if term == host { return true }
        var rest = term[...]
        if let scheme = rest.firstRange(of: "://") { rest = rest[scheme.upperBound...] }
        if let at = rest.prefix(while: { $0 != "/" }).lastIndex(of: "@") { rest = rest[rest.index(after: at)...] }
        return rest.hasPrefix(host) && (rest.dropFirst(host.count).first.map { ":/?#".contains($0) } ?? true)
    }

    private mutating func reference(_ numbers: [UInt64], _ method: ToolCallReference.Method) -> ToolCallReference? {
        if numbers.isEmpty { return nil }
        let key = Reference(numbers: numbers, method: method)
        if let known = references[key] { return known }
        let found = numbers.compactMap { calls[$0]?.call }
        let single = method == .candidates ? nil : found.first
        let made = ToolCallReference(
            id: single?.id ?? "", name: single?.name ?? "", session: single?.session ?? "", method: method,
            candidates: single == nil ? found.map(\.id) : [])
        references[key] = made
        return made
    }
}

extension ByteString {
    /// Whether an argument is this path, whole or its end from a component on.
    fileprivate func isNamed(by term: String) -> Bool {
        var term = Array(term.utf8)[...]
        while term.starts(with: "./".utf8) { term = term.dropFirst(2) }
        guard !term.isEmpty, bytes.count >= term.count, bytes.suffix(term.count) == term else { return false }
        return bytes.count == term.count || term.first != UInt8(ascii: "/") && bytes[bytes.count - term.count - 1] == UInt8(ascii: "/")
    }
}
