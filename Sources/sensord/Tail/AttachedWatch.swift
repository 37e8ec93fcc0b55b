// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// A tail that the daemon serves.
final class AttachedWatch: TailWatch {
    /// A daemon that has said all closes the connection, which would be readable for ever.
    var descriptor: Int32 { summary == nil ? client.descriptor : -1 }
    private let client: ControlClient
    private let writer: LineWriter
    /// `nil`: the lines are shown as they come.
    private var formatter: (any EventFormatter)?
    private var shown: UInt64 = 0
    private var isMuted = false
    private var summary: TailSummary?
    private let limit: UInt64?
    private let watchesCommand: Bool

    /// Returns once every event is seen; a signal that ends programs ends the waiting for that.
    init(
        _ tail: TailConfiguration, client: ControlClient, root: UInt32?, writer: LineWriter,
        signals: borrowing SignalSource
    ) throws(CommandFailure) {
        self.client = client
        self.writer = writer
        limit = tail.limit
        watchesCommand = root != nil
        formatter = tail.isJSON ? nil : tail.formatter(stream: "")
        do throws(ControlClient.Failure) {
            try client.request(TailRequest(filter: tail.filter, root: root, limit: tail.limit))
        } catch { throw Self.failure(error) }
        // First sights may come before the daemon's word that it sees everything.
        let deadline = Self.deadline(seconds: 10)
        while true {
            let message = try receive(by: deadline, signals)
            if message == .accepted { return }
            take(message)
        }
    }

    func service() throws(CommandFailure) {
        do throws(ControlClient.Failure) {
            // What came in one piece with an earlier message is there without a read.
            try takeRead()
            // One read: a daemon that always has more must not keep the caller from its signals and its deadline.
            if summary == nil { try client.readArrived() }
            try takeRead()
        } catch { throw Self.failure(error) }
        guard watchesCommand, let summary else { return }
        // Nobody asked for it: either as many were shown as were wanted, or the daemon stops and the command goes on.
        let sent = summary.shown + (summary.lost[LossReason.subscriber.name] ?? 0)
        if limit.map({ sent < $0 }) ?? true {
            throw CommandFailure(status: ExitStatus.failure, message: "the daemon has stopped")
        }
    }

    var isComplete: Bool { summary != nil }

    /// The daemon's recording is the daemon's.
    var isWhole: Bool { true }

    func mute() { isMuted = true }

    func finish(
        waitsForSockets: Bool, isHurried: Bool, signals: borrowing SignalSource
    ) throws(CommandFailure) -> TailSummary {
        if summary == nil {
            do throws(ControlClient.Failure) { try client.finish() } catch { throw Self.failure(error) }
        }
        let deadline = Self.deadline(seconds: isHurried ? 1 : 10)
        while summary == nil { take(try receive(by: deadline, signals)) }
        var result = summary ?? TailSummary()
        result.shown = shown
        return result
    }

    private func takeRead() throws(ControlClient.Failure) {
        while summary == nil, let message = try client.next() { take(message) }
    }

    /// How long a daemon that says nothing is waited for.
    private static func deadline(seconds: UInt64) -> UInt64 { KernelSession.bootTime() + seconds * 1_000_000_000 }

    private func receive(
        by deadline: UInt64, _ signals: borrowing SignalSource
    ) throws(CommandFailure) -> ControlClient.Answer {
        while true {
            let now = KernelSession.bootTime()
            do throws(ControlClient.Failure) {
                let left = now < deadline ? Int32((deadline - now) / 1_000_000) : 0
                if let message = try client.receive(milliseconds: left, interruption: signals.descriptor) {
                    return message
                }
            } catch { throw Self.failure(error) }
            while let signal = signals.take() {
                if signal.number == SIGWINCH || signal.number == SIGCHLD { continue }
                throw CommandFailure(status: 128 + signal.number, message: "the daemon has not answered")
            }
            guard KernelSession.bootTime() < deadline else {
                throw CommandFailure(status: ExitStatus.failure, message: "the daemon does not answer")
            }
        }
    }

    private static func failure(_ error: ControlClient.Failure) -> CommandFailure {
        CommandFailure(status: ExitStatus.failure, message: "\(error)")
    }

    private func take(_ message: ControlClient.Answer) {
        switch message {
        case .accepted, .explanation, .resent: break
        case .summary(let summary): self.summary = summary
        case .events(let bytes):
            if !isMuted { show(bytes) }
        }
    }

    private func show(_ bytes: [UInt8]) {
        let lines = bytes.count { $0 == UInt8(ascii: "\n") }
        shown += UInt64(lines)
        guard var formatter else {
            writer.append(bytes, lines: lines)
            return
        }
        var rendered: [UInt8] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            if let event = Event(json: line) {
                formatter.append(event, to: &rendered)
            } else {
                // From a daemon of another version: better raw than not at all.
                rendered += TerminalText(Array(line)).bytes + [UInt8(ascii: "\n")]
            }
        }
        self.formatter = formatter
        writer.append(rendered, lines: lines)
    }
}
