// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// Joins what tasks did to the tool calls that they did it for: never to one of several. For the pipeline's thread.
struct CallTable: ~Copyable {
    struct Limits: Sendable {
        /// Calls that have ended, and sets of them, kept for what comes of them later, as the end of a connection, and for how
        /// long (ns).
        /// Where there are more of these, whichever workload has most gives up its earliest.
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

    /// Something that was done, once or over and over.
    struct Deed {
        /// The kernel's word of which calls the task acted for, and how it came by them (`SENSOR_CALLS_*`); 0: for none;
        /// `uncertain`: it could not tell.
        var set: UInt32
        var process: UInt32
        /// 0: not known.
        var thread: UInt32 = 0
        /// When, boot clock: of what was done over and over, from when to when.
        var times: ClosedRange<UInt64>
        /// It comes of what was done at that time, while the set's calls were open: it is theirs whenever it comes.
        var isLate = false
    }

    /// A process, or one that it comes from.
    struct Ancestor {
        var process: UInt32
        /// Boot clock, ns.
        var start: UInt64
        var executable: ByteString
    }

    /// The process that did something, and what that comes from, up to where it is known; empty if it is not known, or if it
    /// comes from none that is looked for.
    typealias Line = (_ isLookedFor: (UInt32) -> Bool) -> [Ancestor]

    /// Changed where it is: it is large.
    private final class Known {
        let call: ToolCall
        /// Whose it is.
        let workload: UInt64
        /// Among those that have ended and whose terms are known.
        var termsPlace: SharedQueue<UInt64>.Place?
        var terms: CallTerms
        /// What stands in its arguments but proves nothing; nil: not all that stands there is known.
        var mentions: CallTerms?
        var endedAt: UInt64?
        /// Another call has been seen to have a program do something that was started for this one.
        var hasDrivers = false

        init(_ call: ToolCall, of workload: UInt64) {
            self.workload = workload
            terms = CallTerms(call.terms)
            mentions = call.mentions.map { CallTerms($0) }
            var call = call
            (call.terms, call.mentions, call.arguments) = ([], nil, [])
            self.call = call
        }

        var termBytes: Int { terms.bytes + (mentions?.bytes ?? 0) }

        func isOpen(in times: ClosedRange<UInt64>) -> Bool {
            times.upperBound >= call.time && endedAt.map { times.lowerBound < $0 } ?? true
        }

        /// Whether it may have been done for it though nothing says so.
        func isPossible(_ traits: Traits) -> Bool {
            guard let mentions, !(terms.isEmpty && mentions.isEmpty) else { return true }
            return mentions.match(traits) != .no
        }
    }

    /// A process that announces calls, and those that it has or had open.
    private struct Announcer {
        var open: [UInt64] = []
        /// The latest, in the order of their ends.
        var ended: [(number: UInt64, time: UInt64)] = []
        /// Of those that ended by this time not all are there.
        var endedBefore: UInt64 = 0

        static var endedLimit: Int { 64 }

        mutating func end(_ number: UInt64, at time: UInt64) {
            open.removeAll { $0 == number }
            ended.append((number, time))
            if ended.count > Self.endedLimit { endedBefore = max(endedBefore, ended.removeFirst().time) }
        }

        /// Nothing more comes of a call that has ended.
        mutating func forget(_ number: UInt64) {
            if let place = ended.firstIndex(where: { $0.number == number }) { ended.remove(at: place) }
        }

        var isIdle: Bool { open.isEmpty && ended.isEmpty }
    }

    /// Calls that something may have been done for.
    private struct Found {
        var numbers: Set<UInt64> = []
        /// There were others, which are not known any more.
        var isPart = false
    }

    private struct Reference: Hashable {
        var numbers: [UInt64]
        var method: ToolCallReference.Method
        var isPart: Bool
        var mayBeNone: Bool
    }

    private let limits: Limits
    private var calls: [UInt64: Known] = [:]
    private var sets: [UInt32: [UInt64]] = [:]
    private var ended = SharedQueue<UInt64>()
    /// Those of them whose terms are known, and take bytes.
    private var unsettled = SharedQueue<UInt64>()
    /// Sets that no task acts for any more, with the calls in them.
    private var closed = SharedQueue<UInt32>()
    private var references: [Reference: ToolCallReference] = [:]
    private var referenceBytes = 0
    private var announcers: [UInt32: Announcer] = [:]
    /// Threads that announce calls for themselves, with how many of theirs are known.
    private var announcingThreads: [UInt32: Int] = [:]

