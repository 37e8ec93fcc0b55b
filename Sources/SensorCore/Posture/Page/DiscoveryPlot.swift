// SPDX-License-Identifier: Apache-2.0

/// The discovery curve of one discipline as a picture.
struct DiscoveryPlot {
    let points: DiscoveryPoints
    let discipline: Discipline

    private static let width = 360.0
    private static let height = 168.0
    private static let (left, right, top, bottom) = (40.0, 350.0, 12.0, 140.0)

    func write(to text: inout MarkupText) {
        text.markup(#"<svg class="curve" viewBox="0 0 360 168" role="img"><title>"#)
        text.words(description)
        text.markup("</title>")
        grid(&text)
        shade(.none, #"<path class="unwatched" d=""#, &text)
        shade(.partly, #"<path class="partly" d=""#, &text)
        shade(.lossy, #"<path class="lossy" d=""#, &text)
        curve(&text)
        text.markup("</svg>")
    }

    private var description: String {
        let unwatched = points.columns.count { $0.watch == .none }
        let lossy = points.columns.count { $0.watch == .lossy }
        var words = "Discovery of \(discipline.name) facts from \(date(points.start)) to \(date(points.end - 1)): "
        words += "\(points.knownBefore) known at first, \(points.known) in the end."
        func share(_ count: Int) -> String { "\(count * 100 / max(1, points.columns.count)) %" }
        if unwatched > 0 { words += " \(share(unwatched)) of the time not watched, or nothing ran." }
        if lossy > 0 { words += " \(share(lossy)) of the time with losses." }
        return words
    }

    private func date(_ hour: UInt32) -> String { PageNumber.date(day: UInt64(hour / 24)) }

    private var step: Double { (Self.right - Self.left) / Double(max(1, points.columns.count)) }

    private func x(_ column: Int) -> Double { Self.left + Double(column) * step }

    private func y(_ known: Int) -> Double {
        Self.bottom - Double(known) / Double(ceiling) * (Self.bottom - Self.top)
    }

    /// A round number of facts at the upper edge.
    private var ceiling: Int {
        var unit = 1
        while true {
            for factor in [2, 4, 10] where factor * unit >= points.known { return factor * unit }
            unit *= 10
        }
    }

    private func grid(_ text: inout MarkupText) {
        for known in [0, ceiling / 2, ceiling] {
            text.markup(#"<path class="grid" d=""#)
            text.path("M", Self.left, y(known))
            text.path("H", Self.right)
            text.markup(#""/><text class="tick end" x="34" y=""#)
            text.coordinate(y(known) + 4)
            text.markup(#"">"#)
            text.number(known)
            text.markup("</text>")
        }
        text.markup(#"<text class="tick" x="40" y="160">"#)
        text.words(date(points.start))
        text.markup(#"</text><text class="tick end" x="350" y="160">"#)
        text.words(date(points.end - 1))
        text.markup("</text>")
    }

    private func shade(_ watch: DiscoveryPoints.Watch, _ open: StaticString, _ text: inout MarkupText) {
        let runs = points.runs(of: watch)
        if runs.isEmpty { return }
        text.markup(open)
        for run in runs {
            text.path("M", x(run.lowerBound), Self.top)
            text.path("H", x(run.upperBound))
            text.path("V", Self.bottom)
            text.path("H", x(run.lowerBound))
            text.markup("Z")
        }
        text.markup(#""/>"#)
    }

    /// Solid where it could have risen, dotted where nothing could be seen.
    private func curve(_ text: inout MarkupText) {
        for (isSeen, open) in [
            (false, #"<path class="unseen" d=""# as StaticString), (true, #"<path class="line" d=""#),
        ] {
            text.markup(open)
            var known = points.knownBefore
            var isDrawn = false
            for (index, column) in points.columns.enumerated() {
                if (column.watch != .none || column.known != known) == isSeen {
                    if !isDrawn { text.path("M", x(index), y(known)) }
                    if column.known != known { text.path("V", y(column.known)) }
                    // One stroke for all that is level.
                    let next = index + 1 < points.columns.count ? points.columns[index + 1] : nil
                    if next == nil || next?.known != column.known || next?.watch != column.watch {
                        text.path("H", x(index + 1))
                    }
                    isDrawn = true
                } else {
                    isDrawn = false
                }
                known = column.known
            }
            text.markup(#""/>"#)
        }
    }
}

extension MarkupText {
    mutating func coordinate(_ value: Double) { number(value) }

    /// A step of an SVG path.
    mutating func path(_ command: StaticString, _ values: Double...) {
        markup(command)
        for (index, value) in values.enumerated() {
            if index > 0 { markup(" ") }
            number(value)
        }
    }
}
