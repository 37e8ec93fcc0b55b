// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// Joins what tasks did to the tool calls that they did it for: never to one of several. For the pipeline's thread.
struct CallTable: ~Copyable {
    struct Limits: Sendable {
        /// Calls that have ended, and sets of them, kept for what comes of them later, as the end of a connection, and for how
        /// long (ns).
        var ended = 16384
        var endedLife: UInt64 = 600_000_000_000
        /// So long after its end it is not known any more what a call was called with (ns): what was done within it has come.
        var termsLife: UInt64 = 30_000_000_000
        /// Of those that have ended: bytes of what they were called with, and calls that closed sets have in them.
        var termBytes = 4 << 20
        var members = 262_144
        /// References that are made once for all events that share them.
        var references = 8192
        /// Bytes of them.
        var referenceBytes = 4 << 20

        init() {}
    }

    /// What an event says of itself, to be found among the arguments of a call.
    struct Traits {
        var paths: [ByteString] = []
        var hosts: [String] = []
        /// Of an exec: the program and its command line.
        var program: ByteString?
        var arguments: [String] = []
        /// Where the process was started.
        var directory: ByteString?
    }

    /// Who did it.
    struct Actor {
        var process: UInt32
        /// nil: not known.
        var parent: UInt32?
        var executable: ByteString?
    }

    private struct Known {
        var call: ToolCall
        /// Of the process that announced it; nil: not known.
        var executable: ByteString?
        var terms: CallTerms
        var endedAt: UInt64?

        func isOpen(at time: UInt64) -> Bool { time >= call.time && endedAt.map { time < $0 } ?? true }

        /// Whether it is a process like the one that announced the call, and started by that: as pools of workers are, which
        /// serve it for longer than a call.
        func isWorker(_ actor: Actor) -> Bool {
            actor.process != call.process && actor.parent == call.process
                && (executable == nil || actor.executable == executable)
        }
    }

    private struct Reference: Hashable {
        var numbers: [UInt64]
        var method: ToolCallReference.Method
        var isPart: Bool
    }

    private let limits: Limits
    private var calls: [UInt64: Known] = [:]
    private var sets: [UInt32: [UInt64]] = [:]
    private var ended = Ended<UInt64>()
    /// Those of them whose terms are known.
    private var unsettled = Ended<UInt64>()
    private var unsettledBytes = 0
    /// Sets that no task acts for any more.
    private var closed = Ended<UInt32>()
    private var closedMembers = 0
    private var references: [Reference: ToolCallReference] = [:]
    private var referenceBytes = 0
    /// Calls that are open, by cgroup: for those whose set is uncertain.
    private var openIn: [UInt64: [UInt64]] = [:]
    /// The same by the process that announced them.
    private var openOf: [UInt32: [UInt64]] = [:]

    init(limits: Limits = Limits()) { self.limits = limits }

    var openCount: Int { openIn.values.reduce(0) { $0 + $1.count } }
    /// Calls that an event could still be joined to.
    var knownCount: Int { calls.count }
    var setCount: Int { sets.count }

    // MARK: Learning

    /// - Parameter executable: of the process that announced it; nil: not known.
    mutating func begin(_ call: ToolCall, executable: ByteString? = nil) {
        var known = Known(call: call, executable: executable, terms: CallTerms(call.terms))
        known.call.terms = []
        known.call.arguments = []
        calls[call.number] = known
        openIn[call.cgroup, default: []].append(call.number)
        openOf[call.process, default: []].append(call.number)
    }

    mutating func define(_ set: UInt32, members: [UInt64]) { sets[set] = members }

    /// - Returns: the call, if it was open.
    mutating func end(_ end: CallEnd) -> ToolCall? {
        guard let known = calls[end.number], known.endedAt == nil else { return nil }
        calls[end.number]?.endedAt = end.time
        openIn[known.call.cgroup]?.removeAll { $0 == end.number }
        if openIn[known.call.cgroup]?.isEmpty ?? false { openIn[known.call.cgroup] = nil }
        openOf[known.call.process]?.removeAll { $0 == end.number }
        if openOf[known.call.process]?.isEmpty ?? false { openOf[known.call.process] = nil }
        ended.append(end.number, at: end.toldAt ?? end.time)
        unsettled.append(end.number, at: end.toldAt ?? end.time)
        unsettledBytes += known.terms.bytes
        forget(at: end.time)
        return known.call
    }

