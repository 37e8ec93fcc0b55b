// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

/// Runs a command as one tool call.
struct ToolCallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tool-call", abstract: "Run a command as one tool call, announced to the daemon.",
        usage: "sensord tool-call [options] -- CMD ...",
        discussion: """
            What the command does, and what it starts, is joined to the call. Exits as the command did. Where no daemon \
            runs the command runs all the same, and that is told.
            """)

    @Option(help: ArgumentHelp("Of the tool; by default the command's.", valueName: "name"))
    var name: String?

    @Option(help: ArgumentHelp("Id of the agent's session; by default one of its own.", valueName: "id"))
    var session: String?

    @Option(
        help: ArgumentHelp(
            "Who asked for it: human, agent, service or schedule, with or without an id.", valueName: "kind[:id]"))
    var initiator: String?

    @OptionGroup(title: "Settings") var options: SettingsOptions

    @Argument(parsing: .postTerminator, help: ArgumentHelp("What to run.", valueName: "cmd"))
    var command: [String] = []

    func validate() throws {
        if command.isEmpty { throw ValidationError("-- CMD: a command is expected") }
        if let initiator, claimed(initiator) == nil {
            throw ValidationError("--initiator \(initiator): human, agent, service or schedule is expected")
        }
    }

    func run() throws {
        let signals = try SignalSource([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD])
        let client = announce(try options.settings().runDirectory)
        let gated: GatedCommand
        do throws(SystemError) {
            gated = try GatedCommand(arguments: command, signalMask: signals.previousMask)
        } catch {
            throw CommandFailure(status: ExitStatus.ownFailure, message: "\(error)")
        }
        let pid = gated.pid
        let error = gated.open()
        if error != 0 { StandardStream.complain("\(command[0]): \(SystemError.text(of: error))") }
        let status = wait(pid, signals)
        if let client {
            do throws(ToolCallClient.Failure) {
                try client.end(status: status == 0 ? "ok" : "error", error: status == 0 ? nil : "status \(status)")
            } catch { StandardStream.complain("the end of the call is not announced: \(error)") }
        }
        throw ExitCode(status)
    }

    private func announce(_ runDirectory: String) -> ToolCallClient? {
        let own = "tool-call-\(getpid())-\(KernelSession.bootTime())"
        do throws(ToolCallClient.Failure) {
            let client = try ToolCallClient(runDirectory: runDirectory, session: session ?? own, call: own)
            let word = command[0].split(separator: "/").last.map(String.init) ?? command[0]
            try client.begin(name: name ?? word, arguments: command, initiator: initiator.flatMap(claimed))
            return client
        } catch {
            StandardStream.complain("the call is not announced: \(error)")
            return nil
        }
    }

    private func claimed(_ text: String) -> ToolCallDetail.Initiator? {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard ["human", "agent", "service", "schedule"].contains(parts[0]) else { return nil }
        return ToolCallDetail.Initiator(kind: parts[0], id: parts.count > 1 ? parts[1] : nil)
    }

    /// Waits for the command, and passes on what this process is told to end with.
    private func wait(_ pid: Int32, _ signals: borrowing SignalSource) -> Int32 {
        while true {
            var status: Int32 = 0
            if waitpid(pid, &status, WNOHANG) == pid {
                return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
            }
            var entry = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
            _ = poll(&entry, 1, -1)
            // A terminal's own go to the command as well.
            while let signal = signals.take() {
                if [SIGTERM, SIGHUP].contains(signal.number) { kill(pid, signal.number) }
            }
        }
    }
}
