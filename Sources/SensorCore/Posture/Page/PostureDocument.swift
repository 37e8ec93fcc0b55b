// SPDX-License-Identifier: Apache-2.0

/// What is known of subjects as one HTML page, which needs nothing but itself: no script, no font, no picture from
/// elsewhere.
///
/// The same subjects and time give the same bytes.
package struct PostureDocument: Sendable {
    package struct Subject: Sendable {
        package var snapshot: SubjectSnapshot
        /// How often, by hour of the week in UTC, Monday 00:00 first: 168 of them. Empty: nobody has counted.
        package var hoursOfWeek: [FactKind: [UInt64]]

        /// - Parameter hoursOfWeek: nil: what the snapshot knows.
        package init(_ snapshot: SubjectSnapshot, hoursOfWeek: [FactKind: [UInt64]]? = nil) {
            self.snapshot = snapshot
            self.hoursOfWeek = hoursOfWeek ?? snapshot.profile.hoursOfWeek
        }
    }

    package struct Settings: Sendable {
        package var summary = PostureSummary.Settings()
        /// Bytes of a page, about.
        package var size = 9_000_000
        /// Subjects that have a section of their own; those beyond are in the index.
        package var sections = 250
        /// Bytes of one subject's lists, at most.
        package var listSize = 2_000_000

        package init() {}
    }

    private let subjects: [Subject]
    private let now: UInt64
    private let settings: Settings

    /// - Parameter now: wall clock, nanoseconds since 1970.
    package init(_ subjects: [Subject], at now: UInt64, settings: Settings = Settings()) {
        self.subjects = subjects.sorted { $0.snapshot.profile.subject < $1.snapshot.profile.subject }
        self.now = now
        self.settings = settings
    }

    package var html: String {
        var text = MarkupText()
        text.markup(
            """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="referrer" content="no-referrer">
            <title>
            """)
        text.words(title)
        text.markup("</title>\n<style>")
        text.markup(Self.style)
        text.markup("</style>\n</head>\n<body>\n")
        text.markup(Self.patterns)
        text.markup("<main>\n")
        text.markup(#"<h1>Posture</h1><p class="quiet">What workloads do, as it was learned until <span class="keep">"#)
        text.words(PageNumber.time(now))
        text.markup("</span>.</p>")
        let summaries = subjects.map { PostureSummary($0.snapshot.profile, at: now, settings: settings.summary) }
        if subjects.isEmpty { text.markup("<p>Nothing is known.</p>") }
        if subjects.count > 1 { index(summaries, &text) }
        let shown = min(subjects.count, settings.sections)
        let budget = min(settings.listSize, (settings.size - text.count) / max(1, shown))
        for (place, subject) in subjects.prefix(shown).enumerated() {
            SubjectSection(
                subject: subject, summary: summaries[place], number: place + 1, now: now, news: settings.summary.news,
                budget: budget
            ).write(to: &text)
            text.markup("\n")
        }
        text.markup("</main>\n</body>\n</html>\n")
        return text.text
    }

    private var title: String {
        guard subjects.count == 1, let subject = subjects.first?.snapshot.profile.subject else {
            return "Posture of \(subjects.count) workloads"
        }
        return "Posture of \(VisibleText(subject.workload, limit: 120).text)"
    }

    private func index(_ summaries: [PostureSummary], _ text: inout MarkupText) {
        text.markup(
            """
            <nav><table class="index"><caption class="hidden">Workloads</caption><thead><tr>\
            <th scope="col">workload</th>
            """)
        for discipline in Discipline.allCases { text.element(#"<th scope="col">"#, discipline.name, "</th>") }
        text.markup("</tr></thead><tbody>")
        for (place, summary) in summaries.enumerated() {
            text.markup(#"<tr><th scope="row">"#)
            let hasSection = place < settings.sections
            if hasSection {
                text.markup(##"<a href="#s"##)
                text.number(place + 1)
                text.markup(#"">"#)
            }
            text.name(summary.subject.workload, limit: 80)
            if hasSection { text.markup("</a>") }
            text.markup(#"<div class="quiet">"#)
            text.name(summary.subject.place, limit: 80)
            text.markup("</div></th>")
            for section in summary.sections {
                text.markup("<td>")
                StateChip(section.convergence).write(to: &text, isShort: true)
                text.markup(#"<div class="quiet">"#)
                text.words("\(section.facts) facts")
                if section.newFacts > 0 { text.words(", \(section.newFacts) new") }
                text.markup("</div></td>")
            }
            text.markup("</tr>")
        }
        text.markup("</tbody></table></nav>")
        if subjects.count > settings.sections {
            let rest = subjects.count - settings.sections
            text.element(#"<p class="quiet">"#, "\(rest) workloads are only in this list: name one to see it.", "</p>")
        }
    }
}
