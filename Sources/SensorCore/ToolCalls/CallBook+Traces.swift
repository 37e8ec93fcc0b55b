// SPDX-License-Identifier: Apache-2.0

// Which calls of other sessions, processes and workloads a call was made within: by the place in a trace that both claim to
// have. It is their clients' word: it changes nothing about the other call, and of what another workload says nothing follows
// for this one.
extension CallBook {
    /// Of more open calls in one place it is not looked for the one.
    private static var callsOfPlace: Int { 64 }

    /// The one call that is open in another session and claims the same place in a trace: of the workload itself, else of
    /// another; nil where it could be one of several.
    func linked(to traceparent: String, _ session: SessionKey) -> OpenCall? {
        guard let numbers = places[Self.place(traceparent)], numbers.count <= Self.callsOfPlace else { return nil }
        let calls = numbers.compactMap { open[$0] }.filter { $0.session != session }
        let own = calls.filter { $0.session.workload == session.workload }
        let found = own.isEmpty ? calls : own
        return found.count == 1 ? found[0] : nil
    }

    mutating func link(_ number: UInt64, _ traceparent: String) {
        if traceparent.isEmpty { return }
        places[Self.place(traceparent), default: []].insert(number)
    }

    mutating func unlink(_ number: UInt64, _ traceparent: String) {
        if traceparent.isEmpty { return }
        let place = Self.place(traceparent)
        places[place]?.remove(number)
        if places[place]?.isEmpty ?? false { places[place] = nil }
    }

    /// `<version>-<trace>-<span>-<flags>`, which has been looked at before.
    private static func place(_ traceparent: String) -> String { String(traceparent.dropFirst(3).prefix(49)) }
}

extension LinkedCall {
    init(_ call: OpenCall, of workload: UInt64) {
        self.init(
            id: call.id, name: call.name, session: call.session.name,
            isOfOtherWorkload: call.session.workload != workload)
    }
}
