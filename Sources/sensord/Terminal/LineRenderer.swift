// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Writes lines for people: aligned, fitted to the terminal, coloured.
struct LineRenderer {
    let palette: Palette
    private var columns = 0
    private var layout = LineLayout(columns: 120)
    private var clock = ClockText()

    init(palette: Palette) { self.palette = palette }

    /// Appends the line and its newline.
    ///
    /// - Parameter columns: of the terminal, now.
    mutating func append(_ line: TailLine, columns: Int, to bytes: inout [UInt8]) {
        if columns != self.columns {
            self.columns = columns
            layout = LineLayout(columns: columns)
        }
        var row = Row(palette: palette)
        swap(&row.bytes, &bytes)
        row.add(TerminalText(clock.text(line.time, milliseconds: layout.showsMilliseconds)), .dim)
        row.pad(layout.gap)
        if layout.workload > 0 {
            row.add(line.workload.fitted(to: layout.workload), .dim, width: layout.workload, layout.gap)
        }
        row.add(line.process.fitted(to: layout.process), .plain, width: layout.process, layout.gap)
        row.add(TerminalText(line.verb), line.colour, width: layout.verb, layout.gap)
        addObject(line, to: &row)
        swap(&row.bytes, &bytes)
        bytes.append(UInt8(ascii: "\n"))
    }

    private func addObject(_ line: TailLine, to row: inout Row) {
        let result = TerminalText(line.result).cut(to: layout.rest - 1)
        let reserved = result.columns == 0 ? 0 : max(result.columns, min(layout.usualResult, layout.rest)) + 1
        let room = max(layout.rest - reserved, 0)
        let object = line.objectIsCommand ? line.object.cut(to: room) : line.object.fitted(to: room)
        row.add(object, line.isFailure && !line.isUsual ? .red : .plain)
        guard result.columns > 0 else { return }
        row.pad(room - object.columns + 1)
        row.add(result, line.isFailure ? (line.isUsual ? .red : .boldRed) : .dim)
    }
}

/// A line under construction. Spaces are kept back until something follows them.
private struct Row {
    let palette: Palette
    var bytes: [UInt8] = []
    private var spaces = 0

    init(palette: Palette) { self.palette = palette }

    mutating func pad(_ count: Int) { spaces += max(count, 0) }

    mutating func add(_ text: TerminalText, _ colour: Palette.Colour) {
        guard !text.bytes.isEmpty else { return }
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: spaces))
        spaces = 0
        palette.write(colour, to: &bytes)
        bytes += text.bytes
        palette.reset(after: colour, in: &bytes)
    }

    mutating func add(_ text: TerminalText, _ colour: Palette.Colour, width: Int, _ gap: Int) {
        add(text, colour)
        pad(width - text.columns + gap)
    }
}

/// The time of day where the machine stands.
private struct ClockText {
    private var second: UInt64 = .max
    private var text = ""

    mutating func text(_ time: UInt64, milliseconds: Bool) -> String {
        let (second, fraction) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
        if second != self.second {
            self.second = second
            var seconds = time_t(truncatingIfNeeded: second)
            var parts = tm()
            localtime_r(&seconds, &parts)
            text = "\(Self.two(parts.tm_hour)):\(Self.two(parts.tm_min)):\(Self.two(parts.tm_sec))"
        }
        guard milliseconds else { return text }
        let thousandths = fraction / 1_000_000
        return text + (thousandths < 10 ? ".00" : thousandths < 100 ? ".0" : ".") + "\(thousandths)"
    }

    private static func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
