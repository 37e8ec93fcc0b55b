// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// What was watched, and what was not: alike rows of several containers together, the worst first.
struct CoverageTable {
    private struct Key: Hashable {
        var state: String
        var discipline: String
        var kind: String
        var why: String
    }

    private struct Row {
        var key: Key
        var containers: Set<String> = []
        var from: UInt64 = .max
        /// Since when some of it is so, nobody knows.
        var hasUnknownStart = false
        var to: UInt64 = 0
        var seconds: UInt64 = 0
        var lost: [String: UInt64] = [:]
    }

    private let rows: [Row]

    private static let limit = 40
    private static let states = ["blind", "lossy", "not_watched", "complete"]

    init(_ coverage: [PostureCoverage]) {
        var rows: [Key: Row] = [:]
        for message in coverage {
            let key = Key(
                state: message.state, discipline: message.discipline, kind: message.kind, why: message.why)
            var row = rows[key] ?? Row(key: key)
            row.containers.insert(message.container)
            if message.hasFrom {
                row.from = min(row.from, message.from.nanosecondsSince1970)
            } else {
                row.hasUnknownStart = true
            }
            row.to = max(row.to, message.to.nanosecondsSince1970)
            row.seconds &+= message.observedSeconds
            for loss in message.lost { row.lost["\(loss.hook) (\(loss.reason))", default: 0] &+= loss.count }
            rows[key] = row
        }
        func rank(_ row: Row) -> Int { Self.states.firstIndex(of: row.key.state) ?? -1 }
        self.rows = rows.values.sorted { one, other in
            if rank(one) != rank(other) { return rank(one) < rank(other) }
            let mine = [one.key.state, one.key.discipline, one.key.kind, one.key.why]
            return mine.lexicographicallyPrecedes(
                [other.key.state, other.key.discipline, other.key.kind, other.key.why])
        }
    }

    /// In one sentence.
    var sentence: String {
        if rows.isEmpty { return "What was watched is not known." }
        let states = Set(rows.map(\.key.state))
        if states == ["complete"] { return "All of it was watched without loss." }
        if states == ["complete", "not_watched"] || states == ["not_watched"] {
            return "Nothing that was watched was lost; what was not watched is below."
        }
        return "Not all of it was seen: what is missing from this page may have happened all the same."
    }

    func write(to text: inout MarkupText) {
        text.element("<p>", sentence, "</p>")
        if rows.isEmpty { return }
        text.markup(
            """
            <table class="coverage"><caption class="hidden">What was watched</caption><thead><tr>\
            <th scope="col">facts</th><th scope="col">watched</th><th scope="col">since, and what is missing</th></tr></thead><tbody>
            """)
        for row in rows.prefix(Self.limit) { write(row, &text) }
        text.markup("</tbody></table>")
        if rows.count > Self.limit {
            text.element(#"<p class="quiet">"#, "\(rows.count - Self.limit) more lines.", "</p>")
        }
    }

    private func since(_ row: Row) -> String {
        let time = row.hasUnknownStart ? row.to : row.from
        return (row.hasUnknownStart ? "until " : "") + PageNumber.date(day: time / 86_400_000_000_000)
    }

    private func write(_ row: Row, _ text: inout MarkupText) {
        text.markup("<tr><td>")
        text.name(row.key.kind.isEmpty ? row.key.discipline : row.key.kind, limit: 40)
        text.markup("</td><td>")
        switch row.key.state {
        case "complete": text.markup(#"<span class="chip good">complete</span>"#)
        case "lossy": text.markup(#"<span class="chip failed">lossy</span>"#)
        case "blind": text.markup(#"<span class="chip denied">blind</span>"#)
        case "not_watched": text.markup(#"<span class="chip plain">not watched</span>"#)
        default: text.name(row.key.state, limit: 40)
        }
        text.markup("</td><td>")
        text.words("\(since(row)), ")
        text.words(PageNumber.hours(Int(clamping: row.seconds / 3600)))
        let containers = row.containers.subtracting([""]).count
        if containers > 1 { text.words(" in \(containers) containers") }
        if !row.key.why.isEmpty {
            text.words(": ")
            text.name(row.key.why, limit: 200)
        }
        if !row.lost.isEmpty {
            text.markup(#"<div class="quiet">"#)
            let losses = row.lost.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            for (index, loss) in losses.prefix(6).enumerated() {
                text.words(index == 0 ? "lost " : ", ")
                text.words("\(PageNumber.grouped(loss.value)) at ")
                text.name(loss.key, limit: 60)
            }
            if losses.count > 6 { text.words(", and at \(losses.count - 6) more") }
            text.markup("</div>")
        }
        text.markup("</td></tr>")
    }
}
