// SPDX-License-Identifier: Apache-2.0

/// What broke a rule.
struct Finding: Equatable {
    var rule: AnomalyRule
    var expected: String
    var came: String
}

/// What a session's agent has said of its authority and of who controls it, and what of that does not fit together.
///
/// Bounded, whatever is said.
struct SessionTrust {
    private struct Grant {
        var authority: ToolCallClaims.Authority
        /// When it was first heard of, nanoseconds since 1970.
        var since: UInt64
        /// Another stands in its place.
        var isReplaced = false
        /// It was refreshed from what was from before the account changed.
        var isStale = false

        var bytes: Int { MemoryLayout<Self>.size + authority.bytes }
    }

    /// Refreshes in a minute.
    static let refreshLimit = 5
    private static let refreshTime: UInt64 = 60_000_000_000
    /// Overrides of one policy in ten minutes.
    static let overrideLimit = 2
    private static let overrideTime: UInt64 = 600_000_000_000

    private var grants = RecentTable<Grant>(limit: 64, cost: \.bytes)
    private var currentGrant: String?
    /// Nanoseconds since 1970.
    private var accountChangedAt: UInt64?
    private var mode: String?
    private var account: String?
    /// Boot clock, the latest.
    private var refreshes: [UInt64] = []
    private var overrides = RecentTable<[UInt64]>(limit: 64) { 64 + 8 * $0.count }

    var bytes: Int { grants.bytes + overrides.bytes }

    /// As it was said first.
    func authority(of grant: String) -> ToolCallClaims.Authority? { grants[grant]?.authority }

    // MARK: Use

    /// A call is made by an authority.
    ///
    /// - Parameter parent: that of the call which it is made within, if there is one.
    mutating func use(
        _ authority: ToolCallClaims.Authority, within parent: ToolCallClaims.Authority?, at now: ClockReading
    ) -> [Finding] {
        var findings = Self.expired(authority, at: now)
        if let parent { findings += Self.widened(authority, from: parent, "the call that it is made within has") }
        if authority.grant.isEmpty { return findings }
        let known = grants[authority.grant]
        if let known { findings += Self.widened(authority, from: known.authority, "the grant was said to have") }
        if let changed = accountChangedAt {
            if known?.isStale ?? false {
                findings.append(
                    Self.stale(changed, "grant \(authority.grant), refreshed from one that is from before"))
            } else if Self.isOlder(authority, known?.since, than: changed) {
                findings.append(
                    Self.stale(
                        changed, "grant \(authority.grant) of " + Self.text(authority.issuedAt ?? known?.since ?? 0)))
            }
        }
        remember(authority, at: now)
        return findings
    }

    private static func stale(_ changed: UInt64, _ came: String) -> Finding {
        Finding(
            rule: .staleTrust, expected: "authority from after the account changed (\(text(changed)))", came: came)
    }

    private mutating func remember(_ authority: ToolCallClaims.Authority, at now: ClockReading) {
        guard !authority.grant.isEmpty, grants[authority.grant] == nil else { return }
        grants[authority.grant] = Grant(authority: authority, since: now.wall)
    }

    private static func expired(_ authority: ToolCallClaims.Authority, at now: ClockReading) -> [Finding] {
        guard let end = authority.expiresAt, end <= now.wall else { return [] }
        return [
            Finding(
                rule: .authorityExpired, expected: "authority that is in force at \(text(now.wall))",
                came: "grant \(authority.grant) expired at \(text(end))")
        ]
    }

    /// What neither of them says is not compared.
    private static func widened(
        _ authority: ToolCallClaims.Authority, from base: ToolCallClaims.Authority, _ who: String
    ) -> [Finding] {
        var findings: [Finding] = []
        let added = base.scopes.isEmpty ? [] : authority.scopes.filter { !base.scopes.contains($0) }
        if !added.isEmpty {
            findings.append(
                Finding(
                    rule: .authorityWidened, expected: "no more scopes than \(who): \(list(base.scopes))",
                    came: list(added)))
        }
        if let end = authority.expiresAt, let limit = base.expiresAt, end > limit {
            findings.append(
                Finding(
                    rule: .authorityWidened, expected: "no longer than \(who): until \(text(limit))",
                    came: "until \(text(end))"))
        }
        return findings
    }

    /// Issuers tell whole seconds.
    private static func isOlder(
        _ authority: ToolCallClaims.Authority, _ since: UInt64?, than changed: UInt64
    ) -> Bool {
        if let issued = authority.issuedAt { return issued / 1_000_000_000 < changed / 1_000_000_000 }
        return since.map { $0 < changed } ?? false
    }

    // MARK: Control

