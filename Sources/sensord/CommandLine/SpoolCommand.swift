// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

struct SpoolCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spool", abstract: "Show what a reconciler has refused, and have it sent again.",
        discussion: """
            What is refused for good is set aside, a batch in a file of the state directory, and a gap takes its place. Sent \
            again, its records get new sequences, and say which they had; each does once, however many files have it.
            """,
        subcommands: [SpoolListCommand.self, SpoolShowCommand.self, SpoolResendCommand.self],
        defaultSubcommand: SpoolListCommand.self)
}

struct SpoolListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Show what was set aside (the default).")

    @Flag(help: "As JSON, one batch a line.")
    var json = false

    @OptionGroup var state: StateOptions

    func run() throws {
        let entries = SpoolEntry.all(in: try state.directory())
        let text = entries.map { json ? $0.json + "\n" : $0.text }.joined()
        StandardStream.write(text.isEmpty && !json ? "nothing is set aside\n" : text, to: STDOUT_FILENO)
    }
}

struct SpoolShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show a batch and its records.")

    @Argument(help: ArgumentHelp("Of the batch, or the beginning of it.", valueName: "id"))
    var identifier: String

    @Flag(help: "The records as they stand there, one a line.")
    var json = false

    @OptionGroup var state: StateOptions

    func run() throws {
        let entry = try SpoolEntry.find(identifier, in: SpoolEntry.all(in: try state.directory()))
        guard let lines = entry.files.lines(of: entry.batch) else {
            throw CommandFailure(status: ExitStatus.failure, message: "\(entry.batch.name) has gone meanwhile")
        }
        if json {
            for line in lines { StandardStream.write(String(decoding: line, as: UTF8.self) + "\n", to: STDOUT_FILENO) }
            return
        }
        let records = (entry.files.records(of: entry.batch) ?? []).map { SpoolEntry.text(of: $0) }
        StandardStream.write(entry.text + records.joined(), to: STDOUT_FILENO)
    }
}

struct SpoolResendCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resend", abstract: "Have batches sent again.",
        discussion: "The daemon does it: the one that runs at once, else the next one that is started.")

    @Argument(help: ArgumentHelp("Of batches, or the beginning of them.", valueName: "id"))
    var identifiers: [String] = []

    @Flag(help: "All that was set aside.")
    var all = false

    @Flag(help: "What became of it as JSON.")
    var json = false

    @Option(help: ArgumentHelp("Where the daemon's socket lives (default: /run/sensord).", valueName: "directory"))
    var runDir: String?

    @OptionGroup var state: StateOptions

    func validate() throws {
        guard all == identifiers.isEmpty else { throw ValidationError("batches are expected, or --all") }
    }

    func run() throws {
        let settings = try state.settings(runDir.map { [.runDirectory: $0] } ?? [:])
        let entries = SpoolEntry.all(in: settings.stateDirectory)
        let chosen = try all ? entries : identifiers.map { try SpoolEntry.find($0, in: entries) }
        for entry in chosen where !entry.batch.isMarked { try entry.files.mark(entry.batch, true) }
        let report = chosen.isEmpty ? ResendReport() : try ask(settings.runDirectory)
        let names = Set(chosen.map(\.batch.name))
        let waiting = SpoolEntry.all(in: settings.stateDirectory).filter {
            $0.batch.isMarked && names.contains($0.batch.name)
        }
        tell(report, waiting: waiting.count)
        if let report, !waiting.isEmpty, report.kept.isEmpty {
            throw CommandFailure(
                status: ExitStatus.failure,
                message: "the daemon (\(settings.runDirectory)) has another state directory, or does not send there")
        }
        if let report, !report.kept.isEmpty { throw ExitCode(ExitStatus.failure) }
    }

    private func tell(_ outcome: ResendReport?, waiting: Int) {
        let report = outcome ?? ResendReport()
        if json {
            let kept = report.kept.map { #"{"id":\#($0.name.quotedForJSON),"reason":\#($0.reason.quotedForJSON)}"# }
            StandardStream.write(
                #"{"batches":\#(report.batches),"records":\#(report.records),"skipped":\#(report.skipped),"waiting":\#(waiting),"kept":[\#(kept.joined(separator: ","))]}"#
                    + "\n", to: STDOUT_FILENO)
            return
        }
        var text = ""
        if outcome != nil {
            text = "\(report.records) records of \(report.batches) batches are sent again"
            text += report.skipped > 0 ? ", \(report.skipped) were already\n" : "\n"
        }
        if waiting > 0 { text += "\(waiting) batches are sent again when a daemon next starts\n" }
        for kept in report.kept { text += "\(SpoolEntry.shown(kept.name)) is not: \(SpoolEntry.shown(kept.reason))\n" }
        StandardStream.write(text, to: STDOUT_FILENO)
    }

    /// nil: no daemon runs.
    private func ask(_ runDirectory: String) throws -> ResendReport? {
        guard let descriptor = try ControlSocket.connect(in: runDirectory) else { return nil }
        let client = ControlClient(descriptor: descriptor)
        let answer: ControlClient.Answer?
        do throws(ControlClient.Failure) {
            try client.resend()
            answer = try client.receive(milliseconds: 60_000)
        } catch { throw CommandFailure(status: ExitStatus.failure, message: error.description) }
        guard case .resent(let report) = answer else {
            throw CommandFailure(status: ExitStatus.failure, message: "the daemon does not answer")
        }
        return report
    }
}
