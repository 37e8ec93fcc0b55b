// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// What is known of workloads, for a person at a terminal.
struct PosturePage {
    let palette: Palette
    /// Wall clock, nanoseconds since 1970.
    let now: UInt64

    /// Lines of each kind of facts that a page shows.
    private static let lineLimit = 12

    static func wallTime() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// A line for each.
    func list(_ shares: [PostureShare]) -> String {
        shares.map { share in
            let summary = PostureSummary(share.profile, at: now)
            let states = summary.sections.map { section in
                "\(section.discipline.name) \(section.facts)\(news(section)) \(section.convergence.state.rawValue)"
            }
            return "\(name(summary.subject))  \(states.joined(separator: " · "))\n"
        }.joined()
    }

    func page(_ share: PostureShare) -> String {
        let summary = PostureSummary(share.profile, at: now)
        var text = coloured(name(summary.subject), .boldYellow) + "\n"
        text += "  this node's share, as of \(age(share.time)) ago; replicas \(summary.replicas.count)\n"
        text += coverage(share.coverage)
        for section in summary.sections {
            text += "\n" + coloured(section.discipline.name, .cyan) + "  \(section.facts) facts\(news(section)), "
            text += state(section.convergence) + "\n"
            text += lines(section)
        }
        if !summary.tools.isEmpty { text += "\n" + coloured("tools", .cyan) + "\n" + tools(summary) }
        text += shifts(summary.assessment)
        return text
    }

    // MARK: Parts

    private func name(_ subject: SubjectKey) -> String {
        let place = subject.namespace.isEmpty ? "" : "\(subject.namespace) "
        let own = subject.name.isEmpty ? subject.kind : "\(subject.kind)/\(subject.name)"
        let type = subject.containerType.isEmpty || subject.containerType == "main" ? "" : " (\(subject.containerType))"
        let container = subject.container.isEmpty ? type : " · \(subject.container)\(type)"
        return shown("\(place)\(own)\(container)")
    }

    private func news(_ section: PostureSummary.Section) -> String {
        section.newFacts == 0 ? "" : " (\(section.newFacts) new this week)"
    }

    private func state(_ estimate: ConvergenceEstimate) -> String {
        let reason = estimate.reason.rawValue.replacing("_", with: " ")
        let colour: Palette.Colour =
            switch estimate.state {
            case .converged: .green
            case .drifting: .boldRed
            case .learning, .converging: .yellow
            }
        var text = coloured(estimate.state.rawValue, colour) + ": \(reason)"
        text += ", \(decimal(estimate.effectiveDays)) days observed"
        if estimate.facts.unseen >= 0.05 { text += ", about \(decimal(estimate.facts.unseen)) facts not seen yet" }
        return text
    }

    private func lines(_ section: PostureSummary.Section) -> String {
        var text = ""
        for (kind, lines) in Dictionary(grouping: section.lines, by: \.kind).sorted(by: {
            $0.key.rawValue < $1.key.rawValue
        }) {
            // Tools and what was done for them are told by themselves.
            if kind == .effect || kind == .tool { continue }
            for line in lines.prefix(Self.lineLimit) { text += self.line(line) }
            let others = lines.dropFirst(Self.lineLimit)
            if !others.isEmpty {
                let count = others.reduce(0) { $0 &+ $1.count }
                text += "  \(padded(kind.name, 11))\(padded(times(count), 9, isRight: true))  … \(others.count) more\n"
            }
        }
        return text
    }

    private func line(_ line: PostureSummary.Line) -> String {
        var text = "  \(padded(line.kind.name, 11))\(padded(times(line.count), 9, isRight: true))  \(shown(line.text))"
        if line.outcome != .ok { text += " " + coloured(line.outcome.name, .red) }
        if line.sent > 0 || line.received > 0 { text += "  \(bytes(line.sent)) out, \(bytes(line.received)) in" }
        if !line.initiatorKind.isEmpty { text += "  for \(shown(line.initiatorKind))" }
        if line.firstSeen &+ PostureSummary.Settings().news > now { text += coloured("  new", .green) }
        if let overflow = line.overflow { text += "  about \(overflow) that there was no room to tell apart" }
        if line.facts > 1 {
            let examples = line.exemplars.prefix(2).map(shown).joined(separator: ", ")
            text += coloured("  \(line.isEstimate ? "about " : "")\(line.facts) of them: \(examples)", .dim)
        }
        return text + "\n"
    }

