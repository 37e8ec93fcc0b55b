// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

/// Removes what daemons have left on this machine.
struct UninstallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "uninstall", abstract: "Remove what daemons have left on this machine.",
        discussion: """
            That is the sockets and locks of the run directory, and all that the state directory keeps: what was learned, \
            keys, records that wait. Not while a daemon runs. In the kernel there is nothing to remove: programs and maps go \
            with the daemon, however it ends. Configuration, files of records and the program itself stay.
            """)

    @Option(help: ArgumentHelp("Where the daemon's sockets live (default: /run/sensord).", valueName: "directory"))
    var runDir: String?

    @OptionGroup var state: StateOptions

    func run() throws {
        let settings = try state.settings(runDir.map { [.runDirectory: $0] } ?? [:])
        let done = try Uninstallation(
            runDirectory: settings.runDirectory, stateDirectory: settings.stateDirectory)
        for path in done.removed { StandardStream.write("removed \(path)\n", to: STDOUT_FILENO) }
        if done.removed.isEmpty, done.left.isEmpty { StandardStream.write("nothing is left\n", to: STDOUT_FILENO) }
        guard !done.left.isEmpty else { return }
        throw CommandFailure(
            status: ExitStatus.failure, message: "not a daemon's, so it stays: \(done.left.joined(separator: ", "))")
    }
}