    /// - Parameter openCalls: of the session.
    mutating func change(_ transition: SessionTransition, openCalls: Int, at now: ClockReading) -> [Finding] {
        var findings: [Finding] = []
        switch transition.kind {
        case .mode:
            if transition.initiator?.kind != "human" {
                findings.append(
                    Finding(
                        rule: .modeSwitchWithoutUser, expected: "a mode that a human switches",
                        came: "to \(transition.to) by \(transition.initiator?.kind ?? "nobody who is named")"))
            }
            findings += Self.unlike(mode, transition)
            mode = transition.to
        case .account:
            findings += Self.unlike(account, transition)
            if openCalls > 0 {
                findings.append(
                    Finding(
                        rule: .controlChangeUnusual, expected: "no call open while the account changes",
                        came: openCalls == 1 ? "1 open call" : "\(openCalls) open calls"))
            }
            account = transition.to
            accountChangedAt = now.wall
        case .refresh: findings += refresh(transition, at: now)
        case .reconnect, .recovery: break
        }
        if let authority = transition.authority, transition.kind != .refresh { remember(authority, at: now) }
        return findings
    }

    private static func unlike(_ known: String?, _ transition: SessionTransition) -> [Finding] {
        guard let known, !transition.from.isEmpty, transition.from != known else { return [] }
        return [
            Finding(
                rule: .controlChangeUnusual, expected: "a change of \(transition.kind.rawValue) from \(known)",
                came: "from \(transition.from) to \(transition.to)")
        ]
    }

    private mutating func refresh(_ transition: SessionTransition, at now: ClockReading) -> [Finding] {
        var findings: [Finding] = []
        var new = transition.authority ?? .init()
        if new.grant.isEmpty { new.grant = transition.to }
        let old = transition.from.isEmpty ? refreshed(by: new.grant) : transition.from
        var isStale = false
        if let old, let base = grants[old] {
            if base.isReplaced {
                findings.append(
                    Finding(
                        rule: .repeatedRefresh, expected: "grant \(old) refreshed once",
                        came: "it is refreshed again, to \(new.grant)"))
            }
            // Of what is not named it is not sure that it was refreshed.
            if !transition.from.isEmpty, let changed = accountChangedAt {
                isStale = base.isStale || Self.isOlder(base.authority, base.since, than: changed)
                if isStale {
                    findings.append(Self.stale(changed, "a refresh of grant \(old), which is from before"))
                }
            }
            var bound = base.authority
            bound.expiresAt = nil
            findings += Self.widened(new, from: bound, "what is refreshed has")
            if let was = Self.life(base.authority), let life = Self.life(new), life > was {
                findings.append(
                    Finding(
                        rule: .authorityWidened,
                        expected: "no longer than what is refreshed: for \(was / 1_000_000_000) s",
                        came: "for \(life / 1_000_000_000) s"))
            }
        }
        if let old, old != new.grant {
            var replaced = grants[old] ?? Grant(authority: .init(grant: old), since: now.wall)
            replaced.isReplaced = true
            grants[old] = replaced
        }
        findings += Self.expired(new, at: now)
        if !new.grant.isEmpty {
            grants[new.grant] = Grant(authority: new, since: now.wall, isStale: isStale)
            currentGrant = new.grant
        }
        if let count = Self.count(&refreshes, Self.refreshTime, at: now.boot, limit: Self.refreshLimit) {
            findings.append(
                Finding(
                    rule: .repeatedRefresh, expected: "at most \(Self.refreshLimit) refreshes in a minute",
                    came: "\(count)"))
        }
        return findings
    }

    /// The grant that a refresh is of which does not say so: itself, the one that came of the last refresh, or the only one
    /// in use.
    private func refreshed(by grant: String) -> String? {
        if grants[grant] != nil { return grant }
        return currentGrant ?? grants.only { !$0.isReplaced }
    }

    private static func life(_ authority: ToolCallClaims.Authority) -> UInt64? {
        guard let start = authority.issuedAt, let end = authority.expiresAt, end >= start else { return nil }
        return end - start
    }

    // MARK: Decisions

    mutating func decide(_ decision: DecisionDetail, at now: ClockReading) -> [Finding] {
        guard decision.outcome == "override" else { return [] }
        var times = overrides[decision.policy] ?? []
        let count = Self.count(&times, Self.overrideTime, at: now.boot, limit: Self.overrideLimit)
        overrides[decision.policy] = times
        guard let count else { return [] }
        return [
            Finding(
                rule: .repeatedOverride,
                expected: "policy \(decision.policy) overridden at most \(Self.overrideLimit) times in ten minutes",
                came: "\(count) times")
        ]
    }

    /// Notes one more. How many there were in that time if that is more than may be, as far as they are counted.
    private static func count(_ times: inout [UInt64], _ span: UInt64, at now: UInt64, limit: Int) -> Int? {
        times.removeAll { now &- $0 >= span }
        times.append(now)
        let count = times.count
        if count > 64 { times.removeFirst() }
        return count > limit ? count : nil
    }

    // MARK: Texts

    private static func list(_ scopes: [String]) -> String {
        let shown = scopes.prefix(8).joined(separator: ", ")
        return scopes.count > 8 ? "\(shown) and \(scopes.count - 8) more" : shown
    }

    private static func text(_ time: UInt64) -> String {
        var json = JSONText()
        json.append(time: time)
        return String(decoding: json.bytes.array, as: UTF8.self)
    }
}