    /// What is done otherwise than before.
    private func shifts(_ assessment: ProfileAssessment) -> String {
        if assessment.shifts.isEmpty { return "" }
        var text = "\n" + coloured("otherwise than before", .cyan) + "\n"
        for shift in assessment.shifts.prefix(Self.lineLimit) { text += "  \(line(shift))\n" }
        let others = assessment.shifts.count - Self.lineLimit + assessment.report.leftOut
        return text + (others > 0 ? "  … \(others) more\n" : "")
    }

    private func line(_ known: ProfileAssessment.Shift) -> String {
        let shift = known.shift
        let words = shift.kind.rawValue.replacing("_", with: " ")
        var text = "\(padded(words, 16)) \(known.of.rawValue)"
        if !known.name.isEmpty { text += " \(shown(known.name))" }
        if !known.category.isEmpty { text += ": \(shown(known.category))" }
        text += "  \(decimal(shift.baseline)) → \(decimal(shift.recent)) a day"
        if let hour = shift.hour { text += ", hour \(hour) UTC" }
        text += shift.window == 0 ? ", today" : ", last \(shift.window) days"
        if let chance = shift.correctedChance ?? shift.chance { text += "  p \(probability(chance))" }
        return text
    }

    private func probability(_ chance: Double) -> String {
        chance < 0.001 ? "< 0.001" : "\((chance * 1000).rounded() / 1000)"
    }

    private func tools(_ summary: PostureSummary) -> String {
        let states = Dictionary(summary.assessment.tools.map { ($0.name, $0.estimate.state) }, uniquingKeysWith: { $1 })
        return summary.tools.map { tool in
            var text = "  \(padded(times(tool.calls), 9, isRight: true))  \(shown(tool.name))"
            if tool.denied > 0 { text += coloured("  \(tool.denied) denied", .red) }
            if let state = states[tool.name] { text += "  \(state.rawValue)" }
            if tool.failed > 0 { text += coloured("  \(tool.failed) failed", .red) }
            text += "\n"
            for effect in tool.effects.prefix(5) {
                text += "               \(padded(effect.kind, 10)) \(shown(effect.what))  \(times(effect.count))"
                text += (effect.outcome == .ok ? "" : " " + coloured(effect.outcome.name, .red)) + "\n"
            }
            if tool.effects.count > 5 { text += "               … \(tool.effects.count - 5) more\n" }
            return text
        }.joined()
    }

    private func coverage(_ rows: [PostureCoverage]) -> String {
        let worst = rows.filter { $0.state == "lossy" || $0.state == "blind" }
        if rows.isEmpty { return "  " + coloured("what was watched is not known", .red) + "\n" }
        if worst.isEmpty { return "  " + coloured("watched without loss", .green) + "\n" }
        var text = ""
        for row in worst.prefix(4) {
            let what = row.kind.isEmpty ? row.discipline : row.kind
            let lost = row.lost.filter { $0.count > 0 }.map { "\($0.count) at \($0.hook) (\($0.reason))" }
                .joined(separator: ", ")
            let why = [lost, row.why].filter { !$0.isEmpty }.joined(separator: "; ")
            text += "  " + coloured("\(what) \(row.state)", .red) + ": \(shown(why))\n"
        }
        if worst.count > 4 { text += "  … \(worst.count - 4) more\n" }
        return text
    }

    // MARK: Words

    private func times(_ count: UInt64) -> String {
        switch count {
        case 0..<10_000: "\(count)×"
        case 10_000..<10_000_000: "\(count / 1000)k×"
        default: "\(count / 1_000_000)M×"
        }
    }

    private func bytes(_ count: UInt64) -> String {
        switch count {
        case 0..<10_240: "\(count) B"
        case 10_240..<10_485_760: "\(count >> 10) KiB"
        default: "\(count >> 20) MiB"
        }
    }

    private func age(_ time: UInt64) -> String {
        let seconds = (now - min(now, time)) / 1_000_000_000
        return seconds < 120 ? "\(seconds) s" : seconds < 7200 ? "\(seconds / 60) min" : "\(seconds / 3600) h"
    }

    private func decimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }

    private func padded(_ text: String, _ columns: Int, isRight: Bool = false) -> String {
        let room = String(repeating: " ", count: max(columns - text.count, 0))
        return isRight ? room + text : text + room
    }

    private func shown(_ text: String) -> String { String(decoding: TerminalText(text).bytes, as: UTF8.self) }

    private func coloured(_ text: String, _ colour: Palette.Colour) -> String {
        var bytes: [UInt8] = []
        palette.write(colour, to: &bytes)
        bytes += Array(text.utf8)
        palette.reset(after: colour, in: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }
}
