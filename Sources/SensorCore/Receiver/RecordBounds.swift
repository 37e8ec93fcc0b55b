// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension PostureFact {
    /// It takes no more room than a fact may: what is longer than its kind is, or has more names, is nobody's.
    func isWithin(_ limits: ReceiverLimits) -> Bool {
        guard hourOfDay.count <= 24, firstDays.count <= 24, days.earlier.count <= DayCounts.reach else { return false }
        var names = [
            serviceAccount, initiatorKind, agent, key.peer, key.transport, key.path, key.arguments, key.parent,
            key.name,
            key.what, key.type, key.change, key.from, key.to,
        ]
        names += key.access
        names += key.tools
        names += replicas
        names += processes
        names += revisions
        return names.reduce(key.raw.count) { $0 + $1.utf8.count } <= limits.factBytes
    }
}

extension PostureRecord {
    /// What it says beside facts takes no more room than it may.
    func hasHeader(within limits: ReceiverLimits) -> Bool {
        var header = self
        switch body {
        case .facts?: header.facts = PostureFacts()
        case .profile?: header.profile.facts = []
        default: return true
        }
        let bytes: [UInt8]? = try? header.serializedBytes()
        return (bytes?.count ?? .max) <= limits.headerBytes
    }
}
