// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// The root of the command line. The command's own commands are hidden behind the words of the usage text.
struct Sensord: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sensord",
        abstract: "Shows what every process on this machine really does.",
        usage: """
            sensord [run] [settings]
            sensord --tail [filters] [-- CMD ...]
            sensord check
            sensord tool-call [options] -- CMD ...
            sensord explain EVENT-ID
            sensord replay FILE [filters]
            sensord posture [KIND/NAME]
            sensord verify FILE
            sensord spool list | show ID | resend ID
            sensord receive --listen ADDRESS:PORT --dir DIR
            sensord uninstall
            sensord version
            """,
        discussion: """
            'sensord --tail --help' and 'sensord run --help' tell the filters and the settings.
            """,
        version: Version.text,
        subcommands: [
            RunCommand.self, TailCommand.self, CheckCommand.self, ToolCallCommand.self, ExplainCommand.self,
            ReplayCommand.self, PostureCommand.self, VerifyCommand.self, SpoolCommand.self, ReceiveCommand.self,
            UninstallCommand.self, VersionCommand.self,
        ],
        defaultSubcommand: RunCommand.self)
}
