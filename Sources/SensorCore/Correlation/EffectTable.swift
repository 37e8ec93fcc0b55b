// SPDX-License-Identifier: Apache-2.0

/// Gathers what is done for tool calls until they are settled: what is alike becomes one with a count. For the pipeline's
/// thread.
///
/// What was done for one of several calls is kept once for that set of them, and is in the account of each.
struct EffectTable: ~Copyable {
    struct Limits: Sendable {
        /// Different effects of one set of calls, and processes that it has started.
        var effects = 512
        var processes = 256
        /// Bytes of all, about: while more than half of them are taken, one workload has an eighth.
        var bytes = 16 << 20
        /// Calls that have ended and are not settled, and bytes of what is known of them: with more the earliest does not
        /// wait for its counts. Calls that are open are as many as the socket allows.
        var ended = 16_384
        var endedBytes = 8 << 20
        /// So long after its end no call is settled (ns): what was done within it may be on its way from the kernel.
        var settling: UInt64 = 1_000_000_000

        init() {}
    }

    /// What an event tells of.
    struct Deed {
        var sequence: UInt64
        /// Boot clock, ns.
        var time: UInt64
        var kind: EventKind
        var count: UInt64 = 1
        var detail: EventDetail
        var errorNumber: Int32 = 0
        var process: ProcessDescription?
        /// The kernel counts its repeats.
        var isRemembered = false
    }

    /// All that is alike.
    struct Effect {
        var sequence: UInt64
        var kind: EventKind
        var text: String
        var errorNumber: Int32
        var method: ToolCallReference.Method
        /// Ids of all calls that it could have been for; none if it was for one.
        var candidates: [String]
        /// Who did it first.
        var process: ProcessDescription?
        var count: UInt64
        /// Boot clock, ns.
        var first: UInt64
        var last: UInt64
        var access: FileAccess = []
        var sent: UInt64?
        var received: UInt64?
    }

    struct Outliving {
        var process: ProcessDescription
        var method: ToolCallReference.Method
    }

    struct Settled {
        var call: ToolCall
        /// nil: it is open.
        var end: CallEnd?
        var workload: Workload
        var process: ProcessDescription?
        /// The earliest first.
        var effects: [Effect]
        var counts: [EventKind: UInt64]
        /// Occurrences that are not among the effects.
        var leftOut: UInt64
        var isIncomplete: Bool
        var outlivedBy: [Outliving]
        /// Processes beyond those that may have outlived it as well.
        var outlivedByLeftOut: UInt64
    }

    fileprivate struct Key: Hashable {
        var kind: EventKind
        var errorNumber: Int32
        var method: ToolCallReference.Method
        /// A path, and a second one.
        var path: ByteString?
        var newPath: ByteString?
        var text: String
        /// Of what befalls processes: what they run.
        var executable: ByteString?
    }

    fileprivate struct Started {
        var process: ProcessDescription
        var method: ToolCallReference.Method
        var time: UInt64
        var endedAt: UInt64?
    }

    /// What was done for one set of calls.
    private final class Tally {
        let calls: [UInt64]
        let workload: Workload
        var places: [Key: Int] = [:]
        var effects: [Effect] = []
        var counts: [EventKind: UInt64] = [:]
        var leftOut: UInt64 = 0
        var started: [String: Started] = [:]
        var startedLeftOut: UInt64 = 0
        var bytes = 0
        var isRemembered = false
        /// Calls of it that are not settled.
        var unsettled: Int

        init(_ calls: [UInt64], of workload: Workload, unsettled: Int) {
            self.calls = calls
            self.workload = workload
            self.unsettled = unsettled
        }
    }

    private final class Account {
        let call: ToolCall
        let workload: Workload
        let process: ProcessDescription?
        var end: CallEnd?
        var tallies: [Tally] = []
        /// Of what there was no room to keep any account of.
        var counts: [EventKind: UInt64] = [:]
        var isIncomplete = false
        /// About.
        let bytes: Int

        init(_ call: ToolCall, of workload: Workload, _ process: ProcessDescription?) {
            self.call = call
            self.workload = workload
            self.process = process
            let claims = call.claims
            bytes =
                1024 + 320 * call.arguments.count + claims.context.utf8.count + claims.parent.utf8.count
                + (claims.authority?.scopes.reduce(0) { $0 + 32 + $1.utf8.count } ?? 0)
        }
    }

    private let limits: Limits
    private var accounts: [UInt64: Account] = [:]
    private var tallies: [[UInt64]: Tally] = [:]
    private var latest: (numbers: [UInt64], tally: Tally)?
    private(set) var bytes = 0
    private var bytesOf: [UInt64: Int] = [:]
    /// That have ended, in that order, and how many ticks there had been then. Those before the head are settled.
    private var ended: [(number: UInt64, tick: UInt64)] = []
    private var endedHead = 0
    private var endedCount = 0
    private var endedBytes = 0
    private var ticks: UInt64 = 0
    private var overdue: [Settled] = []