    mutating func close(_ set: UInt32, at time: UInt64) {
        closed.append(set, at: time)
        closedMembers += sets[set]?.count ?? 0
        forget(at: time)
    }

    /// Lets go of what ended long ago.
    mutating func tick(at time: UInt64) { forget(at: time) }

    private mutating func forget(at time: UInt64) {
        let oldest = time - min(limits.endedLife, time)
        let settled = time - min(limits.termsLife, time)
        while let number = unsettled.take(
            since: settled, keeping: unsettledBytes > limits.termBytes ? 0 : limits.ended)
        {
            unsettledBytes -= calls[number]?.terms.bytes ?? 0
            calls[number]?.terms = CallTerms([])
        }
        while let number = ended.take(since: oldest, keeping: limits.ended) { calls[number] = nil }
        while let set = closed.take(since: oldest, keeping: closedMembers > limits.members ? 0 : limits.ended) {
            closedMembers -= sets.removeValue(forKey: set)?.count ?? 0
        }
    }

    // MARK: Joining

    /// The call that something was done for; nil: none was open.
    ///
    /// - Parameters:
    ///   - set: the kernel's word of which calls the task acted for, and how it came by them (`SENSOR_CALLS_*`); `uncertain` if
    ///     it could not tell.
    ///   - time: when, boot clock.
    ///   - isLate: it comes of what was done earlier, while the set's calls were open: it is theirs whenever it comes.
    mutating func join(
        _ set: UInt32, cgroup: UInt64, by actor: Actor, at time: UInt64, isLate: Bool = false, traits: () -> Traits
    ) -> ToolCallReference? {
        let isCertain = set != Self.uncertain
        var members =
            isCertain
            ? sets[set & UInt32(SENSOR_CALLS_NUMBER)] ?? [] : open(in: cgroup, orOf: actor.process, at: time)
        let open = members.filter { isOpen($0, isLate, time) }
        guard let first = open.first, let only = calls[first] else { return nil }
        // One that is left of several is not it for certain: what was forked while they were open may be another's still.
        if members.count == 1, isCertain {
            let isWorker = set & UInt32(SENSOR_CALLS_SHARED) != 0 || only.isWorker(actor)
            if only.call.scope == .thread, !isWorker { return reference(members, .exact) }
            // Threads and processes that an agent keeps do what its other calls give them to do, too.
            let others = isWorker ? openBeside(only.call, at: time) : []
            if others.isEmpty { return reference(members, .process) }
            members = (members + others).sorted()
        }
        let known = members.filter { calls[$0] != nil }
        if let named = named(by: traits(), among: known), isOpen(named, isLate, time) {
            return reference([named], .argument)
        }
        return reference(known, .candidates, isPart: known.count < members.count)
    }

    static let uncertain = UInt32.max

    /// All calls that were open at that time and that tasks of a cgroup, or a process, have announced.
    private func open(in cgroup: UInt64, orOf process: UInt32, at time: UInt64) -> [UInt64] {
        open(at: time, still: (openIn[cgroup] ?? []) + (openOf[process] ?? [])) {
            $0.cgroup == cgroup || $0.process == process
        }
    }

    /// What else the process that announced a call had open at that time.
    private func openBeside(_ call: ToolCall, at time: UInt64) -> [UInt64] {
        open(at: time, still: openOf[call.process] ?? []) { $0.process == call.process }
            .filter { $0 != call.number }
    }

