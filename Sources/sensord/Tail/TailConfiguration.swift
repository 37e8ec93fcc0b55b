// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// What a `--tail` or a replay was asked to show, and how.
struct TailConfiguration {
    let settings: Settings
    let filter: EventFilter
    let compiled: CompiledFilter
    let limit: UInt64?
    let isJSON: Bool
    let destination: LineDestination
    let width: TerminalWidth
    private let palette: Palette

    /// Opens the output.
    init(settings: Settings, filters: FilterOptions, output: OutputOptions) throws {
        self.settings = settings
        filter = filters.filter
        compiled = try CompiledFilter(filter)
        limit = output.count
        isJSON = output.json
        destination = try output.output.map { try LineDestination(path: $0, appending: false) } ?? .standardOutput
        let isTerminal = output.output == nil && isatty(STDOUT_FILENO) == 1
        width = TerminalWidth(descriptor: isTerminal ? STDOUT_FILENO : -1, environment: Environment.value("COLUMNS"))
        let isPlain = Environment.value("NO_COLOR").map { !$0.isEmpty } ?? (Environment.value("TERM") == "dumb")
        palette = Palette(isOn: isTerminal && !output.noColor && !isPlain)
    }

    /// - Parameter stream: the first half of the events' ids.
    func formatter(stream: String) -> any EventFormatter {
        isJSON ? EventEncoder(stream: stream) : LineFormatter(palette: palette, width: width)
    }

}

/// Lines for people, as wide as the terminal is at the moment.
private struct LineFormatter: EventFormatter {
    private var renderer: LineRenderer
    private let width: TerminalWidth

    init(palette: Palette, width: TerminalWidth) {
        renderer = LineRenderer(palette: palette)
        self.width = width
    }

    mutating func append(_ event: borrowing Event, to bytes: inout [UInt8]) {
        renderer.append(TailLine(event), columns: width.columns, to: &bytes)
    }
}
