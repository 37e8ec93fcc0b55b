// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// How well a subject's containers were watched.
struct CoverageBook {
    /// By the container's id; empty: containers that are gone and have no place of their own any more.
    private(set) var accounts: [String: CoverageAccount] = [:]
    /// Something is missing that was not before, which nobody has been told.
    private var isNews = false
    /// What was missing, of any container.
    private var causes: Set<Cause> = []

    private enum Cause: Hashable {
        case lost(LossLedger.Key)
        case blind(String)
        /// Since when.
        case lowered(UInt64)
    }

    /// Containers that are told apart.
    private static let limit = 128

    /// It ran, and was watched, for so long until now.
    ///
    /// - Parameters:
    ///   - now: wall clock, nanoseconds since 1970.
    ///   - elapsed: since it was last asked, nanoseconds of the boot clock.
    mutating func observe(
        _ container: String, at now: UInt64, elapsed: UInt64, announcesCalls: Bool, sendsSpans: Bool = false
    ) {
        if accounts[container]?.observe(at: now, elapsed: elapsed, announcesCalls, sendsSpans) != nil { return }
        var account = account(of: container, at: now - min(now, elapsed))
        account.observe(at: now, elapsed: elapsed, announcesCalls, sendsSpans)
        accounts[container] = account
    }

    /// It did something: it was there, however short.
    mutating func meet(_ container: String, at time: UInt64) {
        if accounts[container] == nil { accounts[container] = account(of: container, at: time) }
    }

    private mutating func account(of container: String, at time: UInt64) -> CoverageAccount {
        if let known = accounts[container] { return known }
        if accounts.count >= Self.limit { makeRoom() }
        return CoverageAccount(from: time, to: time)
    }

    /// - Parameter isOwn: it was lost of this subject; else it may have been anybody's, which the node's coverage says.
    mutating func lose(
        _ loss: LossLedger.Key, count: UInt64, of container: String, at now: UInt64, isOwn: Bool = true
    ) {
        var account = account(of: container, at: now)
        var key = loss
        key.cgroup = 0
        if account.lost[key] == nil, account.lost.count >= Self.lossLimit {
            key = LossLedger.Key(cgroup: 0, hook: 0, reason: 0, kind: 0)
        }
        account.lost[key, default: 0] &+= count
        accounts[container] = account
        if isOwn { note(.lost(key)) }
    }

    /// - Parameter isOwn: as `lose` has it.
    mutating func miss(
        _ operation: String, count: UInt64, of container: String, at now: UInt64, isOwn: Bool = true
    ) {
        var account = account(of: container, at: now)
        account.blind[operation, default: 0] &+= count
        accounts[container] = account
        if isOwn { note(.blind(operation)) }
    }

    /// What is done in it is not done in this kernel.
    ///
    /// - Returns: whether that is known.
    @discardableResult
    mutating func isBehind(_ otherKernel: String, _ container: String, at now: UInt64) -> Bool {
        if accounts[container]?.otherKernel == otherKernel { return true }
        var account = account(of: container, at: now)
        account.otherKernel = otherKernel
        accounts[container] = account
        note(.blind(otherKernel))
        return false
    }

    /// The same again is no news.
    private mutating func note(_ cause: Cause) {
        guard causes.count < Self.causeLimit, causes.insert(cause).inserted else { return }
        isNews = true
    }

    /// What is told now says it.
    mutating func takeNews() -> Bool {
        defer { isNews = false }
        return isNews
    }

    var hasNews: Bool { isNews }

    private static let lossLimit = 64
    private static let causeLimit = 256

    /// Those that were seen last longest ago are told together.
    private mutating func makeRoom() {
        let oldest = accounts.filter { !$0.key.isEmpty }.sorted { ($0.value.to, $0.key) < ($1.value.to, $1.key) }
        for (id, account) in oldest.prefix(Self.limit / 4) {
            accounts[id] = nil
            if accounts[""]?.merge(with: account) == nil { accounts[""] = account }
        }
    }

    /// What was not whole before a restart.
    private var earlier: [PostureCoverage] = []

    private static let earlierLimit = 64

    /// - Parameter rows: as they were kept. Those that say that nothing was lost are over.
    mutating func restore(_ rows: [PostureCoverage]) {
        earlier = rows.filter { $0.state == "lossy" && $0.lost.first?.reason != "facts_full" || $0.state == "blind" }
        foldEarlier()
    }

    /// The sensor was killed after `time` and started again at `now`.
    mutating func restart(from time: UInt64, to now: UInt64) {
        noteEarlier(
            "killed", from: time, to: now,
            why: "the sensor was killed: what was counted since it kept its counts last is missing")
    }

    /// Part of what was known is gone.
    mutating func damage(at now: UInt64) {
        noteEarlier("state_damaged", to: now, why: "part of what was kept of it was damaged")
    }

    /// So many facts have lost their places, with what was counted of them, since there is room for fewer.
    mutating func fold(_ facts: Int, of kind: FactKind, count: UInt64, at now: UInt64) {
        noteEarlier(
            "facts_limit", of: kind, to: now, count: count,
            why: "\(facts) of its facts are not told apart any more: --max-facts has room for fewer than before")
    }

    /// So many sessions were forgotten, since others called tools.
    mutating func cutOff(_ sessions: UInt64, at now: UInt64) {
        let reason = "sessions_limit"
        isNews = true
        if let index = earlier.firstIndex(where: { $0.lost.first?.reason == reason }) {
            earlier[index].lost[0].count &+= sessions
            earlier[index].to = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
            return
        }
        noteEarlier(
            reason, of: .sequence, from: now, to: now, count: sessions,
            why: "more sessions than are followed called tools at a time: some sequences were not seen")
    }

