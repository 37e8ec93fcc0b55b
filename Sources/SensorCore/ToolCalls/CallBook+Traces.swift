// SPDX-License-Identifier: Apache-2.0

// Which calls of other sessions, processes and workloads a call was made within: by the trace that both claim to be part of.
// It is the client's word, and changes nothing about the other call.
extension CallBook {
    /// Of more open calls in a trace it is not looked for the one.
    private static var callsOfTrace: Int { 64 }

    /// The one call that is open in another session and claims to be part of the same trace: the very same place in it,
    /// else any; nil where it could be one of several.
    func linked(to traceparent: String, _ session: SessionKey) -> OpenCall? {
        guard let numbers = traces[Self.trace(traceparent)], numbers.count <= Self.callsOfTrace else { return nil }
        let calls = numbers.compactMap { open[$0] }.filter { $0.session != session }
        let same = calls.filter { Self.place($0.traceparent) == Self.place(traceparent) }
        let found = same.isEmpty ? calls : same
        return found.count == 1 ? found[0] : nil
    }

    mutating func link(_ number: UInt64, _ traceparent: String) {
        if traceparent.isEmpty { return }
        traces[Self.trace(traceparent), default: []].insert(number)
    }

    mutating func unlink(_ number: UInt64, _ traceparent: String) {
        if traceparent.isEmpty { return }
        let trace = Self.trace(traceparent)
        traces[trace]?.remove(number)
        if traces[trace]?.isEmpty ?? false { traces[trace] = nil }
    }

    /// `<version>-<trace>-<span>-<flags>`, which has been looked at before.
    private static func trace(_ traceparent: String) -> String { String(traceparent.dropFirst(3).prefix(32)) }
    private static func place(_ traceparent: String) -> Substring { traceparent.dropFirst(3).prefix(49) }
}

extension LinkedCall {
    init(_ call: OpenCall, of workload: UInt64) {
        self.init(
            id: call.id, name: call.name, session: call.session.name,
            isOfOtherWorkload: call.session.workload != workload)
    }
}
