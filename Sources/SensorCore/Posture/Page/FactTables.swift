// SPDX-License-Identifier: Apache-2.0

/// The facts of one discipline, a table for each kind: the first lines at once, the others on demand.
struct FactTables {
    let section: PostureSummary.Section
    /// Wall clock, nanoseconds since 1970.
    let now: UInt64
    let news: UInt64
    /// The page is long enough when it has so many bytes.
    let bound: Int

    private static let shownLines = 8

    func write(to text: inout MarkupText) {
        let kinds = Dictionary(grouping: section.lines, by: \.kind).sorted { $0.key.rawValue < $1.key.rawValue }
        if kinds.isEmpty { text.markup(#"<p class="quiet">Nothing was seen.</p>"#) }
        for (kind, all) in kinds {
            // What is new is what a person looks for.
            let lines = all.filter(isNew) + all.filter { !isNew($0) }
            var rest = lines[...]
            table(kind, &rest, lines.count { $0.overflow == nil }, until: Self.shownLines, &text)
            guard !rest.isEmpty else { continue }
            if text.count >= bound {
                text.element(
                    #"<p class="quiet">"#, "\(rest.count) more lines, for which this page has no room.", "</p>")
                continue
            }
            text.element("<details><summary>", "\(rest.count) more of \(kind.name)", "</summary>")
            table(nil, &rest, 0, until: .max, &text)
            if !rest.isEmpty {
                text.element(
                    #"<p class="quiet">"#, "\(rest.count) more lines, for which this page has no room.", "</p>")
            }
            text.markup("</details>")
        }
    }

    /// - Parameter kind: nil: the table goes on.
    private func table(
        _ kind: FactKind?, _ lines: inout ArraySlice<PostureSummary.Line>, _ count: Int, until limit: Int,
        _ text: inout MarkupText
    ) {
        text.markup(#"<table class="facts"><caption>"#)
        if let kind {
            let facts = lines.reduce(0) { $0 + ($1.overflow == nil ? $1.facts : 0) }
            text.element("<b>", kind.name, "</b>")
            if facts > 0 { text.words(facts == count ? " \(facts)" : " \(facts) in \(count) lines") }
        } else {
            text.markup(#"<span class="hidden">continued</span>"#)
        }
        text.markup(
            """
            </caption><colgroup><col class="first"><col></colgroup><thead class="hidden"><tr><th scope="col">times</th>\
            <th scope="col">what</th></tr></thead><tbody>
            """)
        var written = 0
        while written < limit, let line = lines.first, written == 0 || text.count < bound {
            row(line, &text)
            lines.removeFirst()
            written += 1
        }
        text.markup("</tbody></table>")
    }

    private func isNew(_ line: PostureSummary.Line) -> Bool {
        line.overflow == nil && line.firstSeen &+ news > now
    }

    private func row(_ line: PostureSummary.Line, _ text: inout MarkupText) {
        text.element(#"<tr><td class="count">"#, PageNumber.grouped(line.count) + "×", #"</td><td class="what">"#)
        if let overflow = line.overflow {
            text.element(
                "<i>", "about \(PageNumber.grouped(overflow)) others that there was no room to tell apart", "</i>")
        } else {
            text.name(line.text)
        }
        switch line.outcome {
        case .ok: break
        case .denied: text.markup(#" <span class="chip denied">denied</span>"#)
        case .failed: text.markup(#" <span class="chip failed">failed</span>"#)
        }
        if isNew(line) { text.markup(#" <span class="chip new">new</span>"#) }
        text.markup(#"<div class="quiet">"#)
        let (first, last) = (line.firstSeen / 86_400_000_000_000, line.lastSeen / 86_400_000_000_000)
        text.words(PageNumber.date(day: first))
        if last != first { text.words(" – \(PageNumber.date(day: last))") }
        if line.sent > 0 || line.received > 0 {
            text.words(" · \(PageNumber.bytes(line.sent)) out, \(PageNumber.bytes(line.received)) in")
        }
        who(line, &text)
        if line.facts > 1 {
            text.words(" · \(line.isEstimate ? "about " : "")\(line.facts) of them")
            for (index, exemplar) in line.exemplars.prefix(3).enumerated() {
                text.words(index == 0 ? ": " : ", ")
                text.name(exemplar, limit: 80)
            }
        }
        text.markup("</div></td></tr>")
    }

    private func who(_ line: PostureSummary.Line, _ text: inout MarkupText) {
        let parts = [("as", line.serviceAccount), ("for", line.initiatorKind), ("by", line.agent)]
        for (word, name) in parts where !name.isEmpty {
            text.words(" · \(word) ")
            text.name(name, limit: 64)
        }
    }
}