    /// Nobody noted what it did.
    mutating func wait(from time: UInt64, to now: UInt64) {
        noteEarlier(
            "subjects_limit", from: time, to: now,
            why: "there was no room for it since the sensor was started (--max-subjects)")
    }

    /// No sensor ran from `time` to `now`, while the programs went on: what they told has been read since. What there was no
    /// room for is in the rows of its containers.
    mutating func goUnattended(from time: UInt64, to now: UInt64) {
        earlier += Discipline.allCases.map { discipline in
            PostureCoverage.with {
                ($0.discipline, $0.state) = (discipline.name, CoverageAccount.State.complete.rawValue)
                $0.from = Google_Protobuf_Timestamp(nanosecondsSince1970: time)
                $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
                $0.why = "nobody read what the programs told; it was kept, and has been read"
            }
        }
        foldEarlier()
    }

    /// Less was told of it from `time` until now than there was, and may be still: of these kinds of events nothing is complete, whether
    /// anything was lost or not.
    mutating func lower(
        _ why: String, of container: String, _ kinds: [EventKind], from time: UInt64, to now: UInt64
    ) {
        for kind in kinds {
            let key = LossLedger.Key(
                cgroup: 0, hook: Via.daemon.rawValue, reason: LossReason.overload.rawValue, kind: kind.rawValue)
            lose(key, count: 0, of: container, at: max(time, now))
        }
        let begin = Google_Protobuf_Timestamp(nanosecondsSince1970: time)
        var isKnown = false
        for index in earlier.indices where earlier[index].hasFrom && earlier[index].from == begin {
            guard earlier[index].lost.first?.reason == LossReason.overload.name else { continue }
            earlier[index].to = Google_Protobuf_Timestamp(nanosecondsSince1970: max(time, now))
            isKnown = true
        }
        if !isKnown { noteEarlier(LossReason.overload.name, from: time, to: max(time, now), why: why) }
        note(.lowered(time))
    }

    /// What the daemon itself has lost, of any container.
    ///
    /// - Parameters:
    ///   - kind: nil: of all disciplines.
    ///   - time: nil: it may be as old as all that is known.
    private mutating func noteEarlier(
        _ reason: String, of kind: FactKind? = nil, from time: UInt64? = nil, to now: UInt64, count: UInt64 = 0,
        why: String
    ) {
        earlier += (kind.map { [$0.discipline] } ?? Discipline.allCases).map { discipline in
            PostureCoverage.with {
                ($0.discipline, $0.kind) = (discipline.name, kind?.name ?? "")
                $0.state = CoverageAccount.State.lossy.rawValue
                if let time { $0.from = Google_Protobuf_Timestamp(nanosecondsSince1970: time) }
                $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
                $0.why = why
                $0.lost = [PostureLoss.with { ($0.hook, $0.reason, $0.count) = ("daemon", reason, count) }]
            }
        }
        foldEarlier()
    }

    /// It is this time, not as late as it was noted to be.
    mutating func turnBack(to now: UInt64) {
        for id in accounts.keys { accounts[id]?.turnBack(to: now) }
        for index in earlier.indices {
            if earlier[index].hasFrom, now < earlier[index].from.nanosecondsSince1970 {
                earlier[index].from = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
            }
            if now < earlier[index].to.nanosecondsSince1970 {
                earlier[index].to = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
            }
        }
    }

    /// Where there are many rows, those that say the same of several containers and times become one.
    private mutating func foldEarlier() {
        guard earlier.count > Self.earlierLimit else { return }
        var folded: [PostureCoverage] = []
        for row in earlier {
            let same = folded.firstIndex { ($0.discipline, $0.kind, $0.state) == (row.discipline, row.kind, row.state) }
            if let same { folded[same].fold(row) } else { folded.append(row) }
        }
        earlier = folded
    }

    /// A row for each container and discipline, and one for each kind of which something else is true; and what was not
    /// whole before a restart.
    func messages(_ hooks: HookCoverage = HookCoverage()) -> [PostureCoverage] {
        earlier
            + accounts.sorted { $0.key < $1.key }.flatMap { id, account in
                Discipline.allCases.flatMap { Self.messages(id, account, $0, hooks) }
            }
    }

    /// The same for all containers together.
    func summary(_ hooks: HookCoverage = HookCoverage()) -> [PostureCoverage] {
        let all = Array(accounts.values)
        guard var whole = all.first else { return earlier }
        for account in all.dropFirst() { whole.merge(with: account) }
        // What one of them announces says nothing of the others.
        let observed = all.filter { $0.observed > 0 }
        whole.announcesCalls = !observed.isEmpty && observed.allSatisfy(\.announcesCalls)
        whole.sendsSpans = !observed.isEmpty && observed.allSatisfy { $0.announcesCalls || $0.sendsSpans }
        return earlier + Discipline.allCases.flatMap { Self.messages("", whole, $0, hooks) }
    }

    private static func messages(
        _ id: String, _ account: CoverageAccount, _ discipline: Discipline, _ hooks: HookCoverage
    ) -> [PostureCoverage] {
        let kinds = FactKind.allCases.filter { $0.discipline == discipline }
        let states = Dictionary(grouping: kinds) { account.state(of: $0, hooks) }
        // What is true of most is said once.
        let common = states.max { ($0.value.count, $1.key.rawValue) < ($1.value.count, $0.key.rawValue) }?.key
        var messages: [PostureCoverage] = []
        if let common { messages.append(PostureCoverage(id, account, discipline, nil, common, hooks)) }
        for kind in kinds {
            let state = account.state(of: kind, hooks)
            if state != common { messages.append(PostureCoverage(id, account, discipline, kind, state, hooks)) }
        }
        return messages
    }
}
