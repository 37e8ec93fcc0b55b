// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import SensorCore
import ServiceLifecycle
import Synchronization

/// `sensord run`: collects until it is told to stop. For the main thread.
struct Daemon {
    private let settings: Settings
    private let reread: () throws -> Settings
    private let log: Logger

    /// - Parameter reread: the settings as their sources have them now.
    init(_ settings: Settings, reread: @escaping () throws -> Settings) {
        self.settings = settings
        self.reread = reread
        log = Logger(settings)
    }

    /// The process's exit status.
    func run() throws -> Int32 {
        let privileges = Privileges.current()
        // Before anything that may fail for the same reason, and would be told as something else.
        do throws(KernelError) {
            try privileges.requireLoading()
            try PidNamespace.requireInitial()
        } catch { throw CollectorError.kernel(error) }
        var restriction = Restriction(privileges, settings)
        // While there is one thread: those that come have no more than it.
        restriction.begin()
        let signals = try SignalSource([SIGTERM, SIGINT, SIGHUP])
        let attention = try WakeUp()
        // What it cannot start with is known before another daemon makes room for it.
        let endpoint = try APIEndpoint(settings, environment: Environment.inCluster)
        if endpoint != nil { try settings.requireNode(environment: Environment.inCluster) }
        let receivers = try ReconcilerSettings.all(settings, environment: Environment.proxies)
        var configuration = CollectorConfiguration(settings)
        // Then first of all, so that a second daemon takes nothing from the first, until that has ended.
        var standby = Standby(settings, log)
        let kernel = configuration.kernel
        var loaded: LoadedPrograms?
        guard let listener = try standby.listener(signals, restriction, rehearse: { loaded = try rehearse(kernel) })
        else { return ExitStatus.success }
        configuration.loaded = loaded
        defer { withExtendedLifetime((standby, listener)) {} }
        configuration.kernel.pinDirectory = standby.pinDirectory
        configuration.recording = settings.record
        if configuration.pipeline.digests == nil { configuration.pipeline.digests = nodeDigests() }
        configuration.followsCluster = endpoint != nil
        configuration.watch = settings.watch
        if settings.overload.processor != nil || settings.overload.memory != nil {
            configuration.overload = settings.overload
        }
        if receivers.contains(where: \.form.hasEvents) { configuration.deliveredEvents = settings.deliverEvents }
        let hub = TailHub()
        let writer = try self.writer(attention)
        let recent = RecentEvents(stream: configuration.streamID)
        let losses = LossLog(log, attention: attention)
        var sinks: [any EventSink] = [hub, recent, losses]
        let lines = writer.map { NDJSONSink(stream: configuration.streamID, writer: $0) }
        if let lines { sinks.append(lines) }
        let delivered = receivers.map { ReconcilerSink(name: $0.form.sinkName, endpoints: $0.urls.count) }
        var takers: [any RecordSink] = []
        if let lines { takers.append(lines) }
        takers += delivered
        let aside = delivered.map { SetAsideFiles(of: $0.name, in: settings.stateDirectory) }
        let (journal, journalError) = try self.journal(takers, aside, node: configuration.node)
        configuration.journal = journal
        configuration.pipeline.learnsProfiles = configuration.journal != nil

        let inbox = CallInbox()
        configuration.calls = inbox
        let hearing = try CallHearing()
        configuration.hearing = hearing
        let spans = CallInbox()
        configuration.spans = spans
        configuration.keptCapabilities = restriction.kept
        let collector = try Collector(configuration, sinks: sinks)
        // All that come from now on, those of the servers among them, have no more than what collecting needs.
        restriction.finish(log)
        let calls = try toolCalls(collector, inbox, hearing, configuration.pipeline.digests)
        let server = try ControlServer(
            listener: listener, stream: configuration.streamID, hub: hub, recent: recent,
            controller: CollectorStreams(collector),
            resend: delivered.isEmpty ? nil : journal.map(resending),
            limits: ControlServer.Limits(
                queueBytes: settings.limits.tailQueueBytes, tails: settings.limits.maximumTails))
        let background = try BackgroundServices(log: log, group: standby.services?.group)
        let receiver = traceReceiver(collector, spans, configuration.pipeline.digests)
        let traces = try traceServers(background, collector, receiver)
        start(
            background, traces, receiver, calls: calls, collector: collector, endpoint: endpoint,
            node: configuration.node, writer: writer, journal: journal,
            errors: (journal: journalError, privileges: restriction.error), delivered: delivered, standby: standby)
        // Ends after the collecting thread, which has the last records.
        let delivery = try BackgroundServices(log: log, group: background.group)
        if journal != nil {
            delivery.start(
                zip(receivers, delivered).map { service($0, $1, delivery, node: configuration.node) })
        }
        tellStart(collector, stream: configuration.streamID)

        var reload = Reload(running: settings, log: log, reread: reread)
        if standby.isToReload { reload.run(collector) }
        let signal = wait(signals, attention, writer, losses) { reload.run(collector) }
        let reason = signal.map { ExitDetail(code: 0, signal: $0).signalName } ?? "nobody reads the records any more"
        log.info("stopping", metadata: ["reason": "\(reason)"])
        calls.stop()
        server.stop()
        background.stop()
        standby.services?.stop()
        let summary = collector.stop()
        delivery.stop()
        losses.tell(isEnd: true)
        tellEnd(summary, writer)
        if signal == SIGINT { return ExitStatus.interrupted }
        let isWritten = writer.map { $0.isBroken || $0.counters.dropped == 0 } ?? true
        return summary.trouble == nil && isWritten ? ExitStatus.success : ExitStatus.failure
    }

