// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// One `--tail`, from the first signal handler to the last line on standard error. For the main thread.
struct TailSession {
    /// Why the watching ended.
    private enum End: Equatable {
        case complete
        case timeUp
        case signal(Int32)
        case readerGone
        case commandEnded
        case failed(CommandFailure)

        /// Somebody waits for the end, who knows no more than that it was asked for.
        var isHurried: Bool {
            if case .signal = self { true } else { self == .timeUp }
        }
    }

    private let tail: TailConfiguration
    private let duration: Double?
    private let command: [String]

    /// - Parameter command: what to run and watch; empty: watch what there is.
    init(_ tail: TailConfiguration, duration: Double?, command: [String]) {
        self.tail = tail
        self.duration = duration
        self.command = command
    }

    /// Watches until something ends it. The process's exit status.
    func run() throws -> Int32 {
        do {
            return try watch()
        } catch let error as SettingsError {
            throw error
        } catch  where !command.isEmpty {
            StandardStream.complain(CommandLineInterface.outcome(of: error).message.removingProgramName)
            return ExitStatus.ownFailure
        }
    }

    private func watch() throws -> Int32 {
        // A shell ignores SIGINT for what it starts in the background, too: whoever sends that to a tail means it.
        let signals = try SignalSource([SIGINT, SIGTERM, SIGQUIT, SIGWINCH, SIGCHLD], unlessIgnored: [SIGHUP])
        let attention = try WakeUp()
        let writer = try LineWriter(tail.destination, capacity: tail.settings.limits.outputQueueBytes) { trouble in
            switch trouble {
            case .readerGone: attention.signal()
            case .failing(let error): StandardStream.complain("\(error): trying again every second")
            case .recovered(let dropped): StandardStream.complain("writing again, \(dropped) lines were dropped")
            // A tail puts no file aside.
            case .notRotated: break
            }
        }
        try checkNamespace()
        try checkProcesses()

        var child: Descendants?
        let watch: any TailWatch
        if command.isEmpty {
            watch = try begin(root: nil, writer, attention, signals)
        } else {
            let hasOthers = Descendants.hasChildren
            let gated = try GatedCommand(arguments: command, signalMask: signals.previousMask)
            child = Descendants(root: gated.pid, hasOthers: hasOthers)
            watch = try begin(root: UInt32(gated.pid), writer, attention, signals)
            let error = gated.open()
            if error != 0 { StandardStream.complain("\(command[0]): \(SystemError.text(of: error))") }
        }
        // Signals that came while the daemon was waited for are taken.
        child?.reap()
        tail.width.renew()
        let end = wait(watch, &child, signals, attention, writer)

        var summary = TailSummary()
        var failure: CommandFailure?
        if case .failed(let reason) = end {
            failure = reason
            waitUnwatched(&child, signals, reason)
        }
        // Of a daemon that has gone this gets no more than its last word, if there was one.
        do throws(CommandFailure) {
            summary = try watch.finish(
                waitsForSockets: end == .commandEnded, isHurried: end.isHurried, signals: signals)
        } catch {
            failure = failure ?? error
            summary.isLossUnknown = true
        }
        let written = writer.finish(milliseconds: end == .readerGone ? 0 : 5000)
        summary.shown = written.written
        let unwritten = writer.isBroken ? 0 : written.dropped
        if unwritten > 0 {
            summary.lost["output"] = unwritten
            StandardStream.complain("\(unwritten) lines could not be written to \(tail.destination.name)")
        }
        if let failure { StandardStream.complain(failure.message) }
        for line in summary.explanations { StandardStream.complain(line) }
        StandardStream.complain("\(summary.text), cpu \(ProcessorTime.milliseconds) ms")
        return status(end, failure, child, isWhole: watch.isWhole && unwritten == 0)
    }

    /// The daemon's events if one runs, else our own.
    private func begin(
        root: UInt32?, _ writer: LineWriter, _ attention: WakeUp, _ signals: borrowing SignalSource
    ) throws -> any TailWatch {
        // A recording holds what came out of the kernel, which the daemon does not pass on.
        if tail.settings.record == nil,
            let descriptor = try ControlSocket.connect(in: tail.settings.runDirectory)
        {
            return try AttachedWatch(
                tail, client: ControlClient(descriptor: descriptor), root: root, writer: writer, signals: signals)
        }
        let endpoint = try APIEndpoint(tail.settings, environment: Environment.inCluster)
        if endpoint != nil { try tail.settings.requireNode(environment: Environment.inCluster) }
        return try LocalWatch(tail, endpoint: endpoint, root: root, writer: writer, completion: attention)
    }

