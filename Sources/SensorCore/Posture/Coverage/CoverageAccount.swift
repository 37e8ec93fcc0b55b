// SPDX-License-Identifier: Apache-2.0

/// How well one container of a subject was watched, since when.
struct CoverageAccount {
    /// Wall clock, nanoseconds since 1970.
    var from: UInt64
    var to: UInt64
    /// Nanoseconds of the boot clock.
    var observed: UInt64 = 0
    /// Events that are gone, without the cgroup.
    var lost: [LossLedger.Key: UInt64] = [:]
    /// Operations that no event tells of.
    var blind: [String: UInt64] = [:]
    /// What is between it and this kernel; empty: nothing that is known.
    var otherKernel = ""
    /// When it was last observed.
    var observedAt: UInt64 = 0
    /// Somebody in it has announced tool calls.
    var announcesCalls = false
    /// Somebody in it tells of them after the fact: what is done for those is no fact.
    var sendsSpans = false

    private var tellsCalls: Bool { announcesCalls || sendsSpans }

    /// See `CoverageBook.observe`.
    mutating func observe(at now: UInt64, elapsed: UInt64, _ announcesCalls: Bool, _ sendsSpans: Bool) {
        // A subject of several cgroups is observed once.
        if observedAt != now { observed &+= elapsed }
        observedAt = now
        to = max(to, now)
        if announcesCalls { self.announcesCalls = true }
        if sendsSpans { self.sendsSpans = true }
    }

    mutating func merge(with other: Self) {
        from = min(from, other.from)
        to = max(to, other.to)
        observed &+= other.observed
        lost.merge(other.lost, uniquingKeysWith: &+)
        blind.merge(other.blind, uniquingKeysWith: &+)
        otherKernel = max(otherKernel, other.otherKernel)
        observedAt = max(observedAt, other.observedAt)
        // What one of them announces says nothing of the other.
        sendsSpans = tellsCalls && other.tellsCalls
        announcesCalls = announcesCalls && other.announcesCalls
    }

    /// It is this time, not as late as it was noted to be.
    mutating func turnBack(to now: UInt64) { (from, to) = (min(from, now), min(to, now)) }

    /// What is known of a kind of facts.
    func state(of kind: FactKind, _ hooks: HookCoverage) -> State {
        if kind.isOnlyClaimed || kind.isAnnounced && !tellsCalls { return .notWatched }
        if kind == .effect, !announcesCalls { return .notWatched }
        if !otherKernel.isEmpty, ![.tool, .sequence].contains(kind) { return .blind }
        if !blind.isEmpty, kind.sources.contains(where: \.isEffect) { return .blind }
        // Of effects there may be some of every kind; what is gone for good is said of its own kind.
        if !kind.isAnnounced, hooks.blindness(of: kind) != nil { return .blind }
        return lost.keys.contains { kind.isFed(by: $0.kind) } ? .lossy : .complete
    }

    enum State: String {
        case complete
        case lossy
        case blind
        case notWatched = "not_watched"
    }
}

extension FactKind {
    /// Events that tell of it.
    var sources: [EventKind] {
        switch self {
        case .egress, .metadata: [.networkConnect, .networkSend, .networkClose]
        case .ingress: [.networkListen, .networkAccept, .networkClose]
        case .file, .credential:
            [.fileOpen, .fileCreate, .fileDelete, .fileRename, .fileLink, .fileAttribute]
        case .process: [.processExec]
        case .syscall: [.syscallFirst, .syscallNotable]
        case .dns: [.dnsAnswer]
        case .tool, .sequence: [.toolCallBegin, .toolCallEnd]
        case .effect: EventKind.allCases.filter(\.isEffect)
        case .context: [.context]
        case .decision: [.decision]
        case .identity: [.identityChange]
        case .library: [.fileExecmap]
        case .hop, .model, .catalog: []
        }
    }

    /// It is known only of calls that are announced.
    var isAnnounced: Bool { [.tool, .effect, .sequence].contains(self) }

    /// There is nothing to it but the agent's word.
    var isOnlyClaimed: Bool { [.context, .hop, .decision, .model, .catalog].contains(self) }

    /// - Parameter kind: of an event, 0: nobody knows.
    func isFed(by kind: UInt8) -> Bool { kind == 0 || sources.contains { $0.rawValue == kind } }
}
