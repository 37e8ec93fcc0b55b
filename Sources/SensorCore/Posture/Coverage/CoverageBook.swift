// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// How well a subject's containers were watched.
struct CoverageBook {
    /// By the container's id; empty: containers that are gone and have no place of their own any more.
    private(set) var accounts: [String: CoverageAccount] = [:]

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
        var account = account(of: container, at: now - min(now, elapsed))
        // A subject of several cgroups is observed once.
        if account.observedAt != now { account.observed &+= elapsed }
        account.observedAt = now
        account.to = max(account.to, now)
        if announcesCalls { account.announcesCalls = true }
        if sendsSpans { account.sendsSpans = true }
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

    mutating func lose(_ loss: LossLedger.Key, count: UInt64, of container: String, at now: UInt64) {
        var account = account(of: container, at: now)
        var key = loss
        key.cgroup = 0
        if account.lost[key] == nil, account.lost.count >= Self.lossLimit {
            key = LossLedger.Key(cgroup: 0, hook: 0, reason: 0, kind: 0)
        }
        account.lost[key, default: 0] &+= count
        accounts[container] = account
    }

    mutating func miss(_ operation: String, count: UInt64, of container: String, at now: UInt64) {
        var account = account(of: container, at: now)
        account.blind[operation, default: 0] &+= count
        accounts[container] = account
    }

    private static let lossLimit = 64

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
        earlier += Discipline.allCases.map { discipline in
            PostureCoverage.with {
                ($0.discipline, $0.state) = (discipline.name, CoverageAccount.State.lossy.rawValue)
                $0.from = Google_Protobuf_Timestamp(nanosecondsSince1970: time)
                $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
                $0.why = "the sensor was killed: what was counted since it kept its counts last is missing"
                $0.lost = [PostureLoss.with { ($0.hook, $0.reason) = ("daemon", "killed") }]
            }
        }
        foldEarlier()
    }

    /// Part of what was known is gone.
    mutating func damage(at now: UInt64) {
        earlier += Discipline.allCases.map { discipline in
            PostureCoverage.with {
                ($0.discipline, $0.state) = (discipline.name, CoverageAccount.State.lossy.rawValue)
                $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
                $0.why = "part of what was kept of it was damaged"
                $0.lost = [PostureLoss.with { ($0.hook, $0.reason) = ("daemon", "state_damaged") }]
            }
        }
        foldEarlier()
    }

    /// So many facts have lost their places, with what was counted of them, since there is room for fewer.
    mutating func fold(_ facts: Int, of kind: FactKind, count: UInt64, at now: UInt64) {
        let row = PostureCoverage.with {
            ($0.discipline, $0.kind, $0.state) = (
                kind.discipline.name, kind.name, CoverageAccount.State.lossy.rawValue
            )
            $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
            $0.why = "\(facts) of its facts are not told apart any more: --max-facts has room for fewer than before"
            $0.lost = [PostureLoss.with { ($0.hook, $0.reason, $0.count) = ("daemon", "facts_limit", count) }]
        }
        earlier.append(row)
        foldEarlier()
    }

    /// Nobody noted what it did.
    mutating func wait(from time: UInt64, to now: UInt64) {
        earlier += Discipline.allCases.map { discipline in
            PostureCoverage.with {
                ($0.discipline, $0.state) = (discipline.name, CoverageAccount.State.lossy.rawValue)
                $0.from = Google_Protobuf_Timestamp(nanosecondsSince1970: time)
                $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: now)
                $0.why = "there was no room for it since the sensor was started (--max-subjects)"
                $0.lost = [PostureLoss.with { ($0.hook, $0.reason) = ("daemon", "subjects_limit") }]
            }
        }
        foldEarlier()
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