    /// What is asked for by a number of another pid namespace would be somebody else, to the daemon as well.
    private func checkNamespace() throws(CollectorError) {
        if command.isEmpty, tail.filter.pids.isEmpty { return }
        do { try PidNamespace.requireInitial() } catch { throw CollectorError.kernel(error) }
    }

    /// A number that is nobody's would be watched for ever.
    private func checkProcesses() throws(CommandFailure) {
        for pid in tail.filter.pids where kill(pid_t(truncatingIfNeeded: pid), 0) != 0 && errno == ESRCH {
            throw CommandFailure(status: ExitStatus.failure, message: "--pid \(pid): no such process")
        }
    }

    // MARK: Waiting

    private func wait(
        _ watch: any TailWatch, _ child: inout Descendants?, _ signals: borrowing SignalSource, _ attention: WakeUp,
        _ writer: LineWriter
    ) -> End {
        var deadline = duration.map { KernelSession.bootTime() + UInt64($0 * 1e9) }
        while true {
            // Before the first wait too: what came in one read with the daemon's word makes nothing readable again.
            do throws(CommandFailure) { try watch.service() } catch { return .failed(error) }
            while let signal = signals.take() {
                if let end = handle(signal, &child) { return end }
            }
            // A command is not left alone: what ends a tail ends only the showing, as long as it runs.
            let isWaiting = child != nil
            if child?.haveAllEnded ?? false { return .commandEnded }
            if writer.isBroken {
                if !isWaiting { return .readerGone }
                watch.mute()
            }
            if watch.isComplete, !isWaiting { return .complete }
            if let time = deadline, KernelSession.bootTime() >= time {
                if !isWaiting { return .timeUp }
                watch.mute()
                deadline = nil
            }
            var entries = [signals.descriptor, attention.descriptor, watch.descriptor].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            _ = poll(&entries, nfds_t(entries.count), Self.milliseconds(until: deadline))
            attention.take()
        }
    }

    /// Nothing is seen any more of a command that still runs: says so, and leaves it no orphan.
    private func waitUnwatched(
        _ child: inout Descendants?, _ signals: borrowing SignalSource, _ failure: CommandFailure
    ) {
        if child == nil { return }
        StandardStream.complain(
            "lost unknown since \(Self.timeOfDay()): \(failure.message), the command goes on and is not watched any more"
        )
        while true {
            while let signal = signals.take() {
                if handle(signal, &child) != nil { return }
            }
            if child?.haveAllEnded ?? true { return }
            var entry = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&entry, 1, -1)
        }
    }

    /// As the events' lines have it.
    private static func timeOfDay() -> String {
        let second = time(nil) % 86_400
        return [second / 3600, second / 60 % 60, second % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(
            separator: ":")
    }

    /// What a signal means: while the command runs, it is the command's.
    private func handle(_ signal: SignalSource.Signal, _ child: inout Descendants?) -> End? {
        switch signal.number {
        case SIGWINCH: tail.width.renew()
        case SIGCHLD: child?.reap()
        default:
            guard let running = child, running.rootStatus == nil else { return .signal(signal.number) }
            // The terminal has told the whole foreground group.
            if !signal.isFromTerminal { running.signal(signal.number) }
        }
        return nil
    }

    private static func milliseconds(until deadline: UInt64?) -> Int32 {
        guard let deadline else { return -1 }
        let now = KernelSession.bootTime()
        return now >= deadline ? 0 : Int32(clamping: (deadline - now) / 1_000_000 + 1)
    }

    // MARK: The end

    /// A command's own status, if all of it was shown; else what ended the watching. What is missing was told before.
    private func status(_ end: End, _ failure: CommandFailure?, _ child: Descendants?, isWhole: Bool) -> Int32 {
        if let child {
            if failure == nil, isWhole, let status = child.rootStatus { return ExitStatus.of(waitStatus: status) }
            return ExitStatus.ownFailure
        }
        // Whoever ends it has that end, whatever else there was to say.
        if case .signal(let number) = end { return 128 + number }
        if let failure { return failure.status }
        return isWhole ? ExitStatus.success : ExitStatus.failure
    }
}

extension String {
    /// Without "sensord: " in front, which every line gets.
    fileprivate var removingProgramName: String {
        hasPrefix("sensord: ") ? String(dropFirst("sensord: ".count)) : self
    }
}
