// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// How events are shown.
struct OutputOptions: ParsableArguments {
    @Flag(help: "One event a line, as JSON.")
    var json = false

    @Flag(help: "No colours (also NO_COLOR, and when the output is no terminal).")
    var noColor = false

    @Option(help: ArgumentHelp("Write to a file instead of standard output.", valueName: "file"))
    var output: String?

    @Option(help: ArgumentHelp("Stop after so many events.", valueName: "n"))
    var count: UInt64?

    func validate() throws {
        if count == 0 { throw ValidationError("--count: at least 1 is expected") }
    }
}
