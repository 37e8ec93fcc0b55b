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
            keys, records that wait, and what daemons have pinned in the kernel. Not while a daemon runs. Configuration, files of \
            records and the program itself stay.
            """)

    @Option(help: ArgumentHelp("Where the daemon's sockets live (default: /run/sensord).", valueName: "directory"))
    var runDir: String?

    @Option(
        help: ArgumentHelp(
            "Where the daemon's programs are pinned (default: \(PinnedState.usualDirectory)).", valueName: "directory"))
    var pinDir: String?

    @Flag(help: "Leave what the state directory keeps: a daemon that comes back goes on from it.")
    var keepState = false

    @Flag(
        help:
            "Only what is pinned, and only if no daemon runs with it, nor has for as long as it was to be kept (--pin-patience)."
    )
    var abandoned = false

    @OptionGroup var state: StateOptions

    func run() throws {
        var flags: [SettingKey: String] = [:]
        (flags[.runDirectory], flags[.pinDirectory]) = (runDir, pinDir)
        let settings = try state.settings(flags)
        var (removed, left): ([String], [String]) = ([], [])
        // First of all: a daemon that runs has them, wherever its other directories are.
        let pins = settings.pinDirectory ?? PinnedState.usualDirectory
        do throws(KernelError) {
            if try PinnedState.remove(pins, onlyAbandoned: abandoned) { removed.append(pins) }
        } catch { throw CommandFailure(status: ExitStatus.failure, message: "\(error)") }
        if !abandoned {
            let done = try Uninstallation(
                runDirectory: settings.runDirectory, stateDirectory: keepState ? nil : settings.stateDirectory)
            (removed, left) = (removed + done.removed, done.left)
        }
        for path in removed { StandardStream.write("removed \(path)\n", to: STDOUT_FILENO) }
        if removed.isEmpty, left.isEmpty {
            StandardStream.write(abandoned ? "nothing is abandoned\n" : "nothing is left\n", to: STDOUT_FILENO)
        }
        guard !left.isEmpty else { return }
        throw CommandFailure(
            status: ExitStatus.failure, message: "not a daemon's, so it stays: \(left.joined(separator: ", "))")
    }
}