    init(limits: Limits = Limits()) { self.limits = limits }

    /// Calls that are not settled.
    var count: Int { accounts.count }

    // MARK: Calls

    mutating func begin(_ call: ToolCall, of workload: Workload, process: ProcessDescription?) {
        var call = call
        call.terms = []
        accounts[call.number] = Account(call, of: workload, process)
    }

    mutating func end(_ end: CallEnd) {
        guard let account = accounts[end.number], account.end == nil else { return }
        account.end = end
        ended.append((end.number, ticks))
        endedCount += 1
        endedBytes += account.bytes
        while endedCount > limits.ended || endedBytes > limits.endedBytes, let number = takeEarliest() {
            // What the kernel has counted for it comes too late.
            if let account = accounts[number], account.tallies.contains(where: { $0.isRemembered }) {
                account.isIncomplete = true
            }
            if let settled = settle(number) { overdue.append(settled) }
        }
    }

    /// The call that has waited longest of those that have ended.
    private mutating func takeEarliest() -> UInt64? {
        forgetSettled()
        return endedHead < ended.count ? ended[endedHead].number : nil
    }

    private mutating func forgetSettled() {
        while endedHead < ended.count, accounts[ended[endedHead].number] == nil { endedHead += 1 }
        if endedHead > 1024, endedHead * 2 > ended.count {
            ended.removeFirst(endedHead)
            endedHead = 0
        }
    }

    /// Something of that time was lost.
    ///
    /// - Parameters:
    ///   - workloads: whose it was; 0: that cannot be told.
    ///   - since: boot clock.
    mutating func lose(of workloads: Set<UInt64>, since: UInt64) {
        if workloads.isEmpty { return }
        for account in accounts.values where workloads.contains(0) || workloads.contains(account.workload.number) {
            if account.end.map({ $0.time >= since }) ?? true { account.isIncomplete = true }
        }
    }

    // MARK: Effects

    mutating func note(_ deed: Deed, for reference: ToolCallReference) {
        guard let tally = tally(of: reference.numbers) else {
            for number in reference.numbers { accounts[number]?.counts[deed.kind, default: 0] &+= deed.count }
            return
        }
        tally.counts[deed.kind, default: 0] &+= deed.count
        if deed.isRemembered { tally.isRemembered = true }
        follow(deed, reference.method, tally)
        let key = Key(deed, reference.method)
        if let place = tally.places[key] {
            tally.effects[place].take(deed)
            return
        }
        let cost = Self.entryCost + key.bytes + (reference.method == .candidates ? 16 * tally.calls.count : 0)
        guard tally.effects.count < limits.effects, hasRoom(for: cost, of: tally.workload) else {
            tally.leftOut &+= deed.count
            return
        }
        charge(cost, to: tally)
        tally.places[key] = tally.effects.count
        var effect = Effect(
            sequence: deed.sequence, kind: deed.kind, text: deed.detail.text(executable: deed.process?.executable),
            errorNumber: deed.errorNumber, method: reference.method, candidates: reference.candidates,
            process: deed.process, count: 0, first: deed.time, last: deed.time)
        effect.take(deed)
        tally.effects.append(effect)
    }

    private mutating func tally(of numbers: [UInt64]) -> Tally? {
        if let latest, latest.numbers == numbers { return latest.tally }
        if let known = tallies[numbers] {
            latest = (numbers, known)
            return known
        }
        let unsettled = numbers.compactMap { accounts[$0] }
        let cost = Self.tallyCost + 16 * numbers.count
        guard let first = unsettled.first, hasRoom(for: cost, of: first.workload) else { return nil }
        let tally = Tally(numbers, of: first.workload, unsettled: unsettled.count)
        for account in unsettled { account.tallies.append(tally) }
        tallies[numbers] = tally
        latest = (numbers, tally)
        charge(cost, to: tally)
        return tally
    }

    /// Which processes were started and have not ended again.
    private mutating func follow(_ deed: Deed, _ method: ToolCallReference.Method, _ tally: Tally) {
        guard let process = deed.process else { return }
        switch deed.kind {
        case .processFork:
            guard tally.started.count < limits.processes, hasRoom(for: Self.startedCost, of: tally.workload) else {
                tally.startedLeftOut &+= 1
                return
            }
            charge(Self.startedCost, to: tally)
            tally.started[process.id] = Started(process: process, method: method, time: deed.time)
        case .processExec: tally.started[process.id]?.process = process
        case .processExit:
            guard tally.started[process.id] != nil else { return }
            if tally.calls.allSatisfy({ accounts[$0].map { $0.end == nil } ?? false }) {
                tally.started[process.id] = nil
                charge(-Self.startedCost, to: tally)
            } else {
                // One of the calls may have ended before it.
                tally.started[process.id]?.endedAt = deed.time
            }
        default: break
        }
    }

    private func hasRoom(for cost: Int, of workload: Workload) -> Bool {
        guard bytes + cost <= limits.bytes else { return false }
        return bytes <= limits.bytes / 2 || bytesOf[workload.number, default: 0] + cost <= limits.bytes / 8
    }