    /// What would keep it from collecting, as far as that can be told while another daemon does.
    ///
    /// - Returns: what is to be used then: where other programs are pinned than it would load, nobody sees anything from when the
    ///   other daemon has ended until its own are on their hooks, which need not be as long as loading them takes.
    private func rehearse(_ kernel: KernelSettings) throws -> LoadedPrograms? {
        if let records = settings.records {
            try requireRotation(of: records)
            try LineDestination.rehearse(setting: records)
        }
        do throws(KernelError) {
            let loaded = try LoadedPrograms(settings: kernel)
            guard let pins = settings.pinDirectory, !loaded.isPinned(in: pins) else { return nil }
            return loaded
        } catch { throw CollectorError.kernel(error) }
    }

    /// What keeps posture; nil: there is no place for it, which is told.
    private func journal(
        _ sinks: [any RecordSink], _ aside: [SetAsideFiles], node: String
    ) throws -> (PostureJournal?, String?) {
        let directory = settings.stateDirectory
        do throws(StateLogError) {
            let journal = try unlocked { () throws(StateLogError) in
                try PostureJournal(
                    directory: directory, node: node, signer: signer, sync: settings.stateSync, spool: settings.spool,
                    sinks: sinks, aside: aside)
            }
            tell(journal.opening, of: journal)
            Self.tell(journal.resent, log)
            return (journal, nil)
        } catch {
            guard case .system = error.reason else { throw error }
            log.error("posture is not learned: its state has no place", metadata: ["error": "\(error)"])
            return (nil, "\(error)")
        }
    }

