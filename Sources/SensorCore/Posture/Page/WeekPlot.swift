// SPDX-License-Identifier: Apache-2.0

/// The hours of the week of one kind as a picture: a row for each day, the more was done the stronger the colour.
struct WeekPlot {
    let week: WeekHours

    func write(to text: inout MarkupText) {
        text.markup(#"<div class="week"><div class="days" aria-hidden="true">"#)
        for day in WeekHours.days { text.element("<span>", day, "</span>") }
        text.markup(#"</div><svg viewBox="0 0 240 70" preserveAspectRatio="none" role="img"><title>"#)
        text.words(description)
        text.markup("</title>")
        let levels = (0..<HourOfWeek.cells).map(week.level)
        cells(levels, nil, #"<path class="unwatched" d=""#, &text)
        cells(levels, 0, #"<path class="h0" d=""#, &text)
        cells(levels, 1, #"<path class="h1" d=""#, &text)
        cells(levels, 2, #"<path class="h2" d=""#, &text)
        cells(levels, 3, #"<path class="h3" d=""#, &text)
        cells(levels, 4, #"<path class="h4" d=""#, &text)
        cells(levels, 5, #"<path class="h5" d=""#, &text)
        text.markup(
            """
            </svg><div class="hours" aria-hidden="true">\
            <span>00</span><span>06</span><span>12</span><span>18</span></div></div>
            """)
    }

    /// What the colours mean, once for all kinds.
    static func writeKey(to text: inout MarkupText) {
        text.markup(
            """
            <p class="key"><span><i class="box unwatched-box"></i>not watched</span> \
            <span><i class="box h0-box"></i>nothing</span> <span><i class="box h1-box"></i><i class="box h2-box"></i>\
            <i class="box h3-box"></i><i class="box h4-box"></i><i class="box h5-box"></i>\
            little to most of its kind, by hour of the week, UTC</span></p>
            """)
    }

    private var description: String {
        let unwatched = week.counts.count { $0 == nil }
        var words = "\(week.kind.name) by hour of the week, UTC."
        if let busiest = week.counts.firstIndex(of: week.most) {
            words += " Most on \(WeekHours.name(busiest)): \(week.most) times."
        }
        if unwatched > 0 { words += " \(unwatched) of 168 hours were never watched." }
        return words
    }

    /// Hours on end of one level are one stroke.
    private func cells(_ levels: [Int?], _ level: Int?, _ open: StaticString, _ text: inout MarkupText) {
        guard levels.contains(level) else { return }
        text.markup(open)
        var hour = 0
        while hour < levels.count {
            var end = hour
            while end < (hour / 24 + 1) * 24, levels[end] == level { end += 1 }
            if end > hour {
                text.markup("M")
                text.number(hour % 24 * 10 + 1)
                text.markup(" ")
                text.number(hour / 24 * 10 + 5)
                text.markup("h")
                text.number((end - hour) * 10 - 2)
            }
            hour = max(end, hour + 1)
        }
        text.markup(#""/>"#)
    }
}
