// SPDX-License-Identifier: Apache-2.0

/// Names of other workloads' sessions that were refused on a connection, lately.
struct RefusedSessions {
    var names = RecentTable<Void>(limit: 64)
    /// Who is charged for them.
    var workload: UInt64
}

// What clients reach for that is another workload's.
extension CallBook {
    /// Sessions of that name among which it is looked for the call.
    private static var namesakes: Int { 64 }

    /// Raises that a client claims another workload's session, where that is no chance: the call that is named is open, and the
    /// session was open before the client connected, or it was refused to him before. Names alone say nothing: another may have
    /// taken them before their owner, whose `hello` was lost.
    mutating func judgeClaim(of message: ToolCallMessage, _ sender: CallSender, _ connection: Int, _ name: String) {
        let isTold = note(name, on: connection, sender)
        let calls = [message.call?.id, message.call?.parent].compactMap { $0 }
        guard !calls.isEmpty, let arrival = arrivals[connection], let others = holders[name],
            others.count <= Self.namesakes
        else { return }
        let isClaim = others.contains { workload in
            guard let session = sessions[SessionKey(workload: workload, name: name)] else { return false }
            return (isTold || session.opened < arrival) && calls.contains { session.calls[$0] != nil }
        }
        guard isClaim else { return }
        raise(
            Finding(
                rule: .identityMismatch, expected: "a session that the sender's own workload has opened",
                came: "\(message.type) in a session of another workload"),
            sender, name, message.call?.id)
    }

    /// - Returns: whether that session was refused on the connection before.
    private mutating func note(_ name: String, on connection: Int, _ sender: CallSender) -> Bool {
        var refused = refusedSessions[connection] ?? RefusedSessions(workload: sender.workload)
        if refused.names[name] != nil { return true }
        let before = refused.names.bytes
        refused.names[name] = ()
        accounts.of(refused.workload).bytes += refused.names.bytes - before
        refusedSessions[connection] = refused
        return false
    }

    mutating func dropRefusedSessions(on connection: Int) {
        guard let refused = refusedSessions.removeValue(forKey: connection) else { return }
        accounts.of(refused.workload).bytes -= refused.names.bytes
    }

    /// A message came on another workload's connection: that was passed on, or somebody with the right to do so gives himself
    /// out as another. Both are told.
    mutating func foreign(_ sender: CallSender, on peer: CallSender) {
        raise(
            Finding(
                rule: .identityMismatch, expected: "messages of the workload that has connected",
                came: "one of process \(sender.process.id), of another"),
            peer, "")
        raise(
            Finding(
                rule: .identityMismatch, expected: "messages on connections of its own",
                came: "one on that of process \(peer.process.id), of another"),
            sender, "")
    }
}
