// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SensorCore

/// What `sensord --tail` is in here.
struct TailCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail", abstract: "Watch live.", usage: "sensord --tail [filters] [-- CMD ...]",
        discussion: """
            Shows every event that the filters let through, until Ctrl-C. With a command: runs it, shows what it and its \
            children do, and exits as it did. Attaches to the daemon if one runs.
            """,
        shouldDisplay: false)

    @OptionGroup(title: "Filters") var filters: FilterOptions
    @OptionGroup(title: "Output") var output: OutputOptions

    @Option(help: ArgumentHelp("Stop after so many seconds.", valueName: "seconds"))
    var duration: Double?

    @OptionGroup(title: "Settings") var options: SettingsOptions

    @Argument(parsing: .postTerminator, help: ArgumentHelp("What to run and watch.", valueName: "cmd"))
    var command: [String] = []

    func validate() throws {
        if let duration, !(duration > 0 && duration <= 31_536_000) {
            throw ValidationError("--duration: seconds above 0 are expected")
        }
    }

    func run() throws {
        let tail: TailConfiguration
        do {
            tail = try TailConfiguration(settings: options.settings(), filters: filters, output: output)
        } catch let error as SystemError where !command.isEmpty {
            // A wrong flag or file of settings is told as such; with a command, all else is sensord's own failure.
            throw CommandFailure(status: ExitStatus.ownFailure, message: "\(error)")
        }
        throw ExitCode(try TailSession(tail, duration: duration, command: command).run())
    }
}
