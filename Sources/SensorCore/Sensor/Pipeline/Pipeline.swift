// SPDX-License-Identifier: Apache-2.0

package import CSensorBPF

/// From what comes out of the kernel to events: each record gets its process, then its workload, then its content.
///
/// Used by one thread. Reads no clock and no file: what it wants to know of the machine it asks its `HostView`.
package struct Pipeline: ~Copyable {
    package let session: Session
    package private(set) var ledger: LossLedger
    /// io_uring operations that nobody decodes, by cgroup.
    package private(set) var uringOperations: [UringOperation: UInt64] = [:]

    var processes: ProcessTable
    var cgroups: CgroupTable
    var names: PeerNames
    var resolver: PathResolver
    let host: any HostView
    var sketchesLeft: Int
    let configuration: PipelineConfiguration
    /// What the operator's map says of programs, by workload and program.
    var mappedPrograms: [MappedProgram: WorkloadDescription?] = [:]
    var calls = CallTable()
    var spans: SpanTable
    /// By purpose and namespace.
    var digestKeys: [String: DigestKeys.Key] = [:]
    var habits = HabitTable()
    var heldDeeds = HeldDeeds()
    var profiles: ProfileTable
    var node: ToldNode
    /// Of workloads that are not known yet.
    var awaitedFacts = AwaitedFacts()
    var awaitedLosses: [(workload: Workload, loss: AwaitedLoss)] = []
    /// What less is told of.
    var lowered = LoweredDetail()
    var gate = AnomalyGate()
    var effects = EffectTable()
    var callRecords: [ToolCallRecord] = []
    /// Of the record that was made last of what calls and anomalies are told in.
    var latestHead: (workload: WorkloadDescription, time: UInt64, head: RecordHead)?
    /// Ends of calls, in the order in which they became known.
    var untoldEnds: [(call: ToolCall, end: CallEnd)] = []
    /// Up to when it is known which calls have ended, and what waits for that.
    var heard = HeardTimes.always
    var unheard = UnheardOccurrences()
    /// Workloads of which something was lost since the tick, 0: nobody knows whose; and when the tick before that was.
    var lostEffects: Set<UInt64> = []
    var tickBefore: UInt64 = 0
    /// Of the counts that are told all that is new is newer than this: they are read each second tick at least.
    var countedSince: UInt64 = 0
    /// Sets of calls that have all ended, since the last tick and in the one before that.
    var settledSets: (fresh: [UInt32], late: [UInt32]) = ([], [])
    var templates: TemplateTable
    private var waiting: WaitingEvents
    var clock: ClockReading
    var told: ToldLosses
    private var events: [Event] = []
    private var sequence: UInt64 = 0
    private var notedEvictions: (processes: UInt64, cgroups: UInt64) = (0, 0)
    var counters = PipelineStatistics()
    var tally = EventTally()
    var removedCgroups: [UInt64] = []
    /// Cgroups that were removed since the last tick, in the tick before that, and in the one before that.
    var goneCgroups: (fresh: Set<UInt64>, late: Set<UInt64>, settled: Set<UInt64>) = ([], [], [])

    package struct UringOperation: Hashable, Sendable {
        package var cgroup: UInt64
        package var opcode: UInt32
    }

    package init(session: Session, host: any HostView, configuration: PipelineConfiguration = .init()) {
        self.session = session
        self.host = host
        self.configuration = configuration
        clock = session.clock
        told = ToldLosses(time: clock.wall(clock.boot))
        ledger = LossLedger(capacity: configuration.lossRows)
        processes = ProcessTable(bootID: session.bootID, limits: configuration.processes)
        processes.wallOffset = session.clock.wallOffset
        cgroups = CgroupTable(
            host: host, limits: configuration.cgroups, node: session.node, trustDomain: configuration.trustDomain,
            map: configuration.workloadMap)
        cgroups.trees = PodTrees(own: nil, below: configuration.podsBelow)
        waiting = WaitingEvents(
            limits: .init(
                time: configuration.waitingTime, events: configuration.waitingEvents,
                bytes: configuration.waitingEvents * configuration.bytesPerWaitingEvent))
        node = ToldNode(start: clock.wall(clock.boot))
        spans = SpanTable(since: session.clock.boot)
        profiles = ProfileTable(
            limits: configuration.profiles, seed: configuration.seed, stream: session.streamID, clock: session.clock)
        names = PeerNames(capacity: configuration.peerNames)
        resolver = PathResolver(host: host, limit: configuration.resolutions)
        sketchesLeft = configuration.sketches
        templates = TemplateTable(
            capacity: configuration.templates, byteLimit: configuration.templates * configuration.bytesPerTemplate)
    }

    /// The cgroup that the sensor itself runs in, below the tracked hierarchy's root; nil if that cannot be told.
    private var ownCgroup: ByteString? {
        guard session.pid != 0, let bytes = host.answer(.file(pid: session.pid, .cgroup)).bytes else { return nil }
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            // hierarchy:controllers:path, and the path may have colons
            let fields = line.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3, let number = Int32(String(decoding: fields[0], as: UTF8.self)),
                number == session.hierarchy, fields[2].count > 1
            else { continue }
            return ByteString(Array(fields[2]))
        }
        return nil
    }

    /// The events since the last call, in the order of the stream, but for those that had to wait for their workload:
    /// these come when it is known.
    package mutating func takeEvents() -> [Event] {
        var taken: [Event] = []
        swap(&taken, &events)
        return taken
    }

    /// Takes back, for the events to come, the memory of events that were taken. A batch of them is large enough for
    /// malloc to map it anew each time otherwise, and faulting that in costs more than filling it.
    package mutating func reuse(_ taken: consuming [Event]) {
        guard events.isEmpty, taken.capacity <= Self.reusableEvents else { return }
        taken.removeAll(keepingCapacity: true)
        events = taken
    }

    private static let reusableEvents = 4096

    /// Events that wait to be taken.
    package var eventCount: Int { events.count }

    /// When events that wait for their workload, or for what their agent has said, ends of calls, calls that were told of after
    /// the fact, or what was done without one, have waited long enough, boot clock; the end of time if none waits.
    package var nextDeadline: UInt64 {
        min(
            waiting.nextDeadline, unheard.nextDeadline, spans.nextDeadline, heldDeeds.nextDeadline,
            untoldEnds.first?.end.arrival ?? .max)
    }

    /// Whether `takeUnforgotten` has something.
    package var hasUnforgotten: Bool { templates.hasUnforgotten }

    /// What the kernel is to forget since there was no room to keep what it was. For each of them `count` is to be told
    /// what was counted until then, and `forget` that it is done.
    package mutating func takeUnforgotten() -> [sensor_key] { templates.takeUnforgotten().map(\.kernelKey) }

    /// Whether it is known what the kernel counts for a key.
    package mutating func knows(_ key: sensor_key) -> Bool { templates.use(MemoryKey(key)) != nil }

    /// Cgroups that were removed since the last call.
    package mutating func takeRemovedCgroups() -> [UInt64] {
        defer { removedCgroups = [] }
        return removedCgroups
    }

    package var statistics: PipelineStatistics {
        var statistics = counters
        statistics.events = sequence
        statistics.tally = tally
        statistics.convergence = profiles.convergence
        statistics.waitingEvents = UInt64(waiting.count)
        statistics.knownProcesses = UInt64(processes.count)
        statistics.knownCgroups = UInt64(cgroups.count)
        statistics.knownTemplates = UInt64(templates.count)
        statistics.knownNames = UInt64(names.count)
        statistics.knownSubjects = UInt64(profiles.count)
        statistics.knownFacts = UInt64(profiles.factCount)
        statistics.refusedSubjects = profiles.refused
        statistics.releasedSubjects = profiles.released
        statistics.waitingSubjects = UInt64(profiles.waitingCount)
        statistics.clockJumps = profiles.clock.jumps
        statistics.refusedFacts = awaitedFacts.refused
        statistics.evictedProcesses = processes.evicted
        statistics.shortenedLineages = processes.shortened
        statistics.evictedCgroups = cgroups.evicted
        statistics.unreadCgroups = cgroups.unread
        statistics.podsHere = UInt64(cgroups.podCount)
        statistics.unwatchedCgroups = UInt64(cgroups.unwatchedCount)
        statistics.evictedTemplates = templates.evicted
        statistics.evictedNames = names.evicted
        statistics.evictedDeeds = heldDeeds.evicted
        statistics.heldDeeds = UInt64(heldDeeds.count)
        statistics.keptDeeds = UInt64(spans.keptDeeds)
        statistics.refusedResolutions = resolver.refused
        return statistics
    }

    // MARK: Inputs

    package mutating func consume(_ input: Input) {
        switch input {
        case .record(let bytes): record(bytes)
        case .count(let delta): count(delta)
        case .loss(let key, let count): loss(key, count: count)
        case .uring(let key, let count): uring(key, count: count)
        case .forgotten(let key): forget(key)
        case .tick(let clock): tick(clock)
        case .scanCgroups:
            cgroups.trees = PodTrees(own: ownCgroup, below: configuration.podsBelow)
            cgroups.scan()
        case .scanProcesses: scanProcesses()
        case .cluster(let changes): cluster(changes)
        case .watch(let selectors): watch(selectors)
        case .call(let change): call(change)
        case .heard(let times): hear(times)
        case .settle(let time):
            tellUnheard(by: time)
            tellEnds(by: time)
            settle(at: time)
            settleSpans(at: time)
            judgeHeldDeeds(at: time)
            if time == .max { finishCalls() }
        }
    }

    /// A record that is one: its lengths are checked.
    package mutating func record(_ view: borrowing RecordView) {
        counters.records += 1
        if !untoldEnds.isEmpty { tellEnds(by: max(view.header.time, 1) - 1) }
        decode(view)
    }

    /// A record's bytes, as a recording has them: what is no record is counted.
    package mutating func record(_ bytes: [UInt8]) {
        let bytes = bytes.span.bytes
        switch Self.view(bytes) {
        case .some(let view): record(view)
        case .none: blame(bytes)
        }
    }

    /// Tells what the kernel counted for a key as an event like its first sight.
    package mutating func count(_ delta: CountDelta) {
        guard delta.count != 0 else { return }
        let key = MemoryKey(delta.key)
        tellUnheard(key)
        guard var template = templates.use(key) else {
            lose(delta.key, .daemonLimit, count: delta.count)
            noteLoss(of: delta.key.cgroup)
            templates.disown(key)
            return
        }
        if template.subject.description.isUnknown, !template.subject.isAwaited {
            // Its cgroup may have been found since; one that has been forgotten is no better known than it was.
            let workload = cgroups.workload(of: delta.key.cgroup, pid: 0)
            if workload.isAwaited || !workload.description.isUnknown {
                template.subject = EventSubject(workload: workload)
                template.facts = FactPlaces()
            }
        }
        var detail = template.detail
        if case .network(var network) = detail {
            if network.bytesSent != nil || delta.sent != 0 { network.bytesSent = delta.sent }
            if network.bytesReceived != nil || delta.received != 0 { network.bytesReceived = delta.received }
            network.duration = nil
            detail = .network(network)
        }
        append(
            kind: template.kind, via: template.via, time: clock.boot, count: delta.count, flags: 0, isLate: true,
            process: template.process, threadID: 0, subject: template.subject, detail: detail,
            errorNumber: template.errorNumber, toolCall: joined(key, template, since: template.toldAt),
            facts: &template.facts)
        templates.told(key, at: clock.boot, template.facts)
    }

    package mutating func loss(_ key: LossLedger.Key, count: UInt64) {
        if key.isLost { noteLoss(of: key.cgroup) }
        if key.hook == Via.uringSubmit.rawValue, key.reason == LossReason.memoryFull.rawValue {
            // There was no room to say which operation it was: blind it is all the same.
            uring(
                sensor_uring_key(cgroup: key.cgroup, opcode: UringOperationNames.others, reserved: 0), count: count)
        } else {
            ledger.add(key, count: count)
        }
    }

    package mutating func uring(_ key: sensor_uring_key, count: UInt64) {
        let operation = UringOperation(cgroup: key.cgroup, opcode: key.opcode)
        if uringOperations[operation] == nil, uringOperations.count >= configuration.lossRows {
            uringOperations[UringOperation(cgroup: 0, opcode: key.opcode), default: 0] &+= count
        } else {
            uringOperations[operation, default: 0] &+= count
        }
    }

    package mutating func forget(_ key: sensor_key) {
        templates.remove(MemoryKey(key))
    }

    package mutating func tick(_ clock: ClockReading) {
        settleCalls(at: clock.boot)
        (countedSince, tickBefore) = (tickBefore, self.clock.boot)
        let elapsed = clock.boot - min(clock.boot, self.clock.boot)
        self.clock = clock
        profiles.tick(clock)
        cgroups.forEachRunning { workload in
            guard configuration.learnsProfiles, workload.isWatched else { return }
            profiles.observe(
                workload.description, elapsed: elapsed, announcesCalls: workload.announcesCalls,
                sendsSpans: workload.sendsSpans)
        }
        processes.wallOffset = clock.wallOffset
        processes.tick(at: clock.boot)
        cgroups.tick(at: clock.boot)
        resolver.tick()
        sketchesLeft = configuration.sketches
        noteEvictions()
        forgetGoneCgroups()
        noteAwaitedFacts()
        noteAwaitedLosses()
        calls.tick(at: clock.boot)
        habits.tick(at: clock.boot)
        tellOverdueAnomalies(at: clock.boot)
        spans.tick(at: clock.boot)
        forgetSettledSets()
    }

    /// What the kernel remembers of calls that have ended is of no more use. By the second tick no program holds it.
    private mutating func forgetSettledSets() {
        templates.disown(sets: Set(settledSets.late))
        settledSets = ([], settledSets.fresh)
    }

    /// By the third tick all has been told that was lost in a cgroup before it was removed, and the kernel has forgotten
    /// it. Whoever is to come needs its rows.
    private mutating func forgetGoneCgroups() {
        let gone = goneCgroups.settled
        goneCgroups = ([], goneCgroups.fresh, goneCgroups.late)
        if gone.isEmpty { return }
        templates.remove(cgroups: gone)
        ledger.fold(gone)
        uringOperations.fold(gone)
        told.ledger.fold(gone)
        told.uringOperations.fold(gone)
    }

    /// What had to go while it may have been in use makes later events poorer: that belongs in the ledger, too.
    private mutating func noteEvictions() {
        let evictions = (processes: processes.evicted, cgroups: cgroups.evicted)
        for (count, kind) in [
            (evictions.processes - notedEvictions.processes, EventKind.processSeen),
            (evictions.cgroups - notedEvictions.cgroups, EventKind.cgroupCreated),
        ] {
            ledger.add(
                LossLedger.Key(
                    cgroup: 0, hook: Via.daemon.rawValue, reason: LossReason.daemonLimit.rawValue, kind: kind.rawValue),
                count: count)
        }
        notedEvictions = evictions
    }

    // MARK: Records

    private mutating func decode(_ view: borrowing RecordView) {
        let header = view.header
        guard let kind = EventKind(rawValue: view.kind) else { return }
        switch kind {
        case .processExec: executed(view, header)
        case .processFork: forked(view, header)
        case .processExit: exited(view, header)
        case .processSeen: seen(view, header)
        case .cgroupCreated, .cgroupRemoved: cgroupChanged(view, kind)
        case .fileOpen, .fileCreate, .fileDelete, .fileRename, .fileLink, .fileAttribute, .fileExecmap:
            file(view, header, kind)
        case .networkConnect, .networkSend, .networkListen, .networkAccept, .networkClose:
            network(view, header, kind)
        case .syscallFirst, .syscallNotable: syscall(view, header, kind)
        case .identityChange: identityChanged(view, header)
        case .dnsAnswer: answered(view, header)
        // The kernel tells of no such thing.
        case .toolCallBegin, .toolCallEnd, .context, .decision, .anomalyState: lose(header.key, .unknownRecord)
        }
    }

    /// Makes an event of a record, and keeps it for later counts if the kernel will count.
    ///
    /// - Parameter repeated: what repeats that are only counted are told as, where that is not `detail`.
    mutating func emit(
        _ kind: EventKind, _ header: sensor_header, process: TrackedProcess?, detail: EventDetail,
        repeated: EventDetail? = nil
    ) {
        emit(
            kind, header, process: process, workload: workload(header), detail: detail, repeated: repeated)
    }

    mutating func emit(
        _ kind: EventKind, _ header: sensor_header, process: TrackedProcess?, workload: Workload,
        detail: EventDetail, repeated: EventDetail? = nil, elapsed: UInt64 = 0
    ) {
        let occurrence = Occurrence(
            kind: kind, header: header, process: process, description: process?.description,
            subject: subject(process, workload), detail: detail, elapsed: elapsed)
        let toolCall = joined(header, process, workload, detail, elapsed: elapsed)
        if header.flags & UInt16(SENSOR_REMEMBERED) != 0 {
            templates.insert(
                MemoryKey(header.key),
                Template(
                    kind: kind, via: occurrence.via, errorNumber: occurrence.errorNumber,
                    process: occurrence.description, subject: occurrence.subject, detail: repeated ?? detail,
                    toolCall: toolCall, threadID: header.tid, isLate: occurrence.isLate, toldAt: header.time))
        }
        if toolCall == nil { tell(occurrence, nil) } else { tell(occurrence, toolCall, mayWait: true) }
    }

    /// Makes an event of it.
    mutating func tell(_ occurrence: Occurrence, _ toolCall: ToolCallReference?) {
        let header = occurrence.header
        let before = sequence
        var facts = FactPlaces()
        append(
            kind: occurrence.kind, via: occurrence.via, time: header.time, count: 1, flags: header.flags,
            isLate: occurrence.isLate, process: occurrence.description, threadID: header.tid,
            subject: occurrence.subject, detail: occurrence.detail, errorNumber: occurrence.errorNumber,
            toolCall: toolCall, facts: &facts)
        guard sequence != before else { return }
        if toolCall == nil { keepForSpans(before + 1, occurrence) }
        if occurrence.subject.workload.announcesCalls { judge(before + 1, occurrence, toolCall) }
    }

    private mutating func append(
        kind: EventKind, via: Via, time: UInt64, count: UInt64, flags: UInt16, isLate: Bool,
        process: ProcessDescription?, threadID: UInt32, subject: EventSubject, detail: EventDetail, errorNumber: Int32,
        toolCall: ToolCallReference?, facts: inout FactPlaces
    ) {
        guard let flags = wanted(flags, of: subject, count) else { return }
        sequence += 1
        let event = Event(
            sequence: sequence, time: clock.wall(time), bootTime: time, kind: kind, count: count,
            isFirstSeen: flags & UInt16(SENSOR_FIRST_SEEN) != 0,
            isRepeat: flags & UInt16(SENSOR_REPEATED) != 0,
            isStreamed: flags & UInt16(SENSOR_STREAMED) != 0, process: process, threadID: threadID,
            workload: subject.description, detail: detail, errorNumber: errorNumber, via: via, toolCall: toolCall)
        if subject.isAwaited {
            hold(event, subject)
        } else {
            if configuration.learnsProfiles { profiles.note(event, &facts) }
            tally.attribute(event)
            events.append(event)
        }
        tally.count(event, ofAgent: subject.workload.announcesCalls)
        if toolCall != nil { note(event, flags: flags, isLate: isLate, subject) }
    }

    // MARK: Late binding

    private mutating func hold(_ event: Event, _ subject: EventSubject) {
        settle(at: event.bootTime)
        if subject.isAwaited, waiting.add(event, of: subject.workload, isRuntimes: subject.isRuntimes) {
            subject.workload.isHeld = true
            return
        }
        if subject.isAwaited { counters.refusedWaits += 1 }
        deliver([event], of: subject.workload)
    }

    private mutating func cluster(_ changes: [ClusterChange]) {
        mappedPrograms = [:]
        for workload in cgroups.apply(changes) { release(workload) }
    }

    /// Lets go what has waited long enough.
    private mutating func settle(at time: UInt64) {
        for (workload, events) in waiting.expire(at: time) {
            cgroups.giveUp(workload)
            deliver(events, of: workload)
            cgroups.letGo(workload)
        }
    }

    /// Nothing more is awaited of a workload.
    mutating func release(_ workload: Workload) {
        deliver(waiting.release(workload), of: workload)
        cgroups.letGo(workload)
    }

    private mutating func deliver(_ held: [Event], of workload: Workload) {
        let late = wanted(held, of: workload)
        for event in late {
            if configuration.learnsProfiles { profiles.note(event) }
            tally.attribute(event)
        }
        events += late
    }

    mutating func workload(_ header: sensor_header) -> Workload {
        cgroups.workload(of: header.key.cgroup, pid: header.tgid)
    }

    mutating func lose(_ key: sensor_key, _ reason: LossReason, count: UInt64 = 1) {
        ledger.add(
            LossLedger.Key(cgroup: key.cgroup, hook: Via.daemon.rawValue, reason: reason.rawValue, kind: key.kind),
            count: count)
    }

    /// Counts bytes that are no record, as far as their header tells whose they were.
    private mutating func blame(_ bytes: RawSpan) {
        let key =
            bytes.byteCount < MemoryLayout<sensor_header>.size
            ? sensor_key() : unsafe bytes.unsafeLoadUnaligned(as: sensor_header.self).key
        lose(key, .badRecord)
    }

    @_lifetime(copy bytes)
    private static func view(_ bytes: RawSpan) -> RecordView? {
        try? RecordView(bytes)
    }
}

extension sensor_header {
    /// A tail's copy, which is counted with the repeats that it is one of.
    var isCopy: Bool {
        flags & UInt16(SENSOR_STREAMED) != 0 && flags & UInt16(SENSOR_FIRST_SEEN | SENSOR_REPEATED) == 0
    }
}