    init(limits: Limits = Limits()) { self.limits = limits }

    var openCount: Int { announcers.values.reduce(0) { $0 + $1.open.count } }
    /// Calls that an event could still be joined to.
    var knownCount: Int { calls.count }
    var setCount: Int { sets.count }

    // MARK: Learning

    mutating func begin(_ call: ToolCall, of workload: UInt64) {
        calls[call.number] = Known(call, of: workload)
        guard call.scope != .none else { return }
        announcers[call.process, default: Announcer()].open.append(call.number)
        if call.scope == .thread, call.thread != 0 { announcingThreads[call.thread, default: 0] += 1 }
    }

    mutating func define(_ set: UInt32, members: [UInt64]) { sets[set] = members }

    /// - Returns: the call, if it was open.
    mutating func end(_ end: CallEnd) -> ToolCall? {
        guard let known = calls[end.number], known.endedAt == nil else { return nil }
        known.endedAt = end.time
        // By when it was told: an end may say that it was earlier.
        let time = end.arrival
        announcers[known.call.process]?.end(end.number, at: time)
        ended.append(end.number, of: known.workload, at: time)
        if known.termBytes > 0 {
            known.termsPlace = unsettled.append(end.number, of: known.workload, size: known.termBytes, at: time)
        }
        forget(at: end.time)
        return known.call
    }

    mutating func close(_ set: UInt32, at time: UInt64) {
        let members = sets[set] ?? []
        let workload = members.last.flatMap { calls[$0]?.workload } ?? 0
        closed.append(set, of: workload, size: max(members.count, 1), at: time)
        forget(at: time)
    }

    /// Lets go of what ended long ago.
    mutating func tick(at time: UInt64) { forget(at: time) }

    private mutating func forget(at time: UInt64) {
        let oldest = time - min(limits.endedLife, time)
        let settled = time - min(limits.termsLife, time)
        while let number = unsettled.takeFirst(by: settled) { forgetTerms(of: number) }
        while unsettled.size > limits.termBytes, let number = unsettled.takeFirstOfLargest() { forgetTerms(of: number) }
        while let number = ended.takeFirst(by: oldest) { forget(number) }
        while ended.count > limits.ended, let number = ended.takeFirstOfLargest() { forget(number) }
        while let set = closed.takeFirst(by: oldest) { sets[set] = nil }
        while closed.count > limits.ended || closed.size > limits.members, let set = closed.takeFirstOfLargest() {
            sets[set] = nil
        }
    }

    private mutating func forgetTerms(of number: UInt64) {
        guard let known = calls[number] else { return }
        (known.terms, known.mentions, known.termsPlace) = (CallTerms([]), nil, nil)
    }

    private mutating func forget(_ number: UInt64) {
        guard let known = calls.removeValue(forKey: number) else { return }
        if let place = known.termsPlace { unsettled.remove(place) }
        let call = known.call
        guard call.scope != .none else { return }
        announcers[call.process]?.forget(number)
        if announcers[call.process]?.isIdle ?? false { announcers[call.process] = nil }
        guard call.scope == .thread, let count = announcingThreads[call.thread] else { return }
        announcingThreads[call.thread] = count > 1 ? count - 1 : nil
    }

    /// The call, if it is not known to have ended.
    func open(_ number: UInt64) -> ToolCall? {
        calls[number].flatMap { $0.endedAt == nil ? $0.call : nil }
    }

    // MARK: Joining

    /// Of what was done for this call, or for none since it had ended.
    mutating func candidate(_ number: UInt64) -> ToolCallReference? {
        reference([number], .candidates, mayBeNone: true)
    }

    /// The call that something was done for, or those that it may have been done for; nil: none was open.
    mutating func join(_ deed: Deed, line: Line, traits: () -> Traits) -> ToolCallReference? {
        if announcers.isEmpty { return nil }
        if deed.set == Self.uncertain { return pick(of: callsOfProcess(deed, line), deed, traits) }
        guard let members = deed.set == 0 ? [] : members(of: deed) else { return nil }
        if members.contains(where: { isOpen($0, deed) }) { return join(members, deed, line, traits) }
        let found = callsBeside(deed, line)
        return reference(found.numbers.sorted(), .candidates, isPart: found.isPart, mayBeNone: true)
    }

    static let uncertain = UInt32.max

    private func members(of deed: Deed) -> [UInt64]? { sets[deed.set & UInt32(SENSOR_CALLS_NUMBER)] }

