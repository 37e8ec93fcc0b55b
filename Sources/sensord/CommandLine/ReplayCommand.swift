// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SensorCore

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Show a recorded stream as it was seen.")

    @Argument(help: ArgumentHelp("What --record has written.", valueName: "file"))
    var file: String

    @OptionGroup(title: "Filters") var filters: FilterOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Settings") var options: SettingsOptions

    func run() throws {
        let filter = try CompiledFilter(filters.filter)
        _ = filter
        throw CommandFailure(status: ExitStatus.failure, message: "not built yet")
    }
}
