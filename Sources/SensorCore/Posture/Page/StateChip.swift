// SPDX-License-Identifier: Apache-2.0

/// How well something is known, and why that is said.
struct StateChip {
    private let estimate: ConvergenceEstimate

    init(_ estimate: ConvergenceEstimate) { self.estimate = estimate }

    func write(to text: inout MarkupText, isShort: Bool = false) {
        switch estimate.state {
        case .converged: text.markup(#"<span class="chip good">converged</span>"#)
        case .converging: text.markup(#"<span class="chip failed">converging</span>"#)
        case .learning: text.markup(#"<span class="chip plain">learning</span>"#)
        case .drifting: text.markup(#"<span class="chip denied">drifting</span>"#)
        }
        if isShort { return }
        text.element(#" <span class="quiet">"#, reason, "</span>")
    }

    private var reason: String {
        switch estimate.reason {
        case .nothingSeen: "nothing seen"
        case .belowFloor: "not watched for long enough"
        case .lossy: "too much was lost"
        case .unseenAboveThreshold: "more may be new than the threshold"
        case .rateAboveThreshold: "more is new than the threshold"
        case .ceilingReached: "as well as it will be"
        case .withinThresholds: "within thresholds"
        case .newFacts: "more is new than was to be expected"
        }
    }
}