    /// Of those that are open still, and those that have ended since and are meant, what was open at that time.
    private func open(at time: UInt64, still: [UInt64], orEnded isMeant: (ToolCall) -> Bool) -> [UInt64] {
        var found = Set(still)
        for (number, end) in ended.reversed {
            guard end > time else { break }
            if let call = calls[number]?.call, isMeant(call) { found.insert(number) }
        }
        return found.filter { isOpen($0, false, time) }.sorted()
    }

    private func isOpen(_ number: UInt64, _ isLate: Bool, _ time: UInt64) -> Bool {
        calls[number].map { isLate || $0.isOpen(at: time) } ?? false
    }

    /// The one call in whose arguments it stands. Among more than so many it is not looked for: whoever has that many open
    /// would keep all others waiting.
    private func named(by traits: Traits, among members: [UInt64]) -> UInt64? {
        guard members.count <= ToolCallReference.candidateLimit else { return nil }
        let matches = members.map { ($0, calls[$0]?.terms.match(traits) ?? .no) }
        let paths = matches.filter { $0.1 >= .within }
        let found = paths.isEmpty ? matches.filter { $0.1 == .command } : paths
        guard found.count == 1 else { return nil }
        // What stands there less than literally could as well be done by a call of which nothing is known.
        let isCertain = found[0].1 == .itself || members.allSatisfy { !(calls[$0]?.terms.isEmpty ?? true) }
        return isCertain ? found[0].0 : nil
    }

    /// - Parameter isPart: others could have been it as well, of which nothing is known any more.
    private mutating func reference(
        _ numbers: [UInt64], _ method: ToolCallReference.Method, isPart: Bool = false
    ) -> ToolCallReference? {
        let key = Reference(numbers: numbers, method: method, isPart: isPart)
        if let known = references[key] { return known }
        let found = numbers.compactMap { calls[$0]?.call }
        guard let first = found.first else { return nil }
        let made =
            method == .candidates
            ? ToolCallReference(common: found, isWhole: !isPart, numbers: numbers)
            : ToolCallReference(
                id: first.id, name: first.name, session: first.session, method: method, candidates: [],
                initiator: first.initiator, claims: first.claims.ofEffects, numbers: numbers)
        if references.count >= limits.references || referenceBytes + made.bytes > limits.referenceBytes {
            references.removeAll(keepingCapacity: true)
            referenceBytes = 0
        }
        references[key] = made
        referenceBytes += made.bytes
        return made
    }
}

extension ToolCallReference {
    /// One of several calls: what they have in common is so whichever it was.
    ///
    /// - Parameter isWhole: they are all that it could have been.
    fileprivate convenience init(common calls: [ToolCall], isWhole: Bool, numbers: [UInt64]) {
        func common<Value: Equatable>(_ value: (ToolCall) -> Value) -> Value? {
            guard isWhole, let first = calls.first.map(value), calls.allSatisfy({ value($0) == first }) else {
                return nil
            }
            return first
        }
        let claims = calls.dropFirst().reduce(calls.first?.claims) { $0?.common(with: $1.claims) }
        self.init(
            id: "", name: common(\.name) ?? "", session: common(\.session) ?? "", method: .candidates,
            candidates: calls.map(\.id), initiator: common(\.initiator) ?? nil,
            claims: isWhole ? claims?.ofEffects ?? ToolCallClaims() : ToolCallClaims(), numbers: numbers)
    }
}

extension CallTable {
    /// What has ended, in that order.
    private struct Ended<Number> {
        private var list: [(number: Number, time: UInt64)] = []
        private var head = 0

        mutating func append(_ number: Number, at time: UInt64) { list.append((number, time)) }

        /// The first one, if it ended by a time or if there are more than so many.
        mutating func take(since: UInt64, keeping limit: Int) -> Number? {
            guard head < list.count, list.count - head > limit || list[head].time <= since else { return nil }
            defer {
                head += 1
                if head > 1024, head * 2 > list.count {
                    list.removeFirst(head)
                    head = 0
                }
            }
            return list[head].number
        }

        var reversed: ReversedCollection<ArraySlice<(number: Number, time: UInt64)>> { list[head...].reversed() }
    }
}
