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
        /// Candidates that an effect lists.
        var candidates = 16
        /// Bytes of all, about: while more than half of them are taken, one workload has an eighth.
        var bytes = 16 << 20
        /// Calls that have ended and are not settled, and bytes of what is known of them: with more the earliest of the workload
        /// that has most of them does not wait for its counts. Calls that are open are as many as the socket allows.
        var ended = 16_384
        var endedBytes = 8 << 20
        /// Of those that did not wait, so many wait for the tick at most.
        var overdue = 1024
        /// Bytes of what is settled at a tick, about, of all workloads and of one, beyond the first call: the others wait for the
        /// next, and have their counts alone, and no arguments, when they cannot.
        var settledBytes = 8 << 20
        var settledBytesOfWorkload = 1 << 20
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
        /// It was done before that time, it is not known when: it was counted, or is what came of something.
        var isLate = false
    }

    /// All that is alike.
    struct Effect {
        var sequence: UInt64
        var kind: EventKind
        var text: String
        var errorNumber: Int32
        var method: ToolCallReference.Method
        /// Ids of all calls that it could have been for, as far as they are listed; none if it was for one for certain.
        var candidates: [String]
        /// Calls beyond those.
        var candidatesLeftOut: UInt32 = 0
        /// Who did it first.
        var process: ProcessDescription?
        var count: UInt64
        /// Boot clock, ns.
        var first: UInt64
        var last: UInt64
        /// When it was done, as far as that is known.
        fileprivate var done: ClosedRange<UInt64>?
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
        /// That it takes, about.
        fileprivate(set) var bytes: Int
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
        /// That these take in a record, about.
        var recordBytes = 0
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
        /// Among those that have ended.
        var endedPlace: SharedQueue<UInt64>.Place?
        var tallies: [Tally] = []
        /// Of what there was no room to keep any account of.
        var counts: [EventKind: UInt64] = [:]
        var isIncomplete = false
        /// That its authority has expired was told.
        var isExpiryTold = false
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
    /// That have ended, with their bytes and how many ticks there had been then.
    private var ended = SharedQueue<UInt64>()
    private var ticks: UInt64 = 0
    private var overdue: [Settled] = []
    /// Bytes that were settled since the last tick, of all workloads and of each.
    private var settledBytes = 0
    private var settledBytesOf: [UInt64: Int] = [:]
    /// What calls that are not settled have started, by the process's id.
    private var startedIn: [String: Tally] = [:]

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
        account.endedPlace = ended.append(end.number, of: account.workload.number, size: account.bytes, at: ticks)
        while ended.count > limits.ended || ended.size > limits.endedBytes, let number = ended.takeFirstOfLargest() {
            guard let account = accounts[number] else { continue }
            account.endedPlace = nil
            // What the kernel has counted for it comes too late.
            if account.tallies.contains(where: { $0.isRemembered }) { account.isIncomplete = true }
            if let settled = settle(number, isBrief: !maySettle(account.workload)) { overdue.append(settled) }
        }
    }

    /// Calls that could not wait, when they are so many that they do not wait for a tick either.
    mutating func takeOverdue() -> [Settled] {
        if overdue.count < limits.overdue { return [] }
        defer { overdue = [] }
        return overdue
    }

    private func maySettle(_ workload: Workload) -> Bool {
        settledBytes < limits.settledBytes
            && settledBytesOf[workload.number, default: 0] < limits.settledBytesOfWorkload
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

    /// Something was done for a call whose authority had expired.
    ///
    /// - Parameters:
    ///   - end: when it had, nanoseconds since 1970.
    ///   - time: when it was done, boot clock.
    /// - Returns: the call; nil if that is no news, also since it had before the call began, or if the call was over.
    mutating func expired(_ number: UInt64, wall end: UInt64, at time: UInt64, _ clock: ClockReading) -> ToolCall? {
        guard let account = accounts[number], !account.isExpiryTold, clock.wall(account.call.time) < end,
            account.end.map({ time < $0.time }) ?? true
        else { return nil }
        account.isExpiryTold = true
        return account.call
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
        let candidates = reference.candidates.prefix(limits.candidates)
        let size = Self.entryCost + key.bytes + candidates.reduce(0) { $0 + 16 + $1.utf8.count }
        // It is in the record of each call.
        let cost = size * tally.calls.count
        guard tally.effects.count < limits.effects, hasRoom(for: cost, of: tally.workload) else {
            tally.leftOut &+= deed.count
            return
        }
        charge(cost, to: tally)
        tally.recordBytes += size
        tally.places[key] = tally.effects.count
        var effect = Effect(
            sequence: deed.sequence, kind: deed.kind, text: deed.detail.text(executable: deed.process?.executable),
            errorNumber: deed.errorNumber, method: reference.method, candidates: Array(candidates),
            process: deed.process, count: 0, first: deed.time, last: deed.time)
        let others = reference.candidates.count - candidates.count
        effect.candidatesLeftOut = UInt32(clamping: Int(reference.candidatesLeftOut) + others)
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
            if startedIn[process.id] != nil { return }
            let cost = Self.startedCost * tally.calls.count
            guard tally.started.count < limits.processes, hasRoom(for: cost, of: tally.workload) else {
                tally.startedLeftOut &+= 1
                return
            }
            charge(cost, to: tally)
            tally.recordBytes += Self.startedCost
            tally.started[process.id] = Started(process: process, method: method, time: deed.time)
            startedIn[process.id] = tally
        case .processExec: startedIn[process.id]?.started[process.id]?.process = process
        case .processExit:
            // Other calls may have been open by then.
            guard let tally = startedIn[process.id] else { return }
            if tally.calls.allSatisfy({ accounts[$0].map { $0.end == nil } ?? false }) {
                tally.started[process.id] = nil
                startedIn[process.id] = nil
                charge(-Self.startedCost * tally.calls.count, to: tally)
                tally.recordBytes -= Self.startedCost
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
        (settledBytes, settledBytesOf) = (0, [:])
        var next = ended.first
        while let place = next, let (number, tick) = ended[place] {
            next = ended.place(after: place)
            if ticks - tick < 2 || settledBytes >= limits.settledBytes { break }
            guard isSettled(number, isCounted: ticks - tick > 2, at: time), let workload = accounts[number]?.workload,
                maySettle(workload)
            else { continue }
            if let call = settle(number) { settled.append(call) }
        }
        return settled
    }

    /// All that there are, at the end.
    mutating func finish() -> [Settled] {
        var settled = overdue
        overdue = []
        while let place = ended.first, let (number, _) = ended[place] {
            if let call = settle(number) { settled.append(call) } else { ended.remove(place) }
        }
        for number in accounts.keys.sorted() { if let call = settle(number) { settled.append(call) } }
        return settled
    }

    private func isSettled(_ number: UInt64, isCounted: Bool, at time: UInt64) -> Bool {
        guard let account = accounts[number], let end = account.end, time >= end.time &+ limits.settling else {
            return false
        }
        return isCounted || !account.tallies.contains { $0.isRemembered }
    }

    /// - Parameter isBrief: what was done is counted, not listed, and what it was called with is left out.
    private mutating func settle(_ number: UInt64, isBrief: Bool = false) -> Settled? {
        guard let account = accounts.removeValue(forKey: number) else { return nil }
        if let place = account.endedPlace { ended.remove(place) }
        var settled = Settled(
            call: account.call, end: account.end, workload: account.workload, process: account.process, effects: [],
            counts: account.counts, leftOut: account.counts.values.reduce(0, &+), isIncomplete: account.isIncomplete,
            outlivedBy: [], outlivedByLeftOut: 0, bytes: account.bytes)
        if isBrief { settled.call.arguments = [] }
        for tally in account.tallies {
            if isBrief {
                settled.leftOut &+= tally.effects.reduce(0) { $0 &+ $1.count }
            } else {
                let known = settled.effects.count
                settled.effects += tally.effects
                if let end = account.end, tally.calls.count == 1 { settled.doubt(from: known, since: end.time) }
                settled.bytes += tally.recordBytes
            }
            settled.counts.merge(tally.counts, uniquingKeysWith: &+)
            settled.leftOut &+= tally.leftOut
            if let end = account.end {
                settled.outlivedByLeftOut &+= tally.startedLeftOut
                if isBrief {
                    settled.outlivedByLeftOut &+= UInt64(tally.started.count)
                } else {
                    settled.takeOutliving(tally.started.values, at: end.time)
                }
            }
            tally.unsettled -= 1
            if tally.unsettled == 0 { drop(tally) }
        }
        settled.effects.sort { ($0.first, $0.sequence) < ($1.first, $1.sequence) }
        if settled.effects.count > limits.effects {
            for effect in settled.effects[limits.effects...] { settled.leftOut &+= effect.count }
            settled.effects.removeLast(settled.effects.count - limits.effects)
        }
        settled.outlivedBy.sort { $0.process.id < $1.process.id }
        settledBytes += settled.bytes
        settledBytesOf[account.workload.number, default: 0] += settled.bytes
        return settled
    }

    private mutating func drop(_ tally: Tally) {
        tallies[tally.calls] = nil
        if latest?.tally === tally { latest = nil }
        for process in tally.started.keys { startedIn[process] = nil }
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
    /// An end may say that it was earlier than it came. What was taken for the call's alone until then may have been done for
    /// it by what goes on, or for none.
    ///
    /// - Parameter first: of the effects of this call alone, the first.
    fileprivate mutating func doubt(from first: Int, since end: UInt64) {
        for index in first..<effects.count {
            guard let done = effects[index].done, done.upperBound >= end else { continue }
            if done.lowerBound < end {
                // Not all that is counted there was done for it for certain.
                isIncomplete = true
            } else {
                effects[index].method = .candidates
                effects[index].candidates = [call.id]
            }
        }
    }

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
        if !deed.isLate { done = min(done?.lowerBound ?? deed.time, deed.time)...max(done?.upperBound ?? 0, deed.time) }
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