extension PostureCoverage {
    fileprivate init(
        _ id: String, _ account: CoverageAccount, _ discipline: Discipline, _ kind: FactKind?,
        _ state: CoverageAccount.State, _ hooks: HookCoverage
    ) {
        self.init()
        container = id
        self.discipline = discipline.name
        self.kind = kind?.name ?? ""
        self.state = state.rawValue
        from = Google_Protobuf_Timestamp(nanosecondsSince1970: account.from)
        to = Google_Protobuf_Timestamp(nanosecondsSince1970: account.to)
        observedSeconds = account.observed / 1_000_000_000
        self.hooks = hooks.absent(of: kind, discipline)
        switch state {
        case .complete: break
        case .notWatched:
            let isClaimed = kind?.isOnlyClaimed ?? false
            why =
                if isClaimed {
                    "known by the word of agents alone"
                } else if account.sendsSpans {
                    "tool calls are told of by spans, after the fact"
                } else {
                    "nobody in it has announced tool calls"
                }
        case .blind:
            let kinds = kind.map { [$0] } ?? FactKind.allCases.filter { $0.discipline == discipline }
            let unseen = Set(kinds.compactMap { hooks.blindness(of: $0) }).sorted()
            why = (account.blind.keys.sorted() + unseen).joined(separator: ", ")
            lost = losses(account, kind, discipline)
        case .lossy: lost = losses(account, kind, discipline)
        }
    }

    /// Of another container or time.
    fileprivate mutating func fold(_ other: PostureCoverage) {
        if container != other.container { container = "" }
        // What has no beginning began before all that is known.
        if !other.hasFrom || hasFrom && other.from.nanosecondsSince1970 < from.nanosecondsSince1970 {
            if other.hasFrom { from = other.from } else { clearFrom() }
        }
        if to.nanosecondsSince1970 < other.to.nanosecondsSince1970 { to = other.to }
        observedSeconds &+= other.observedSeconds
        for loss in other.lost {
            let same = lost.firstIndex { ($0.hook, $0.reason) == (loss.hook, loss.reason) }
            if let same { lost[same].count &+= loss.count } else { lost.append(loss) }
        }
        let reasons = why.isEmpty ? [] : why.split(separator: "; ").map(String.init)
        if !other.why.isEmpty, !reasons.contains(other.why), reasons.count < Self.reasonLimit {
            why = (reasons + [other.why]).joined(separator: "; ")
        }
    }

    private static let reasonLimit = 16

    private func losses(
        _ account: CoverageAccount, _ kind: FactKind?, _ discipline: Discipline
    ) -> [PostureLoss] {
        let kinds = kind.map { [$0] } ?? FactKind.allCases.filter { $0.discipline == discipline }
        var sums: [PostureLoss] = []
        for (key, count) in account.lost where kinds.contains(where: { $0.isFed(by: key.kind) }) {
            let (hook, reason) = (key.hookName, key.reasonName)
            if let place = sums.firstIndex(where: { ($0.hook, $0.reason) == (hook, reason) }) {
                sums[place].count &+= count
            } else {
                sums.append(PostureLoss.with { ($0.hook, $0.reason, $0.count) = (hook, reason, count) })
            }
        }
        return sums.sorted { ($1.count, $0.hook, $0.reason) < ($0.count, $1.hook, $1.reason) }
    }
}

extension Profile {
    /// With what there was no room to tell apart.
    func withOverflow(_ rows: [PostureCoverage]) -> [PostureCoverage] {
        rows
            + overflow.sorted { $0.key.rawValue < $1.key.rawValue }.map { kind, overflow in
                PostureCoverage.with {
                    ($0.discipline, $0.kind, $0.state) = (kind.discipline.name, kind.name, "lossy")
                    $0.from = Google_Protobuf_Timestamp(nanosecondsSince1970: overflow.firstSeen)
                    $0.to = Google_Protobuf_Timestamp(nanosecondsSince1970: overflow.lastSeen)
                    $0.lost = [
                        PostureLoss.with { ($0.hook, $0.reason, $0.count) = ("daemon", "facts_full", overflow.count) }
                    ]
                }
            }
    }
}