    private mutating func charge(_ cost: Int, to tally: Tally) {
        tally.bytes += cost
        bytes += cost
        bytesOf[tally.workload.number, default: 0] += cost
    }

    // MARK: Settling

    /// Calls of which nothing more comes, in the order in which they ended. Before the second tick after a call's end it has
    /// been told what was lost meanwhile, before the third also what the kernel has counted for the call.
    mutating func tick(at time: UInt64) -> [Settled] {
        ticks += 1
        var settled = overdue
        overdue = []
        for (number, tick) in ended[endedHead...] {
            if ticks - tick < 2 { break }
            if isSettled(number, isCounted: ticks - tick > 2, at: time), let call = settle(number) {
                settled.append(call)
            }
        }
        forgetSettled()
        return settled
    }

    /// All that there are, at the end.
    mutating func finish() -> [Settled] {
        var settled = overdue
        overdue = []
        for (number, _) in ended[endedHead...] { if let call = settle(number) { settled.append(call) } }
        forgetSettled()
        for number in accounts.keys.sorted() { if let call = settle(number) { settled.append(call) } }
        return settled
    }

    private func isSettled(_ number: UInt64, isCounted: Bool, at time: UInt64) -> Bool {
        guard let account = accounts[number], let end = account.end, time >= end.time &+ limits.settling else {
            return false
        }
        return isCounted || !account.tallies.contains { $0.isRemembered }
    }

    private mutating func settle(_ number: UInt64) -> Settled? {
        guard let account = accounts.removeValue(forKey: number) else { return nil }
        if account.end != nil {
            endedCount -= 1
            endedBytes -= account.bytes
        }
        var settled = Settled(
            call: account.call, end: account.end, workload: account.workload, process: account.process, effects: [],
            counts: account.counts, leftOut: account.counts.values.reduce(0, &+), isIncomplete: account.isIncomplete,
            outlivedBy: [], outlivedByLeftOut: 0)
        for tally in account.tallies {
            settled.effects += tally.effects
            settled.counts.merge(tally.counts, uniquingKeysWith: &+)
            settled.leftOut &+= tally.leftOut
            if let end = account.end { settled.takeOutliving(tally.started.values, at: end.time) }
            settled.outlivedByLeftOut &+= account.end == nil ? 0 : tally.startedLeftOut
            tally.unsettled -= 1
            if tally.unsettled == 0 { drop(tally) }
        }
        settled.effects.sort { ($0.first, $0.sequence) < ($1.first, $1.sequence) }
        if settled.effects.count > limits.effects {
            for effect in settled.effects[limits.effects...] { settled.leftOut &+= effect.count }
            settled.effects.removeLast(settled.effects.count - limits.effects)
        }
        settled.outlivedBy.sort { $0.process.id < $1.process.id }
        return settled
    }

    private mutating func drop(_ tally: Tally) {
        tallies[tally.calls] = nil
        if latest?.tally === tally { latest = nil }
        bytes -= tally.bytes
        bytesOf[tally.workload.number, default: 0] -= tally.bytes
        if bytesOf[tally.workload.number] == 0 { bytesOf[tally.workload.number] = nil }
    }

    /// Bytes of one of them with its place in tables, about.
    private static let entryCost = 320
    private static let tallyCost = 512
    private static let startedCost = 160
}

extension EffectTable.Settled {
    fileprivate mutating func takeOutliving(_ started: some Collection<EffectTable.Started>, at time: UInt64) {
        for process in started where process.time <= time && process.endedAt.map({ $0 > time }) ?? true {
            outlivedBy.append(EffectTable.Outliving(process: process.process, method: process.method))
        }
    }
}

extension EffectTable.Effect {
    fileprivate mutating func take(_ deed: EffectTable.Deed) {
        count &+= deed.count
        first = min(first, deed.time)
        last = max(last, deed.time)
        switch deed.detail {
        case .file(let file): access.formUnion(file.access)
        case .network(let network):
            if let bytes = network.bytesSent { sent = (sent ?? 0) &+ bytes }
            if let bytes = network.bytesReceived { received = (received ?? 0) &+ bytes }
        default: break
        }
    }
}

extension EffectTable.Key {
    fileprivate init(_ deed: EffectTable.Deed, _ method: ToolCallReference.Method) {
        kind = deed.kind
        errorNumber = deed.errorNumber
        self.method = method
        text = ""
        switch deed.detail {
        case .file(let file): (path, newPath) = (file.path, file.newPath)
        case .none: executable = deed.process?.executable
        case .exit:
            text = deed.detail.text(executable: nil)
            executable = deed.process?.executable
        default: text = deed.detail.text(executable: nil)
        }
    }

    fileprivate var bytes: Int {
        2 * ((path?.bytes.count ?? 0) + (newPath?.bytes.count ?? 0) + (executable?.bytes.count ?? 0) + text.utf8.count)
    }
}
