// SPDX-License-Identifier: Apache-2.0

/// The bounds of the pipeline. What does not fit is counted, never dropped in silence.
package struct PipelineConfiguration: Sendable {
    package var processes = ProcessTable.Limits()
    package var cgroups = CgroupTable.Limits()
    /// First sights kept so that later counts can be told as events: as many as the kernel remembers objects. One that
    /// has to go is forgotten there, too.
    package var templates = Int(KernelSettings().memoryEntries + KernelSettings().failureEntries)
    /// Bytes that each of them may take on average, estimated. Seldom are all of them there.
    package var bytesPerTemplate = 228
    /// Addresses with names, of all workloads together.
    package var peerNames = 16_384
    /// Paths that may be looked up in processes' roots between two ticks.
    package var resolutions = 20_000
    /// Processes that may be looked up in /proc between two ticks, because an event named one that was not known.
    package var sketches = 2_000
    /// How long an event may wait for its pod to become known, ns.
    package var waitingTime: UInt64 = 10_000_000_000
    /// Events that may wait so. While more than half of them do, one workload has an eighth.
    package var waitingEvents = 65_536
    /// Bytes that each of them may take on average, estimated.
    package var bytesPerWaitingEvent = 512
    /// Whose a cgroup or a program is, by the operator's word.
    package var workloadMap = WorkloadMap()
    /// Containers and units besides those known for it in which a kubelet makes the cgroups of pods.
    package var podsBelow: [Glob] = []
    /// Of SPIFFE ids that are derived; empty: none are.
    package var trustDomain = ""
    /// Rows of the loss ledger.
    package var lossRows = 16_384
    package var profiles = ProfileTable.Limits()
    /// What workloads do is learned.
    package var learnsProfiles = false
    /// What hash tables are seeded with, whose keys others choose. Changes nothing that is told.
    package var seed = UInt64.random(in: .min ... .max)
    /// What command lines and paths pass before anything else sees them.
    package var redactor = Redactor()
    /// What values are digested with; nil: none are.
    package var digests: DigestKeys?

    package init() {}
}

/// What the pipeline has done so far.
package struct PipelineStatistics: Sendable, Equatable {
    package var records: UInt64 = 0
    package var events: UInt64 = 0
    package var tally = EventTally()
    /// Events that named a process which was not known, and of these how many /proc could tell of.
    package var unknownProcesses: UInt64 = 0
    package var sketchedProcesses: UInt64 = 0
    /// Processes, cgroups, first sights and addresses with names that are kept now.
    package var knownProcesses: UInt64 = 0
    package var knownCgroups: UInt64 = 0
    package var knownTemplates: UInt64 = 0
    package var knownNames: UInt64 = 0
    /// Subjects with posture, facts of them, and events of subjects that there was no room for.
    package var knownSubjects: UInt64 = 0
    package var knownFacts: UInt64 = 0
    package var refusedSubjects: UInt64 = 0
    /// Subjects by how well they are known, as they were assessed last.
    package var convergence: [ConvergenceCount] = []
    /// Subjects that were let go.
    package var releasedSubjects: UInt64 = 0
    /// Subjects that are kept and that there was no room for since the start.
    package var waitingSubjects: UInt64 = 0
    /// Times that the clock jumped and was not believed at once.
    package var clockJumps: UInt64 = 0
    /// Of each, what had to go before its time.
    package var evictedProcesses: UInt64 = 0
    package var evictedCgroups: UInt64 = 0
    package var evictedTemplates: UInt64 = 0
    package var evictedNames: UInt64 = 0
    package var evictedDeeds: UInt64 = 0
    /// Cgroups that were there at the start and could not be read: what is below them is known when it does something.
    package var unreadCgroups: UInt64 = 0
    /// Lineages that were cut above an ended ancestor.
    package var shortenedLineages: UInt64 = 0
    /// Paths that were taken from the caller's string because the looks of this tick were used up.
    package var refusedResolutions: UInt64 = 0
    /// Events that wait for their workload now, what broke a habit and waits for a span that explains it, and what was done
    /// and waits for spans.
    package var waitingEvents: UInt64 = 0
    package var heldDeeds: UInt64 = 0
    package var keptDeeds: UInt64 = 0
    /// Events that were delivered at once though waiting might have told whose they were: too many waited.
    package var refusedWaits: UInt64 = 0
    /// Facts of what agents say that were not kept: too many waited for their workload.
    package var refusedFacts: UInt64 = 0
    /// Pods that have cgroups here, whoever knows of them, now.
    package var podsHere: UInt64 = 0
    /// Cgroups that live and are not watched, now.
    package var unwatchedCgroups: UInt64 = 0
    /// What came of them to the pipeline all the same and ended there: their processes' lives, and what was under way.
    package var unwatchedEvents: UInt64 = 0

    package init() {}
}
