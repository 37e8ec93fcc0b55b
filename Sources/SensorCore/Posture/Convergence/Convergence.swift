// SPDX-License-Identifier: Apache-2.0

/// How well a subject's facts of one discipline, or of one tool, are known.
package enum Convergence: String, Sendable, CaseIterable {
    /// There was too little time to say.
    case learning
    /// Much is known, and new facts still come.
    case converging
    /// What is new from now on is news.
    case converged
    /// It had converged, and then more new facts came than was to be expected.
    case drifting
}

/// Subjects of which a discipline is known so well.
package struct ConvergenceCount: Sendable, Equatable {
    package var discipline: Discipline
    /// nil: it has not been assessed by this run.
    package var state: Convergence?
    package var subjects: Int
}
