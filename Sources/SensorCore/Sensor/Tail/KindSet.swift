// SPDX-License-Identifier: Apache-2.0

/// A set of event kinds, one bit each as the kernel's control words have it.
package struct KindSet: OptionSet, Sendable, Hashable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package init(_ kind: EventKind) {
        rawValue = 1 << UInt64(kind.rawValue)
    }

    /// The kinds whose names the pattern matches: `file.*`, `network.connect`. Empty if there are none.
    package init(matching pattern: Glob) {
        self = EventKind.told.reduce(into: []) { set, kind in
            if pattern.matches(kind.name) { set.insert(KindSet(kind)) }
        }
    }

    /// Every kind that there are events of.
    package static let all = EventKind.told.reduce(into: KindSet()) { $0.insert(KindSet($1)) }

    /// What the pipeline needs in order to say whose an event is.
    package static let lifecycle: KindSet = [
        KindSet(.processExec), KindSet(.processFork), KindSet(.processExit), KindSet(.processSeen),
        KindSet(.cgroupCreated), KindSet(.cgroupRemoved),
    ]

    /// The kinds whose peers get their names from DNS answers.
    package static let network: KindSet = [
        KindSet(.networkConnect), KindSet(.networkSend), KindSet(.networkListen), KindSet(.networkAccept),
        KindSet(.networkClose),
    ]

    package func contains(_ kind: EventKind) -> Bool {
        rawValue >> UInt64(kind.rawValue) & 1 != 0
    }

    /// What the kernel has to report so that events of these kinds can be shown in full.
    package var withPrerequisites: KindSet {
        var result = union(.lifecycle)
        if !isDisjoint(with: .network) { result.insert(KindSet(.dnsAnswer)) }
        // What was never seen to open cannot be said to be open still.
        if contains(.networkClose) { result.formUnion([KindSet(.networkConnect), KindSet(.networkAccept)]) }
        return result
    }
}
