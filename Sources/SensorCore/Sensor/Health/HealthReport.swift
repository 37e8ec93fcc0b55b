// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// How the daemon is at one moment, for `/readyz` and `/metrics`.
package struct HealthReport: Sendable {
    package var collector: CollectorSummary
    package var identity: ClusterStatus
    /// Lines of records by the writer; nil: none are written.
    package var output: Output?
    /// Of the tool-call socket; nil: there is none.
    package var toolCalls: ToolCallServer.Statistics?
    /// Of OpenTelemetry; nil: none is taken.
    package var traces: TraceStatistics?
    /// Of the state of posture; nil: none is kept.
    package var journal: PostureJournal.Status?
    /// Of delivery, by the sink's name.
    package var deliveries: [(sink: String, status: ReconcilerStatus)]
    /// Of the program that runs.
    package var version = ""
    /// Why no posture is learned; nil: it is.
    package var journalError: String?
    /// Why the daemon could not give up what it does not need; nil: it did.
    package var privilegesError: String?
    /// Why programs are not pinned that were to be; nil: they are, or were not to be.
    package var pinsError: String?
    /// How far the daemon is that does not collect yet: all else is of one that does; nil: it does.
    package var standby: Standby?

    /// What comes before collecting, where daemons follow each other (`--pin-dir`).
    package enum Standby: Sendable {
        /// For the one that runs to end: whoever started this one may end that one.
        case waiting
        case takingOver
    }

    package struct Output: Sendable {
        package var written: UInt64
        package var dropped: UInt64
        package var errors: UInt64
        /// Bytes that wait to be written.
        package var waiting: Int
        package var room: Int

        package init(written: UInt64, dropped: UInt64, errors: UInt64, waiting: Int = 0, room: Int = 0) {
            self.written = written
            self.dropped = dropped
            self.errors = errors
            (self.waiting, self.room) = (waiting, room)
        }

        var queue: FillLevel { .init(name: "output", used: waiting, size: room) }
    }

    package init(
        collector: CollectorSummary, identity: ClusterStatus, output: Output? = nil,
        toolCalls: ToolCallServer.Statistics? = nil, traces: TraceStatistics? = nil,
        journal: PostureJournal.Status? = nil, deliveries: [(sink: String, status: ReconcilerStatus)] = []
    ) {
        self.collector = collector
        self.identity = identity
        self.output = output
        self.toolCalls = toolCalls
        self.traces = traces
        self.journal = journal
        self.deliveries = deliveries
    }

    /// What `/readyz` answers.
    struct Readiness: Codable, Sendable, Equatable {
        struct Hooks: Codable, Sendable, Equatable {
            var attached: Int
            /// What this kernel refuses, by program.
            var missing: [String]
        }

        struct Identity: Codable, Sendable, Equatable {
            var state: String
            /// How long it has been in that state.
            var seconds: Double
            var pods: Int
            var unsettledPods: Int
            var cluster: String?
            /// nil: all is well; the last one is over.
            var lastError: String?
        }

        var ready: Bool
        /// Why not; or, of what is not as it should be and keeps nothing from working, what.
        var reasons: [String]
        var hooks: Hooks
        var identity: Identity
    }

    /// - Parameter now: the moment that durations end at.
    func readiness(now: ContinuousClock.Instant = .now) -> Readiness {
        if let standby { return Self.readiness(of: standby, pinsError) }
        let programs = collector.programs
        let attached = programs.count { $0.state == .attached }
        let missing = programs.filter { program in
            switch program.state {
            case .refused, .detached: true
            case .attached, .loaded, .absent: false
            }
        }.map(\.name)
        let time = identity.since.duration(to: now)
        let seconds =
            Double(time.components.seconds) + Double(time.components.attoseconds / 1_000_000_000_000_000) / 1000
        var reasons: [String] = []
        if attached == 0 { reasons.append("no hook is attached") }
        let podsHere = collector.statistics.podsHere
        let isAnotherNode = identity.state == .synced && identity.pods == 0 && podsHere > 0
        // A pod that has just come is asked for; that most are not known is another matter.
        let isUnsettled = identity.state == .synced && identity.unsettledPods > identity.pods / 2
        let isKnown = identity.state == .synced && !isAnotherNode && !isUnsettled || identity.state == .disabled
        let isOver = identity.state == .synced && identity.unsettledPods == 0
        let error = isOver ? "" : identity.lastError
        // Another request may have failed in another way since.
        let contact = identity.watchError.isEmpty ? "" : ": \(identity.watchError)"
        switch identity.state {
        case .disabled: break
        case .synced:
            guard isAnotherNode else { break }
            reasons.append(
                "\(podsHere) pods run here, and the API server has none for this node: is SENSORD_NODE its name in the cluster?"
            )
        case .syncing: reasons.append("the pods of this node are not known yet" + (error.isEmpty ? "" : ": \(error)"))
        case .stale:
            reasons.append("the API server is away for \(Int(seconds)) s, working from what is known\(contact)")
        case .refused:
            reasons.append(
                "the API server does not permit to list and watch this node's pods (see deploy/kubernetes/rbac.yaml)\(contact)"
            )
        }
        let isReady = attached > 0 && isKnown
        if !missing.isEmpty { reasons.append("hooks that do not work here: see sensord check") }
        if collector.seesPartOfCgroups {
            reasons.append("a cgroup namespace hides whose most events are: see sensord check")
        }
        if let output, output.dropped > 0 { reasons.append("\(output.dropped) lines of records could not be written") }
        if let privilegesError { reasons.append("the daemon may do more than it needs: \(privilegesError)") }
        if let journalError { reasons.append("posture is not learned: \(journalError)") }
        if let pinsError { reasons.append(Self.unpinned(pinsError)) }
        if collector.statistics.refusedSubjects > 0 {
            reasons.append("there is no room for the posture of more workloads (see --max-subjects)")
        }
        if let trouble = journal?.trouble { reasons.append("posture is not kept: \(trouble)") }
        for (sink, status) in deliveries {
            guard let trouble = status.trouble, let since = status.troubleSince else { continue }
            let seconds = since.duration(to: now).components.seconds
            reasons.append("records have not got through for \(seconds) s (\(sink)): \(trouble)")
        }
        if let overload = collector.overload, !overload.lowered.isEmpty || overload.isExhausted {
            let lowered = overload.lowered.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            reasons.append(
                "the sensor is near its limits (see --cpu-budget, --memory-limit), and tells less: "
                    + (lowered.isEmpty ? "nothing more can be lowered" : lowered.joined(separator: ", ")))
        }
        if let trouble = collector.trouble { reasons.append("collecting is not whole: \(trouble)") }
        if identity.unsettledPods > 0 {
            reasons.append(
                "owners of \(identity.unsettledPods) of \(identity.pods) pods are not known for certain"
                    + (identity.state != .synced || error.isEmpty ? "" : ": \(error)"))
        }
        if identity.forbiddenOwners > 0 {
            reasons.append(
                "owners of \(identity.forbiddenOwners) pods may not be read (see deploy/kubernetes/rbac.yaml)")
        }
        return Readiness(
            ready: isReady, reasons: reasons, hooks: .init(attached: attached, missing: missing),
            identity: .init(
                state: identity.state.rawValue, seconds: seconds, pods: identity.pods,
                unsettledPods: identity.unsettledPods, cluster: identity.clusterID.isEmpty ? nil : identity.clusterID,
                lastError: error.isEmpty ? nil : error))
    }

    private static func readiness(of standby: Standby, _ pinsError: String?) -> Readiness {
        let isReady: Bool
        var reasons: [String] = []
        switch standby {
        case .waiting:
            isReady = true
            reasons.append(
                "it stands by: it collects nothing, waits for the sensor that runs to end, and takes over then")
        case .takingOver:
            isReady = false
            reasons.append("it takes over from the sensor that ran, and does not collect yet")
        }
        if let pinsError { reasons.append(unpinned(pinsError)) }
        return Readiness(
            ready: isReady, reasons: reasons, hooks: .init(attached: 0, missing: []),
            identity: .init(
                state: ClusterStatus.State.disabled.rawValue, seconds: 0, pods: 0, unsettledPods: 0, cluster: nil,
                lastError: nil))
    }

    private static func unpinned(_ error: String) -> String {
        "nothing is pinned, so what is done while no daemon runs is not seen: \(error)"
    }

    /// `readiness` as JSON.
    func readinessJSON() throws -> (isReady: Bool, body: [UInt8]) {
        let readiness = readiness()
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (readiness.ready, [UInt8](try encoder.encode(readiness)) + [UInt8(ascii: "\n")])
    }
}