    /// What was done by a task that acts for these calls, which are all that the kernel knows of.
    private mutating func join(
        _ members: [UInt64], _ deed: Deed, _ line: Line, _ traits: () -> Traits
    ) -> ToolCallReference? {
        let known = members.compactMap { calls[$0]?.call }
        let origin = deed.set & UInt32(SENSOR_CALLS_MADE)
        if members.count == 1, origin == 0, known[0].scope == .thread { return reference(members, .exact) }
        let isProgram = origin == UInt32(SENSOR_CALLS_STARTED) && !members.contains { calls[$0]?.hasDrivers ?? false }
        let isOwn = known.contains {
            $0.scope == .thread && (origin == 0 || deed.thread != 0 && $0.thread == deed.thread)
        }
        var found = Found(numbers: Set(known.map(\.number)), isPart: known.count < members.count)
        if isProgram {
            // Whoever had a process's threads do something may have had them start it.
            for process in Set(known.lazy.filter { $0.scope != .thread }.map(\.process)) {
                let start = Self.start(of: line { $0 == process }, below: process)
                add(to: &found, of: process, in: start.map { $0...$0 } ?? deed.times)
            }
        } else if !isOwn {
            let times = min(deed.times.lowerBound, since(deed, known, of: members))...deed.times.upperBound
            for process in Set(known.map(\.process) + [deed.process]) { add(to: &found, of: process, in: times) }
        }
        // One that is left of several is not it for certain: what was forked while they were open may be another's still.
        guard members.count == 1, found.numbers.count == 1 else { return pick(of: found, deed, traits) }
        if isProgram, let driver = drivers(beside: known[0], deed, traits) { return driver }
        return reference(members, isProgram && known[0].scope == .thread ? .exact : .process)
    }

    /// From when on another call of whoever announced these may be behind it.
    private func since(_ deed: Deed, _ known: [ToolCall], of members: [UInt64]) -> UInt64 {
        let began = known.lazy.map(\.time).min() ?? 0
        // Of repeats that are told late it is not known when they were done.
        if deed.isLate, deed.times.lowerBound < deed.times.upperBound { return began }
        // One call alone is not certain while what another had begun may go on.
        let settling = deed.times.lowerBound - min(limits.termsLife, deed.times.lowerBound)
        return members.count == 1 ? max(began, settling) : deed.times.lowerBound
    }

    /// The one call in whose arguments it stands, or all that are found.
    private mutating func pick(of found: Found, _ deed: Deed, _ traits: () -> Traits) -> ToolCallReference? {
        let numbers = found.numbers.sorted()
        if !found.isPart, let named = named(by: traits(), among: numbers), isOpenThroughout(named, deed) {
            return reference([named], .argument)
        }
        return reference(numbers, .candidates, isPart: found.isPart)
    }

    /// A program may live on, and others speak to it: where one names what it does, and the call that it was started for does
    /// not, that one may be behind it; and from then on behind all that such programs do.
    private mutating func drivers(
        beside only: ToolCall, _ deed: Deed, _ traits: () -> Traits
    ) -> ToolCallReference? {
        var found = Found()
        add(to: &found, of: only.process, in: deed.times)
        found.numbers.remove(only.number)
        guard 1...ToolCallReference.candidateLimit ~= found.numbers.count else { return nil }
        let traits = traits()
        if calls[only.number]?.terms.match(traits) == .itself { return nil }
        let drivers = found.numbers.filter { calls[$0]?.terms.match(traits) == .itself }
        if drivers.isEmpty { return nil }
        calls[only.number]?.hasDrivers = true
        return reference(([only.number] + drivers).sorted(), .candidates, isPart: found.isPart)
    }

    // MARK: Calls that were open

    /// Of a task that acts for none: what other threads of its process have open, or the process that it is a worker of or was
    /// started by meanwhile, may be done by it all the same. A thread that announces calls for itself is taken at its word.
    private func callsBeside(_ deed: Deed, _ line: Line) -> Found {
        var found = Found()
        if announcingThreads[deed.thread] != nil { return found }
        add(to: &found, of: deed.process, in: deed.times)
        // Who acts for what a process has announced as a whole is known of that one.
        found.numbers = found.numbers.filter { calls[$0]?.call.scope == .thread }
        if !found.numbers.isEmpty { return found }
        let line = line { announcers[$0] != nil }
        for (index, maker) in line.enumerated().dropFirst() where announcers[maker.process] != nil {
            add(to: &found, of: maker.process, in: deed.times)
            found.numbers = found.numbers.filter { calls[$0]?.call.scope != .tree }
            let isWorker =
                !maker.executable.bytes.isEmpty && line[..<index].contains { $0.executable == maker.executable }
            if !isWorker { found.numbers = found.numbers.filter { wasOpen($0, at: line[index - 1].start) } }
            if !found.numbers.isEmpty { return found }
        }
        return found
    }