    /// Where daemons follow each other the one before may let go of its directory a moment after all else.
    private func unlocked(_ open: () throws(StateLogError) -> PostureJournal) throws(StateLogError) -> PostureJournal {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            do throws(StateLogError) { return try open() } catch {
                guard case .locked = error.reason, settings.pinDirectory != nil, ContinuousClock.now < end else {
                    throw error
                }
                usleep(20_000)
            }
        }
    }

    private func resending(_ journal: PostureJournal) -> ControlServer.Resend {
        let log = log
        return { completion in
            journal.resend { report in
                Self.tell(report, log)
                completion(report)
            }
        }
    }

    private static func tell(_ report: ResendReport, _ log: Logger) {
        var metadata: Logger.Metadata = ["records": "\(report.records)", "batches": "\(report.batches)"]
        if report.batches > 0 { log.notice("what was set aside is sent again", metadata: metadata) }
        for kept in report.kept {
            metadata = ["batch": "\(kept.name)", "reason": "\(kept.reason)"]
            log.warning("what was set aside cannot be sent again", metadata: metadata)
        }
    }

    private var signer: RecordSigner? { settings.signingKey.flatMap { RecordSigner(file: $0) } }

    /// What sends records to a reconciler.
    private func service(
        _ reconciler: ReconcilerSettings, _ sink: ReconcilerSink, _ delivery: BackgroundServices, node: String
    ) -> ReconcilerService {
        ReconcilerService(
            reconciler, sink: sink, node: node, gaps: GapRecord(node: node, signer: signer),
            aside: SetAsideFiles(of: sink.name, in: settings.stateDirectory), group: delivery.group, log: log)
    }

    private func tell(_ opening: OpeningReport, of journal: PostureJournal) {
        var metadata: Logger.Metadata = ["stream": "\(journal.stream)", "subjects": "\(opening.entries)"]
        if opening.isWhole {
            log.info("posture goes on from what is known", metadata: metadata)
            return
        }
        metadata["tornBytes"] = "\(opening.tornBytes)"
        metadata["lostSubjects"] = "\(opening.lostEntries.count + opening.missingEntries + opening.lostFrames)"
        metadata["setAside"] = "\(opening.damagedFiles.joined(separator: ", "))"
        log.warning("part of the state of posture was damaged", metadata: metadata)
    }

    /// What runs beside the collecting thread: the API server's side of identity, the local HTTP server, and what takes
    /// spans.
    private func start(
        _ background: BackgroundServices, _ traces: [TraceServer], _ receiver: TraceReceiver, calls: ToolCallServer,
        collector: Collector, endpoint: APIEndpoint?, node: String, writer: LineWriter?, journal: PostureJournal?,
        errors: (journal: String?, privileges: String?), delivered: [ReconcilerSink],
        standby: Standby
    ) {
        let status = ClusterStatusBoard()
        var services: [any Service] = traces
        if let endpoint {
            services.append(
                ClusterWatch(
                    endpoint, ClusterSettings(settings, node: node), status: status, group: background.group, log: log,
                    handle: { changes in collector.apply(changes) }))
        }
        let (health, pinsError) = (standby.health, standby.pinsError)
        health.ask {
            // Waits for the collecting thread, which threads of Swift concurrency must not.
            let summary = await Worker.value("health") { collector.recentSummary() }
            return summary.map {
                var report = HealthReport(
                    collector: $0, identity: status.snapshot, output: writer?.output,
                    toolCalls: calls.statistics, traces: receiver.statistics,
                    journal: journal?.status, deliveries: delivered.map { ($0.name, $0.status) })
                report.version = Version.number
                report.journalError = errors.journal
                report.privilegesError = errors.privileges
                report.pinsError = pinsError
                return report
            }
        }
        // Whoever stood by serves it already.
        if standby.services == nil, let address = settings.listen {
            services.append(HealthServer(address, group: background.group, log: log) { await health.report() })
        }
        background.start(services)
    }

    /// The socket on which agents announce their calls.
    private func toolCalls(
        _ collector: Collector, _ inbox: CallInbox, _ hearing: CallHearing, _ digests: DigestKeys?
    ) throws -> ToolCallServer {
        let (marker, hierarchy) = try collector.calls()
        let isLooking = Atomic(false)
        var limits = ToolCallServer.Limits()
        limits.connections = settings.limits.maximumAgents
        limits.workload = settings.limits.agents
        // A descriptor each, and what else the daemon needs.
        Privileges.allowDescriptors(limits.connections + 1024)
        let log = log
        return try ToolCallServer(
            listener: ToolCallListener(runDirectory: settings.runDirectory, access: access()), marker: marker,
            senders: CallSenders(hierarchy: hierarchy), limits: limits, digests: digests, hearing: hearing,
            backlog: { inbox.backlog },
            told: { collector.wake() },
            crowded: { process in
                log.warning(
                    "a workload has too many connections to toolcalls.sock: its other threads announce nothing; see --agent-connections and --max-agents",
                    metadata: ["pid": "\(process)"])
            },
            tell: { change in
                if !isLooking.exchange(true, ordering: .relaxed) { collector.lookForCalls() }
                _ = inbox.put(change)
            })
    }

    private func access() throws -> SocketAccess {
        try SocketAccess(mode: settings.agentSocketMode, group: settings.agentSocketGroup)
    }

    private func traceReceiver(
        _ collector: Collector, _ inbox: CallInbox, _ digests: DigestKeys?
    ) -> TraceReceiver {
        TraceReceiver(
            forwarder: settings.otlpForwarder, digests: digests, backlog: { inbox.backlog },
            tell: { change in
                if inbox.put(change) { collector.wake() }
            })
    }

    /// With the node's own key, which other nodes do not have.
    private func nodeDigests() -> DigestKeys {
        do throws(SystemError) { return DigestKeys(root: try NodeKey.load(in: settings.stateDirectory)) } catch {
            log.warning(
                "digests of this run cannot be compared with others: see --digest-key-file and --state-dir",
                metadata: ["error": "\(error)"])
            return DigestKeys(root: NodeKey.random())
        }
    }

    /// Where agents send OpenTelemetry spans: a socket beside that for calls, and TCP if the operator wants it.
    private func traceServers(
        _ background: BackgroundServices, _ collector: Collector, _ receiver: TraceReceiver
    ) throws -> [TraceServer] {
        let senders = TraceSenders(hierarchy: try collector.calls().hierarchy)
        let access = try access()
        var addresses = [TraceServer.Address.unix(TraceServer.path(in: settings.runDirectory))]
        if let address = settings.otlpListen { addresses.append(.tcp(address)) }
        return addresses.map {
            TraceServer(
                $0, senders: senders, receiver: receiver, group: background.group, log: log, access: access,
                workloadConnections: settings.limits.otlpConnections)
        }
    }

    private func requireRotation(of records: String) throws {
        let rotation = settings.recordsRotation
        guard rotation.bytes > 0 || rotation.seconds > 0, records != "-",
            let refusal = RotatedFile.refusal(of: records)
        else { return }
        throw CommandFailure(
            status: ExitStatus.badConfiguration,
            message: "\(refusal); or leave --records-max-bytes and --records-max-age out")
    }

    private func writer(_ attention: WakeUp) throws -> LineWriter? {
        guard let records = settings.records else {
            if settings.reconcilerURLs.isEmpty, settings.otlpURLs.isEmpty {
                log.warning(
                    "no records are written: give --records FILE, --records -, --reconciler-url URL or --otlp-url URL")
            }
            return nil
        }
        try requireRotation(of: records)
        let log = log
        let destination = try LineDestination(setting: records, appending: true)
        return try LineWriter(
            destination, capacity: settings.limits.outputQueueBytes, rotation: settings.recordsRotation
        ) { trouble in
            switch trouble {
            case .failing(let error):
                log.error("cannot write records, trying again every second", metadata: ["error": "\(error)"])
            case .recovered(let dropped):
                log.notice("writing records again", metadata: ["dropped": "\(dropped)"])
            case .notRotated(let error):
                log.error("the file of records cannot be put aside, it goes on", metadata: ["error": "\(error)"])
            case .readerGone: attention.signal()
            }
        }
    }

    /// Until a signal, or until nobody takes the records any more.
    private func wait(
        _ signals: borrowing SignalSource, _ attention: WakeUp, _ writer: LineWriter?, _ losses: LossLog,
        onHangUp: () -> Void
    ) -> Int32? {
        while true {
            var entries = [signals.descriptor, attention.descriptor].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            _ = poll(&entries, nfds_t(entries.count), losses.tell())
            attention.take()
            if writer?.isBroken ?? false { return nil }
            // A daemon has no terminal to lose: a hang-up tells it to read its settings again.
            while let signal = signals.take() {
                if signal.number != SIGHUP { return signal.number }
                onHangUp()
            }
        }
    }

    private func tellStart(_ collector: Collector, stream: String) {
        let programs = collector.summary().programs
        let attached = programs.filter { $0.state == .attached }
        log.info(
            "collecting",
            metadata: [
                "stream": "\(stream)", "programs": "\(attached.count)", "image": "\(collector.summary().image)",
                "records": "\(settings.records ?? "none")",
                "runDir": "\(settings.runDirectory)",
            ])
        if let takeOver = collector.summary().takeOver { tell(takeOver) }
        if !settings.watch.isEmpty {
            log.info("not everything is watched", metadata: Reload.metadata(settings.watch, collector.summary()))
        }
        let waiting = collector.summary().statistics.waitingSubjects
        if waiting > 0 {
            log.warning(
                "what is known of some workloads waits until there is room: see --max-subjects",
                metadata: ["subjects": "\(waiting)"])
        }
        for program in programs where !program.isReplaced(in: programs) {
            switch program.state {
            case .attached, .loaded: break
            case .absent:
                log.notice("this kernel has no such hook", metadata: ["program": "\(program.name)"])
            case .refused(let error), .detached(let error):
                log.warning(
                    "a program does not work here: see sensord check",
                    metadata: ["program": "\(program.name)", "error": "\(ErrorName.of(abs(error)))"])
            }
        }
    }

    private func tell(_ takeOver: TakeOverReport) {
        var metadata: Logger.Metadata = ["state": "\(takeOver.state.rawValue)", "why": "\(takeOver.why)"]
        if let from = takeOver.from { metadata["unreadMilliseconds"] = "\((takeOver.to &- from) / 1_000_000)" }
        if takeOver.state == .blind {
            log.warning("what an earlier run had left was taken out of the kernel", metadata: metadata)
            return
        }
        metadata["records"] = "\(takeOver.records)"
        metadata["lost"] = "\(takeOver.lostEvents)"
        log.notice("took over the programs of an earlier run", metadata: metadata)
    }

    private func tellEnd(_ summary: CollectorSummary, _ writer: LineWriter?) {
        if let trouble = summary.trouble { log.error("collecting was not whole", metadata: ["error": "\(trouble)"]) }
        var metadata = summary.metadata
        if summary.unenforcedCgroups > 0 { metadata["unenforcedCgroups"] = "\(summary.unenforcedCgroups)" }
        if let counters = writer?.counters {
            metadata["written"] = "\(counters.written)"
            metadata["dropped"] = "\(counters.dropped)"
            metadata["writeErrors"] = "\(counters.errors)"
        }
        if let writer, !writer.isBroken, writer.counters.dropped > 0 {
            log.error("records could not be written", metadata: ["dropped": "\(writer.counters.dropped)"])
        }
        log.info("stopped", metadata: metadata)
    }
}

extension LineWriter {
    fileprivate var output: HealthReport.Output {
        HealthReport.Output(
            written: counters.written, dropped: counters.dropped, errors: counters.errors, waiting: waiting,
            room: capacity)
    }
}
