// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SensorCore

/// Where a daemon, running or not, keeps what it knows.
struct StateOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The daemon's configuration file: its state directory is meant.", valueName: "file"))
    var config: String?

    @Option(
        name: .customLong("state-dir"), help: ArgumentHelp("Where the daemon keeps what it knows.", valueName: "dir"))
    var stateDirectory: String?

    func directory() throws -> String { try settings().stateDirectory }

    /// - Parameter more: what else the command line gave.
    func settings(_ more: [SettingKey: String] = [:]) throws -> Settings {
        var flags = more
        flags[.stateDirectory] = stateDirectory
        let file = try config.map { (path: $0, text: try SettingsOptions.read($0)) }
        return try Settings(flags: flags, environment: Environment.settings, file: file)
    }

    static func shares(in directory: String) throws -> [PostureShare] {
        do throws(StateLogError) { return try PostureShare.read(from: directory) } catch {
            throw CommandFailure(status: ExitStatus.failure, message: "\(error)")
        }
    }
}
