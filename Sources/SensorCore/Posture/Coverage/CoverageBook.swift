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
    mutating func observe(_ container: String, at now: UInt64, elapsed: UInt64, announcesCalls: Bool) {
        if accounts[container] == nil, accounts.count >= Self.limit { makeRoom() }
        var account = accounts[container] ?? CoverageAccount(from: now - min(now, elapsed), to: now - min(now, elapsed))
        // A subject of several cgroups is observed once.
        if account.to < now { account.observed &+= elapsed }
        account.to = max(account.to, now)
        if announcesCalls { account.announcesCalls = true }
        accounts[container] = account
    }

    mutating func lose(_ loss: LossLedger.Key, count: UInt64, of container: String, at now: UInt64) {
        var account = accounts[container] ?? CoverageAccount(from: now, to: now)
        var key = loss
        key.cgroup = 0
        if account.lost[key] == nil, account.lost.count >= Self.lossLimit {
            key = LossLedger.Key(cgroup: 0, hook: 0, reason: 0, kind: 0)
        }
        account.lost[key, default: 0] &+= count
        accounts[container] = account
    }

    mutating func miss(_ operation: String, count: UInt64, of container: String, at now: UInt64) {
        var account = accounts[container] ?? CoverageAccount(from: now, to: now)
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

    /// A row for each container and discipline, and one for each kind of which something else is true.
    func messages() -> [PostureCoverage] {
        accounts.sorted { $0.key < $1.key }.flatMap { id, account in
            Discipline.allCases.flatMap { Self.messages(id, account, $0) }
        }
    }

    private static func messages(
        _ id: String, _ account: CoverageAccount, _ discipline: Discipline
    ) -> [PostureCoverage] {
        let kinds = FactKind.allCases.filter { $0.discipline == discipline }
        let states = Dictionary(grouping: kinds) { account.state(of: $0) }
        // What is true of most is said once.
        let common = states.max { ($0.value.count, $1.key.rawValue) < ($1.value.count, $0.key.rawValue) }?.key
        var messages: [PostureCoverage] = []
        if let common { messages.append(PostureCoverage(id, account, discipline, nil, common)) }
        for kind in kinds {
            let state = account.state(of: kind)
            if state != common { messages.append(PostureCoverage(id, account, discipline, kind, state)) }
        }
        return messages
    }
}

extension PostureCoverage {
    fileprivate init(
        _ id: String, _ account: CoverageAccount, _ discipline: Discipline, _ kind: FactKind?,
        _ state: CoverageAccount.State
    ) {
        self.init()
        container = id
        self.discipline = discipline.name
        self.kind = kind?.name ?? ""
        self.state = state.rawValue
        from = Google_Protobuf_Timestamp(nanosecondsSince1970: account.from)
        to = Google_Protobuf_Timestamp(nanosecondsSince1970: account.to)
        observedSeconds = account.observed / 1_000_000_000
        switch state {
        case .complete: break
        case .notWatched: why = "nobody in it has announced tool calls"
        case .blind:
            why = account.blind.keys.sorted().joined(separator: ", ")
            lost = losses(account, kind, discipline)
        case .lossy: lost = losses(account, kind, discipline)
        }
    }

    private func losses(
        _ account: CoverageAccount, _ kind: FactKind?, _ discipline: Discipline
    ) -> [PostureLoss] {
        let kinds = kind.map { [$0] } ?? FactKind.allCases.filter { $0.discipline == discipline }
        var sums: [PostureLoss] = []
        for (key, count) in account.lost where kinds.contains(where: { $0.isFed(by: key.kind) }) {
            let hook = Via(rawValue: key.hook)?.name ?? "hook \(key.hook)"
            let reason = LossReason(rawValue: key.reason)?.name ?? "reason \(key.reason)"
            if let place = sums.firstIndex(where: { ($0.hook, $0.reason) == (hook, reason) }) {
                sums[place].count &+= count
            } else {
                sums.append(PostureLoss.with { ($0.hook, $0.reason, $0.count) = (hook, reason, count) })
            }
        }
        return sums.sorted { ($1.count, $0.hook, $0.reason) < ($0.count, $1.hook, $1.reason) }
    }
}