    /// Of a task of which the kernel cannot tell what it acts for: all that its process has announced, or was made within.
    private func callsOfProcess(_ deed: Deed, _ line: Line) -> Found {
        var found = Found()
        add(to: &found, of: deed.process, in: deed.times)
        var start: UInt64?
        for ancestor in line({ announcers[$0] != nil }) {
            if let start, announcers[ancestor.process] != nil {
                var made = Found()
                add(to: &made, of: ancestor.process, in: deed.times)
                found.isPart = found.isPart || made.isPart
                found.numbers.formUnion(
                    made.numbers.filter { wasOpen($0, at: start) || calls[$0]?.call.scope == .tree })
            }
            start = ancestor.start
        }
        return found
    }

    /// When what a process comes from was started by another.
    private static func start(of line: [Ancestor], below process: UInt32) -> UInt64? {
        guard let index = line.firstIndex(where: { $0.process == process }), index > 0 else { return nil }
        return line[index - 1].start
    }

    /// Adds what a process had open in that time.
    private func add(to found: inout Found, of process: UInt32, in times: ClosedRange<UInt64>) {
        guard let announcer = announcers[process] else { return }
        if announcer.endedBefore > times.lowerBound { found.isPart = true }
        for number in announcer.open where calls[number]?.isOpen(in: times) ?? false { found.numbers.insert(number) }
        for (number, end) in announcer.ended.reversed() {
            guard end > times.lowerBound else { break }
            if calls[number]?.isOpen(in: times) ?? false { found.numbers.insert(number) }
        }
    }

    private func wasOpen(_ number: UInt64, at time: UInt64) -> Bool {
        calls[number]?.isOpen(in: time...time) ?? false
    }

    private func isOpen(_ number: UInt64, _ deed: Deed) -> Bool {
        calls[number].map { deed.isLate || $0.isOpen(in: deed.times) } ?? false
    }

    /// Whether it was open each time that it was done.
    private func isOpenThroughout(_ number: UInt64, _ deed: Deed) -> Bool {
        // What acts for calls without having been made within them does so only while they are open.
        if deed.set & UInt32(SENSOR_CALLS_MADE) == 0, members(of: deed)?.contains(number) ?? false {
            return isOpen(number, deed)
        }
        guard let known = calls[number] else { return false }
        return deed.isLate
            || known.call.time <= deed.times.lowerBound && known.endedAt.map { $0 > deed.times.upperBound } ?? true
    }

    /// The one call in whose arguments it stands, if it can be no other's. Among more than so many it is not looked for: whoever
    /// has that many open would keep all others waiting.
    private func named(by traits: Traits, among members: [UInt64]) -> UInt64? {
        guard members.count <= ToolCallReference.candidateLimit else { return nil }
        let matches = members.map { ($0, calls[$0]?.terms.match(traits) ?? .no) }
        let paths = matches.filter { $0.1 >= .within }
        let found = paths.isEmpty ? matches.filter { $0.1 == .command } : paths
        guard found.count == 1, let named = found.first?.0 else { return nil }
        let isOthers = members.contains { $0 != named && calls[$0]?.isPossible(traits) ?? true }
        return isOthers ? nil : named
    }

    /// - Parameter isPart: others could have been it as well, of which nothing is known any more.
    private mutating func reference(
        _ numbers: [UInt64], _ method: ToolCallReference.Method, isPart: Bool = false, mayBeNone: Bool = false
    ) -> ToolCallReference? {
        let key = Reference(numbers: numbers, method: method, isPart: isPart, mayBeNone: mayBeNone)
        if let known = references[key] { return known }
        let found = numbers.compactMap { calls[$0]?.call }
        guard let first = found.first else { return nil }
        let made =
            method == .candidates
            ? ToolCallReference(common: found, isWhole: !isPart, mayBeNone: mayBeNone, numbers: numbers)
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
    fileprivate convenience init(common calls: [ToolCall], isWhole: Bool, mayBeNone: Bool, numbers: [UInt64]) {
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
            claims: isWhole ? claims?.ofEffects ?? ToolCallClaims() : ToolCallClaims(), mayBeNone: mayBeNone,
            numbers: numbers)
    }
}
