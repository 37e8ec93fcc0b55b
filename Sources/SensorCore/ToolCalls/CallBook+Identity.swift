// SPDX-License-Identifier: Apache-2.0

// What clients reach for that is another workload's.
extension CallBook {
    /// Sessions of that name among which it is looked for the call.
    private static var namesakes: Int { 64 }

    /// Raises that a client claims another workload's session, where that is no chance: it was open before the client connected,
    /// and so is the call that is named. Names alone say nothing: another may have taken them before their owner.
    mutating func judgeClaim(of message: ToolCallMessage, _ sender: CallSender, _ connection: Int, _ name: String) {
        let calls = [message.call?.id, message.call?.parent].compactMap { $0 }
        guard !calls.isEmpty, let arrival = arrivals[connection], let others = holders[name],
            others.count <= Self.namesakes
        else { return }
        let isClaim = others.contains { workload in
            guard let session = sessions[SessionKey(workload: workload, name: name)] else { return false }
            return session.opened < arrival && calls.contains { session.calls[$0] != nil }
        }
        guard isClaim else { return }
        raise(
            Finding(
                rule: .identityMismatch, expected: "a session that the sender's own workload has opened",
                came: "\(message.type) in a session of another workload"),
            sender, name, message.call?.id)
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
