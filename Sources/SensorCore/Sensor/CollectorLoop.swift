// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// What runs on the collecting thread: the kernel's side, the pipeline, the recording and the sinks. Never leaves it.
final class CollectorLoop {
    let configuration: CollectorConfiguration
    let kernel: KernelSession
    var sinks: [any EventSink & Sendable]
    var pipeline: Pipeline
    private let recording: RecordingWriter?
    var nextTick: UInt64
    /// When the recording was last known to be on disk up to its end, boot clock.
    private var lastFlush: UInt64 = 0
    /// The counts were left alone at the last tick: see `readCounts`.
    private var hasSkippedCounts = false
    /// Few of many counts had changed when they were last read.
    private var areCountsQuiet = false
    private var spans: InboxPortions?
    private var lastLosses = LossLedger()
    /// Lifecycle events that had been lost when processes were last seeded.
    private var lostLifecycle: UInt64 = 0
    private var lastUring: [Pipeline.UringOperation: UInt64] = [:]
    /// Creations of cgroups that had been lost when cgroups were last scanned.
    private var lostCgroups: UInt64 = 0
    /// The kernel's counts are being read: nothing of them can be forgotten meanwhile.
    private var isReadingCounts = false
    /// Cgroups that were gone at the last tick: nothing of them is under way any more.
    private var goneCgroups: Set<UInt64> = []
    /// Cgroups that are not watched any more, and those for which that was so at the last tick: nothing is under way there.
    private var unwatched: (fresh: Set<UInt64>, settled: Set<UInt64>) = ([], [])
    private var unenforcedCgroups: UInt64 = 0
    private var pending = PendingRecords()
    var outgoing: OutgoingEvents
    /// nil: there are no limits to be held.
    var governor: OverloadGovernor?
    /// Since the governor looked last; when it looks again, and when memory is given back again, boot clock.
    var busy = BusyCgroups()
    var nextLook: UInt64 = 0
    var nextTrim: UInt64 = 0
    /// When what is urgent is looked at again, boot clock, and how long the journal has been waited for so.
    private var urgency: (due: UInt64, pause: UInt64) = (0, 0)
    /// Somebody has announced a call.
    private var isHearing = false
    /// Of the socket server.
    private var knownAnswers: UInt64 = 0
    private var takeOver: TakeOverReport?
    private(set) var trouble: String?
    /// Few: each has its cause in it, and nothing of the moment.
    private var toldTroubles: Set<String> = []

