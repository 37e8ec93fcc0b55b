// SPDX-License-Identifier: Apache-2.0

/// Which events travel as records, besides those that have records of their own.
package struct EventChoice: Sendable, Equatable {
    package var kinds: KindSet = []
    /// What is new to its workload; of processes, what they execute.
    package var firstSeen = false
    /// What nobody should have to wait for.
    package var urgent = false

    package init() {}

    static var usual: EventChoice {
        var choice = EventChoice()
        (choice.firstSeen, choice.urgent) = (true, true)
        return choice
    }

    /// Reads patterns of kinds, `first-seen`, `urgent` or `none`, with commas between.
    init(_ text: String) throws(SettingFault) {
        let words = text.split(separator: ",").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
        guard !words.isEmpty else { throw SettingFault("kinds, first-seen, urgent or none are expected") }
        for word in words {
            switch word {
            case "first-seen": firstSeen = true
            case "urgent": urgent = true
            case "none":
                guard words.count == 1 else { throw SettingFault("none stands alone") }
            default:
                let matching = KindSet(matching: Glob(String(word)))
                guard !matching.isEmpty else { throw SettingFault("no kind of event is called \"\(word)\"") }
                kinds.formUnion(matching)
            }
        }
    }

    /// - Parameter isUrgent: as `Event.isUrgent` has it.
    func contains(_ event: Event, isUrgent: Bool) -> Bool {
        // An anomaly has a record of its own, and what is streamed for a tail is counted as well.
        if event.kind == .anomalyState || event.isCopy { return false }
        if kinds.contains(event.kind) || urgent && isUrgent { return true }
        return firstSeen && event.isFirstSeen && event.kind != .processFork && event.kind != .processExit
    }
}

extension Event {
    /// Nobody should have to wait for it: an anomaly, the use of a credential, a notable system call. What is told as a count is
    /// none of these: it was told before.
    func isUrgent(_ credentials: CredentialPaths) -> Bool {
        if kind == .anomalyState { return true }
        guard isFirstSeen || isRepeat else { return false }
        return kind == .syscallNotable || usesCredential(credentials)
    }
}
