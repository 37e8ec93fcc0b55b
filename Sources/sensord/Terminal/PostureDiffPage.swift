// SPDX-License-Identifier: Apache-2.0

import SensorCore

/// What has changed between two snapshots, for a person at a terminal.
struct PostureDiffPage {
    let palette: Palette

    /// Lines of each change that are shown; sensitive ones are never left out.
    private static let lineLimit = 24

    func page(_ comparison: PostureComparison) -> String {
        var text = comparison.diffs.map(page).joined(separator: "\n")
        for (subjects, place) in [(comparison.onlyBefore, "the first"), (comparison.onlyAfter, "the second")]
        where !subjects.isEmpty {
            text += (text.isEmpty ? "" : "\n") + coloured("only in \(place)", .cyan) + "\n"
            for subject in subjects { text += "  \(name(subject))\n" }
        }
        return text
    }

    func page(_ diff: PostureDiff) -> String {
        var text = coloured(name(diff.before.subject), .boldYellow) + "\n"
        text += "  \(shown(diff.before.label)) (watched \(hours(diff.hours.before))) → \(shown(diff.after.label))"
        text += " (watched \(hours(diff.hours.after))\(diff.isContinuation ? " since then" : ""))\n"
        if diff.before.revision != nil {
            text += "  " + coloured("counts are of all revisions together", .dim) + "\n"
        }
        for overflow in diff.overflows {
            let words = "about \(overflow.before), then \(overflow.after) facts that there was no room to tell apart"
            text += "  " + coloured("\(overflow.kind.name): \(words)", .red) + "\n"
        }
        if diff.hasUnknownFacts {
            text += "  " + coloured("facts of kinds that this version does not know were left out", .red) + "\n"
        }
        if diff.isEmpty { return text + "  nothing has changed\n" }
        for nature in PostureChange.Nature.allCases {
            let changes = diff.changes.filter { $0.nature == nature }
            if changes.isEmpty { continue }
            let (title, mark, colour) = Self.words(nature)
            text += "\n" + coloured(title, .cyan) + "  \(changes.count)\n"
            for (index, change) in changes.enumerated()
            where index < Self.lineLimit || change.sensitivity != .ordinary {
                text += line(change, mark, colour)
            }
            let others = changes.dropFirst(Self.lineLimit).count { $0.sensitivity == .ordinary }
            if others > 0 { text += "  … \(others) more\n" }
        }
        return text
    }

    private static func words(_ nature: PostureChange.Nature) -> (title: String, mark: String, Palette.Colour) {
        switch nature {
        case .added: ("new", "+", .green)
        case .removed: ("not seen any more", "-", .red)
        case .altered: ("otherwise than before", "~", .yellow)
        case .faster: ("much more often", "↑", .yellow)
        case .slower: ("much more seldom", "↓", .yellow)
        case .varied: ("the same patterns, other facts", "·", .dim)
        }
    }

    private func line(_ change: PostureChange, _ mark: String, _ colour: Palette.Colour) -> String {
        let kind = change.line.kind.name
        let room = String(repeating: " ", count: max(11 - kind.count, 1))
        var text = "  " + coloured(mark, colour) + " \(kind)\(room)\(shown(change.line.text))"
        if change.sensitivity < .guarded { text += coloured("  !", .boldRed) }
        if change.nature == .altered {
            text += "  \(list(change.qualifiersBefore)) → \(list(change.qualifiersAfter))"
        } else if change.line.qualifiers != FactQualifiers() {
            text += "  " + coloured(shown(change.line.qualifiers.text), change.line.outcome == .ok ? .plain : .red)
        }
        if let rates = change.rates, change.nature == .faster || change.nature == .slower {
            text += "  \(decimal(rates.before))/h → \(decimal(rates.after))/h"
        } else if change.nature == .varied {
            text += "  \(change.factsBefore) → \(change.factsAfter) facts"
        } else {
            text += "  \(change.nature == .removed ? change.countBefore : change.countAfter)×"
        }
        if change.nature != .varied, change.line.facts > 1 {
            let examples = change.line.exemplars.prefix(2).map(shown).joined(separator: ", ")
            text += coloured("  \(change.line.facts) of them\(examples.isEmpty ? "" : ": \(examples)")", .dim)
        }
        if let word = word(change) { text += coloured("  \(word)", .dim) }
        return text + "\n"
    }

    /// What may be made of its not being there.
    private func word(_ change: PostureChange) -> String? {
        let isBefore = change.nature == .added || change.nature == .faster
        switch change.absence {
        case nil: return nil
        case .watched: return change.nature == .removed ? "gone" : nil
        case .tooShort: return "not seen, and seldom before: too short to say"
        case .unknownTime: return "not seen\(isBefore ? " before" : ""), and for how long it was watched is not known"
        case .notWhollyWatched(let state):
            return "not \(isBefore ? "wholly watched before" : "seen, and not wholly watched") (\(shown(state)))"
        }
    }

    // MARK: Words

    private func list(_ qualifiers: [FactQualifiers]) -> String {
        qualifiers.isEmpty ? "+" : qualifiers.map { shown($0.text) }.joined(separator: ", ")
    }

    private func name(_ subject: SubjectKey) -> String {
        shown([subject.workload, subject.place].filter { !$0.isEmpty }.joined(separator: "  "))
    }

    private func hours(_ count: Int) -> String { count < 48 ? "\(count) h" : "\(count / 24) days" }

    private func decimal(_ value: Double) -> String {
        if value >= 10 { return "\(Int(value.rounded()))" }
        let hundredths = Int((value * 100).rounded())
        return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
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
