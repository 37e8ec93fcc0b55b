// SPDX-License-Identifier: Apache-2.0

/// A session's name, within the workload that opened it.
struct SessionKey: Hashable {
    var workload: UInt64
    var name: String
}

/// What is known of a session that is open.
struct CallSession {
    /// Of a connection whose client knows it.
    struct Member {
        var process: CallTask
        /// That it said it was in when it said hello.
        var epoch: UInt64?
    }

    /// A call that is over.
    struct Settled {
        var operation: Int
        var status: String
    }

    /// Open ones, by the client's ids.
    var calls: [String: UInt64] = [:]
    /// When the last of them has gone, nobody can end it.
    var members: [Int: Member] = [:]
    var agent: ToolCallClaims.Agent?
    var epoch: UInt64
    /// Lately, by the client's ids.
    var settled = RecentTable<Settled>(limit: 256)
    var trust = SessionTrust()
    private let name: String

    init(name: String, epoch: UInt64, agent: ToolCallClaims.Agent?) {
        self.name = name
        self.epoch = epoch
        self.agent = agent
    }

    /// That it takes, about.
    var bytes: Int {
        let words = [name, agent?.name, agent?.version, agent?.framework].reduce(0) { $0 + ($1?.utf8.count ?? 0) }
        return 1024 + words + settled.bytes + trust.bytes
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
    var authority: ToolCallClaims.Authority?
    /// Empty: it says nothing of a trace.
    var traceparent: String
    /// What is called with what, as a hash.
    var operation: Int
    /// That it takes, here and where effects are joined to it.
    var bytes: Int
}
