// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

extension PostureAssessment {
    /// - Parameter scope: `node` or `subject`.
    init(_ assessment: ProfileAssessment, scope: String) {
        self.init()
        self.scope = scope
        convergence =
            assessment.disciplines.map { PostureEstimate($0.estimate, discipline: $0.discipline.name) }
            + assessment.tools.map { PostureEstimate($0.estimate, tool: $0.name) }
        shifts = assessment.shifts.map { PostureShift($0) }
        leftOut = UInt32(clamping: assessment.report.leftOut)
        tests = UInt32(clamping: assessment.report.tests)
        insufficient = UInt32(clamping: assessment.report.insufficient)
        correction = ExerciseReport.correction
    }
}

extension PostureEstimate {
    fileprivate init(_ estimate: ConvergenceEstimate, discipline: String = "", tool: String = "") {
        self.init()
        (self.discipline, self.tool) = (discipline, tool)
        (state, reason) = (estimate.state.rawValue, estimate.reason.rawValue)
        since = Google_Protobuf_Timestamp(nanosecondsSince1970: UInt64(estimate.since) * 3_600_000_000_000)
        facts = UInt64(estimate.facts.seen)
        (unseen, unseenLow, unseenHigh) = (estimate.facts.unseen, estimate.facts.unseenLow, estimate.facts.unseenHigh)
        (newPerDay, days, coverage) = (estimate.newPerDay, estimate.effectiveDays, estimate.coverage)
    }
}

extension PostureShift {
    fileprivate init(_ known: ProfileAssessment.Shift) {
        self.init()
        let shift = known.shift
        (kind, of, name, category) = (shift.kind.rawValue, known.of.rawValue, known.name, known.category)
        (windowDays, historyDays) = (UInt32(clamping: shift.window), UInt32(clamping: shift.historyDays))
        (baseline, recent, distance) = (shift.baseline, shift.recent, shift.distance)
        if let chance = shift.chance { self.chance = chance }
        if let corrected = shift.correctedChance { correctedChance = corrected }
        if let hour = shift.hour { self.hour = UInt32(clamping: hour) }
    }
}