    /// Loads and attaches; seeds cgroups and processes.
    init(_ configuration: CollectorConfiguration, sinks: [any EventSink & Sendable]) throws(CollectorError) {
        self.configuration = configuration
        self.sinks = sinks
        spans = configuration.spans.map { InboxPortions($0, size: Self.spansOfPass) }
        outgoing = OutgoingEvents(
            configuration.deliveredEvents ?? EventChoice(),
            credentials: configuration.pipeline.profiles.credentials, stream: configuration.streamID)
        do throws(KernelError) {
            kernel = try KernelSession(settings: configuration.kernel, loaded: configuration.loaded)
        } catch { throw .kernel(error) }
        let session = Session(
            bootID: ProcFile.bootID, streamID: configuration.streamID, node: configuration.node,
            hierarchy: Self.hierarchyID(kernel.cgroups), pid: UInt32(getpid()),
            root: configuration.kernel.scopeOnly ? configuration.scope.roots.first ?? 0 : 0, clock: .now())
        let host = LiveHostView(cgroupRoot: kernel.cgroups.tracked)
        if let path = configuration.recording {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw .recording(path: path, errno: errno) }
            let writer = RecordingWriter(
                descriptor: descriptor, session: session, redactor: configuration.pipeline.redactor)
            recording = writer
            pipeline = Pipeline(
                session: session, host: RecordingHostView(host, writer: writer), configuration: configuration.pipeline)
        } else {
            recording = nil
            pipeline = Pipeline(session: session, host: host, configuration: configuration.pipeline)
        }
        governor = configuration.overload.map { OverloadGovernor($0, processors: OverloadMeter.processors) }
        nextTick = session.clock.boot &+ configuration.tick
        if let journal = configuration.journal { pipeline.restore(journal.takeRestored()) }
        do throws(KernelError) { try attach() } catch { throw .kernel(error) }
        if let kept = configuration.keptCapabilities {
            do throws(SystemError) { try Privileges.keep(kept) } catch { note("\(error)") }
        }
    }

    private func attach() throws(KernelError) {
        kernel.setEnabledKinds(configuration.enabledKinds)
        kernel.setStream(configuration.stream, kinds: configuration.streamedKinds)
        for pid in configuration.scope.processes { try kernel.addScope(process: pid, descendants: false) }
        for pid in configuration.scope.roots { try kernel.addScope(process: pid, descendants: true) }
        for id in configuration.scope.cgroups { try kernel.addScope(cgroup: id) }
        // Before any cgroup is known: then each is decided once.
        if !configuration.watch.isEmpty { consume(.watch(configuration.watch)) }
        pipeline.stream(configuration.streamedWorkloads)
        // Before any cgroup is known: the pods that own them will be.
        if configuration.followsCluster { consume(.cluster([.stale])) }
        // First the hooks, then what was there before: nothing falls between.
        try kernel.attach()
        pipeline.profiles.hooks = HookCoverage(kernel.programs)
        consume(.scanCgroups)
        do throws(KernelError) {
            try kernel.readRunningProcesses { record($0) }
        } catch {
            consume(.scanProcesses)
        }
        try takeOverGathered()
        deliver()
        recording?.flush()
    }

    /// By now those are known who live: what the run before has left can be told of them.
    private func takeOverGathered() throws(KernelError) {
        guard let found = kernel.takeOver else { return }
        var report: TakeOverReport
        switch found {
        case .replaced(let since, let why):
            report = TakeOverReport(state: .blind, from: since, to: KernelSession.bootTime(), why: why)
        case .taken(let since, let isLeft):
            var records: UInt64 = 0
            isReadingCounts = true
            defer { isReadingCounts = false }
            try kernel.takeGathered(
                records: {
                    records += 1
                    record($0)
                },
                isKnown: { pipeline.knows($0) }, { tell($0) })
            readLosses()
            var lost = lastLosses.counts.filter(\.key.isLost)
            if lastLosses.overflow > 0 {
                lost[LossLedger.Key(cgroup: 0, hook: 0, reason: 0, kind: 0)] = lastLosses.overflow
            }
            let state: TakeOverReport.State = !isLeft ? .killed : lost.isEmpty ? .complete : .lossy
            report = TakeOverReport(
                state: state, from: since, to: KernelSession.bootTime(), records: records, lost: lost,
                why: isLeft
                    ? "nobody read what the programs told; it was kept, and has been read"
                    : "the sensor was killed; what the programs told after it was kept, and has been read")
        }
        pipeline.takenOver(report)
        takeOver = report
    }

    private func tell(_ change: CountChange) {
        if configuration.readsCounts, change.difference.count > 0 {
            if governor != nil { busy.count(change.key.cgroup) }
            consume(.count(CountDelta(change)))
        }
        if change.isEvicted { consume(.forgotten(change.key)) }
    }

    /// Collects until `isStopping`, which is asked after each interruption.
    func run(_ isStopping: (CollectorLoop) -> Bool) {
        while true {
            let wakeup = kernel.wait(until: nextTurn)
            let began = KernelSession.bootTime()
            let count = pass()
            // What was done until then has come, unless there was more than one pass takes.
            if began >= pipeline.nextDeadline, !kernel.isBehind || began &- pipeline.nextDeadline > Self.patience {
                settle(at: began)
            }
            askIfAwaited()
            let now = KernelSession.bootTime()
            if now >= nextTick { tick() }
            watchLoadIfDue()
            if outgoing.hasUrgent, now >= urgency.due { writeUrgent(at: now) }
            flushRecording(isQuiet: count == 0, now: now)
            if wakeup == .interrupted, isStopping(self) { return }
        }
    }

    /// Where spans are left for the next pass that comes at once, but whoever uses the waker is heard in between.
    private var nextTurn: UInt64 {
        let urgent = outgoing.hasUrgent ? urgency.due : .max
        let look = governor == nil ? UInt64.max : nextLook
        let next = hasSpans ? 0 : min(nextTick, pipeline.nextDeadline, urgent, look)
        return max(next, KernelSession.bootTime() &+ 1_000_000)
    }

    /// Takes the programs off, or leaves them to whoever is next where they are pinned; then what is left of this run:
    /// records, counts, losses.
    func finish() -> CollectorSummary {
        if !leave() { kernel.detach() }
        if let left = kernel.leftPinned { note("the programs stay attached, since they cannot be unpinned: \(left)") }
        while pass() > 0 || hasSpans {}
        areCountsQuiet = false
        tick()
        settle(at: .max)
        // The last calls' records may have found no room.
        readPendingLosses()
        reportLosses()
        noteRecording(recording?.finish())
        if let journal = configuration.journal {
            journal.write(withPending(pipeline.takePosture(all: true)))
            if !journal.finish() { note("posture is not kept: \(journal.status.trouble ?? "the disk takes nothing")") }
        }
        for sink in sinks { sink.finish() }
        return summary()
    }

    /// False: programs are not pinned, or cannot be left.
    private func leave() -> Bool {
        guard configuration.kernel.pinDirectory != nil else { return false }
        isReadingCounts = true
        defer { isReadingCounts = false }
        do throws(KernelError) {
            try kernel.leave(records: { record($0) }, { tell($0) })
            return true
        } catch {
            note("counts: \(error)")
            return false
        }
    }

    func summary() -> CollectorSummary {
        var summary = CollectorSummary()
        summary.losses = pipeline.ledger
        summary.statistics = pipeline.statistics
        summary.uringOperations = pipeline.uringOperations
        summary.unenforcedCgroups = unenforcedCgroups
        summary.programs = kernel.programs
        summary.image = kernel.image.rawValue
        summary.takeOver = takeOver
        summary.seesPartOfCgroups = kernel.cgroups.isPartial
        summary.trouble = trouble
        summary.queues = outgoing.queues + [pending.queue]
        summary.overload = governor.map(OverloadStatus.init)
        return summary
    }

    // MARK: Passes and ticks

    /// So long what has waited long enough waits for the rings to be emptied (ns).
    private static let patience: UInt64 = 100_000_000

    @discardableResult
    private func pass() -> Int {
        takeCalls()
        let count = kernel.drain { record($0) }
        takeSpans()
        deliver()
        return count
    }

    /// Hands on all that the kernel had written when this was called, however much more comes meanwhile.
    func catchUp() {
        kernel.drainPresent { record($0) }
        // What waits for the socket server to look has been written, too.
        let until = KernelSession.bootTime() &+ Self.hearingTime
        while pipeline.awaitsHearing, KernelSession.bootTime() < until {
            askIfAwaited()
            configuration.hearing?.wait(milliseconds: Int32(Self.hearingTime / 1_000_000))
            takeCalls()
        }
        deliver()
    }

    /// So long whoever wants all of it waits for the socket server (ns).
    private static let hearingTime: UInt64 = 50_000_000

    /// As soon as nothing more comes, and at least each second: a kill -9 takes no more than that from a recording.
    private func flushRecording(isQuiet: Bool, now: UInt64) {
        guard let recording, isQuiet || now &- lastFlush >= 1_000_000_000 else { return }
        lastFlush = now
        recording.flush()
    }

    /// Before each record: what was done after a call's ack was done with that call open, whether the kernel names it or not.
    private func takeCalls() {
        guard let inbox = configuration.calls else { return }
        // What it had heard by then is in the inbox.
        let heard = isHearing ? configuration.hearing?.answer(after: &knownAnswers) : nil
        for change in inbox.take() {
            if !isHearing, configuration.hearing != nil {
                isHearing = true
                consume(.heard(HeardTimes()))
            }
            consume(.call(change))
        }
        if let heard { consume(.heard(heard)) }
    }

    private func askIfAwaited() {
        if pipeline.awaitsHearing { configuration.hearing?.ask() }
    }

    /// A client may send thousands at once, and each takes a while: the rings are emptied in between.
    private func takeSpans() {
        for change in spans?.take() ?? [] { consume(.call(change)) }
    }

    private var hasSpans: Bool { spans?.hasMore ?? false }
    private static let spansOfPass = 64

    private func record(_ view: borrowing RecordView) {
        takeCalls()
        if governor != nil { busy.count(view.header.key.cgroup) }
        pipeline.record(view)
        recording?.record(view.bytes)
        askIfAwaited()
        guard pipeline.eventCount >= configuration.batch else { return }
        deliver()
        // A pass of a flood is long.
        watchLoadIfDue()
    }

    private func consume(_ input: Input) {
        pipeline.consume(input)
        recording?.write(input)
        if pipeline.eventCount >= configuration.batch { deliver() }
    }

    private func deliver() {
        for change in pipeline.takeWatchChanges() { enforce(change) }
        enforceStream()
        for change in pipeline.takeDetailChanges() { _ = kernel.setDetail(change.detail, cgroup: change.cgroup) }
        if pipeline.hasUnforgotten, !isReadingCounts { forgetUnkept() }
        defer { deliverRecords() }
        guard pipeline.eventCount > 0 else { return }
        let events = pipeline.takeEvents()
        for sink in sinks { sink.receive(events) }
        if configuration.journal != nil {
            for event in events where event.kind == .anomalyState {
                pending.append(pipeline.content(of: event), .anomalyState, of: event.workload)
            }
            outgoing.note(events, lowered: pipeline.lowered.subjects)
        }
        pipeline.reuse(consume events)
    }

    private func deliverRecords() {
        guard pipeline.hasCallRecords else { return }
        let records = pipeline.takeCallRecords()
        guard configuration.journal != nil else {
            for sink in sinks { sink.receive(records) }
            return
        }
        // Whoever takes the stream gets them there.
        for sink in sinks where !(sink is any RecordSink) { sink.receive(records) }
        for record in records { pending.append(pipeline.content(of: record), .toolCallEnd, of: record.workload) }
        // Before the tick, where there are many.
        if pending.isHalfFull, let journal = configuration.journal, journal.isReady() {
            journal.write(withPending())
        }
    }

    /// With what nobody can make anew, which comes first, and with events.
    private func withPending(_ batch: JournalBatch = JournalBatch()) -> JournalBatch {
        var batch = batch
        let (urgent, others) = pending.take()
        batch.urgent += urgent
        batch.records = others + batch.records
        let (portions, dropped) = outgoing.take()
        for portion in portions { batch.events.append(pipeline.record(of: portion)) }
        batch.droppedEvents = dropped
        return batch
    }

    /// What is urgent does not wait for the tick, but for the journal: at first 10 ms a time, and then less often.
    private func writeUrgent(at now: UInt64) {
        guard let journal = configuration.journal else { return }
        if journal.isReady() {
            urgency = (0, 0)
            return journal.write(withPending())
        }
        let pause = min(max(2 * urgency.pause, 10_000_000), 1_000_000_000)
        urgency = (now &+ pause, pause)
    }

    private func readPendingLosses() {
        for loss in pending.takeLost() {
            consume(
                .loss(
                    LossLedger.Key(
                        cgroup: pipeline.cgroup(of: loss.workload) ?? 0, hook: Via.daemon.rawValue,
                        reason: LossReason.daemonLimit.rawValue, kind: loss.kind.rawValue),
                    count: loss.count))
        }
    }

    /// The kernel forgets what there was no room to keep: counted there, it could not be told here.
    private func forgetUnkept() {
        for change in kernel.forget(pipeline.takeUnforgotten()) {
            if configuration.readsCounts, change.difference.count > 0 { consume(.count(CountDelta(change))) }
            consume(.forgotten(change.key))
        }
    }

    /// What the API server's side has told.
    func apply(_ changes: [ClusterChange]) {
        consume(.cluster(changes))
        deliver()
    }

    /// From now on these workloads are watched, none: all of them.
    ///
    /// - Parameter selectors: which can be read.
    func watch(_ selectors: [String]) {
        consume(.watch(selectors))
        deliver()
    }

    private func enforce(_ change: WatchChange) {
        if !kernel.setWatched(change.isWatched, cgroup: change.cgroup) { unenforcedCgroups += 1 }
        if change.isWatched {
            unwatched.fresh.remove(change.cgroup)
            unwatched.settled.remove(change.cgroup)
        } else {
            unwatched.fresh.insert(change.cgroup)
        }
    }

    /// From now on this is streamed.
    func setStream(_ stream: KernelSession.Stream, kinds: UInt64, workloads: [WorkloadFilter]) {
        pipeline.stream(stream == .all ? workloads : [])
        enforceStream()
        kernel.setStream(stream, kinds: kinds)
    }

    /// Where the kernel has no room for it, more is sent than tails ask for: their own filters hold it back.
    private func enforceStream() {
        for change in pipeline.takeStreamChanges() { _ = kernel.setStreamed(change.isStreamed, cgroup: change.cgroup) }
    }

    private func settle(at time: UInt64) {
        consume(.settle(time))
        deliver()
    }

    /// Reads counts and losses now, whatever time it is.
    func tick() {
        let clock = ClockReading.now()
        // A late tick does not bring on others.
        nextTick = clock.boot &+ tickInterval
        consume(.tick(clock))
        pipeline.noteLowered()
        // What is forgotten below has been read before.
        if !unwatched.fresh.isEmpty || !unwatched.settled.isEmpty { areCountsQuiet = false }
        if configuration.readsCounts { readCounts() }
        // What was told at the tick before has been written by now: whoever comes after a kill tells some twice, and none never.
        kernel.keepLosses()
        readLosses()
        readPendingLosses()
        seedAgainIfNeeded()
        forgetGoneCgroups()
        if !unwatched.settled.isEmpty { kernel.forgetActivity(of: unwatched.settled) }
        unwatched = ([], unwatched.fresh)
        recording?.flush()
        noteRecording(recording?.failure)
        deliver()
        reportLosses()
        // What the disk has no time for is told later, and then as it is by then.
        guard let journal = configuration.journal, journal.isReady() else { return }
        pipeline.restore(journal.takeReread())
        journal.write(withPending(pipeline.takePosture()))
    }

    private func forgetGoneCgroups() {
        if !goneCgroups.isEmpty {
            kernel.forget(cgroups: goneCgroups)
            lastLosses.fold(goneCgroups)
            lastUring.fold(goneCgroups)
        }
        goneCgroups = Set(pipeline.takeRemovedCgroups())
    }

    private func reportLosses() {
        guard let report = pipeline.takeLossReport() else { return }
        for sink in sinks { sink.receive(report) }
    }

    /// Reading costs by the entry, changed or not: of a machine where next to nothing happens, which still has many,
    /// that is most of what the sensor costs. There every second tick has to do.
    private func readCounts() {
        hasSkippedCounts = areCountsQuiet && !hasSkippedCounts
        if hasSkippedCounts { return }
        isReadingCounts = true
        defer { isReadingCounts = false }
        do throws(KernelError) {
            let summary = try kernel.readCounts(records: { record($0) }) { tell($0) }
            areCountsQuiet = summary.isQuiet
        } catch { note("counts: \(error)") }
    }

    /// Brings the ledger up to date.
    func readLosses() {
        do throws(KernelError) {
            let losses = try kernel.readLosses()
            for (key, count) in losses.counts { addLoss(key, count &- (lastLosses.counts[key] ?? 0)) }
            addLoss(LossLedger.Key(cgroup: 0, hook: 0, reason: 0, kind: 0), losses.overflow &- lastLosses.overflow)
            lastLosses = losses
            for row in try kernel.readBlindOperations() {
                let operation = Pipeline.UringOperation(cgroup: row.cgroup, opcode: row.opcode)
                let before = lastUring.updateValue(row.count, forKey: operation) ?? 0
                guard row.count > before else { continue }
                consume(
                    .uring(
                        sensor_uring_key(cgroup: row.cgroup, opcode: row.opcode, reserved: 0),
                        count: row.count - before))
            }
        } catch { note("losses: \(error)") }
    }

    /// A lost exec or fork makes identities doubtful: the kernel's own list of processes mends them. So does a scan for
    /// cgroups whose creation was lost.
    private func seedAgainIfNeeded() {
        let lostCreations = pipeline.ledger.lost(of: [EventKind.cgroupCreated.rawValue])
        if lostCreations > lostCgroups {
            lostCgroups = lostCreations
            consume(.scanCgroups)
        }
        let lost = pipeline.ledger.lost(of: Self.lifecycleKinds)
        guard lost > lostLifecycle else { return }
        lostLifecycle = lost
        do throws(KernelError) {
            try kernel.readRunningProcesses { record($0) }
        } catch {
            consume(.scanProcesses)
        }
    }

    private static let lifecycleKinds = [
        EventKind.processExec.rawValue, EventKind.processFork.rawValue, EventKind.processExit.rawValue,
    ]

    private func addLoss(_ key: LossLedger.Key, _ count: UInt64) {
        // A map entry that was read while another came may be smaller for once.
        guard count > 0, count < 1 << 62 else { return }
        consume(.loss(key, count: count))
    }

    private func note(_ trouble: String) {
        if self.trouble == nil { self.trouble = trouble }
        guard toldTroubles.insert(trouble).inserted else { return }
        for sink in sinks { sink.receive(trouble: trouble) }
    }

    /// - Parameter number: errno of what went wrong with it, if anything did.
    private func noteRecording(_ number: Int32?) {
        guard let number, let path = configuration.recording else { return }
        note("the recording is not whole: \(SystemError("write \(path)", number: number))")
    }

    // MARK: What is fixed

    /// The number that /proc/cgroups has for the tracked controller's tree; 0 for the unified one.
    private static func hierarchyID(_ cgroups: CgroupHierarchy) -> Int32 {
        guard let controller = cgroups.controller else { return 0 }
        for line in (ProcFile.text("/proc/cgroups") ?? "").split(separator: "\n") {
            let fields = line.split(whereSeparator: \.isWhitespace)
            if fields.count >= 2, fields[0] == controller { return Int32(fields[1]) ?? 0 }
        }
        return 0
    }
}

extension CountDelta {
    fileprivate init(_ change: CountChange) {
        self.init(
            key: change.key, count: change.difference.count, sent: change.difference.sent,
            received: change.difference.received)
    }
}
