// SPDX-License-Identifier: Apache-2.0

/// A session's name, within the workload that opened it.
struct SessionKey: Hashable {
    var workload: UInt64
    var name: String
}

/// What is known of a session. Changed where it is: each message looks at it several times. For one thread.
final class CallSession {
    /// Of a connection whose client knows it.
    struct Member {
        var process: CallTask
        /// That it said it was in when it said hello.
        var epoch: UInt64?
        /// That it said it is when it said hello.
        var agent: ToolCallClaims.Agent?
    }

    /// A call that is over.
    struct Settled {
        var operation: Int
        var status: String
        /// What it was made by; empty: that is not known.
        var grant: String

        var bytes: Int { MemoryLayout<Self>.size + grant.utf8.count }
    }

    /// Open ones, by the client's ids.
    var calls: [String: UInt64] = [:]
    /// When the last of them has gone, nobody can end it.
    var members: [Int: Member] = [:]
    /// The latest that was said.
    var agent: ToolCallClaims.Agent?
    var epoch: UInt64
    /// When it was opened, as the book counts what happens.
    var opened: UInt64
    /// Lately, by the client's ids.
    var settled = RecentTable<Settled>(limit: 256, cost: \.bytes)
    /// Calls whose beginnings were not taken, lately, by the client's ids.
    var refused = RecentTable<Void>(limit: 64)
    var trust = SessionTrust()
    private let name: String

    init(name: String, epoch: UInt64, opened: UInt64, agent: ToolCallClaims.Agent?) {
        self.name = name
        self.epoch = epoch
        self.opened = opened
        self.agent = agent
    }

    /// That it takes, about.
    var bytes: Int {
        let words = name.utf8.count + (agent?.bytes ?? 0)
        return 1024 + words + members.count * Self.memberBytes + settled.bytes + refused.bytes + trust.bytes
    }

    /// With an agent of the longest words.
    private static var memberBytes: Int { 512 + 3 * ToolCallMessage.wordBytes }
}

extension ToolCallClaims.Agent {
    fileprivate var bytes: Int { name.utf8.count + version.utf8.count + framework.utf8.count }
}

extension ToolCallClaims.Authority {
    /// That its words take, about.
    var bytes: Int {
        let approved = approval.map { $0.id.utf8.count + $0.kind.utf8.count } ?? 0
        return scopes.reduce(grant.utf8.count + approved) { $0 + 48 + $1.utf8.count }
    }

    /// Both together: where it does not say, what the outer one does.
    func within(_ outer: Self?) -> Self {
        guard let outer else { return self }
        var bound = self
        if bound.grant.isEmpty { bound.grant = outer.grant }
        if bound.scopes.isEmpty { bound.scopes = outer.scopes }
        bound.expiresAt = bound.expiresAt ?? outer.expiresAt
        return bound
    }
}

/// A call that is open.
struct OpenCall {
    var session: SessionKey
    var id: String
    /// Of the tool.
    var name: String
    /// The one that announced it, or another of the same process since that has gone.
    var connection: Int
    var process: CallTask
    /// What no call within it may exceed: what it is allowed by, and where it does not say, the call that it is made within.
    var bound: ToolCallClaims.Authority?
    /// Empty: it says nothing of a trace.
    var traceparent: String
    /// What is called with what, as a hash.
    var operation: Int
    /// When it began, boot clock.
    var time: UInt64
    /// That it takes, here and where effects are joined to it.
    var bytes: Int
}
