// SPDX-License-Identifier: Apache-2.0

/// How what a subject does has changed between two snapshots, or between two revisions in one: folded, so that a person
/// reads patterns, and what is sensitive first.
package struct PostureDiff: Sendable {
    package struct Settings: Sendable {
        /// Lines of one kind of paths or peers, at most.
        package var patterns = 64
        /// A rate that is so many times another has changed,
        package var ratio = 4.0
        /// if so much was counted at the higher one,
        package var leastCount: UInt64 = 30
        /// and both were watched for so many hours.
        package var leastHours = 12
        /// What was to be seen so often, and was not, is gone.
        package var leastExpected = 3.0

        package init() {}
    }

    package let before: PostureView
    package let after: PostureView
    /// The later one has all of the earlier one in it: only the time between them tells what is over.
    package let isContinuation: Bool
    /// Hours in which each was watched; of a continuation, `after` are those since `before`.
    package let hours: (before: Int, after: Int)
    /// By change, what is sensitive first, then by kind and count.
    package let changes: [PostureChange]
    /// Kinds of which there was no room for all: what is said of them is not all there is.
    package let overflows: [Overflow]

    package struct Overflow: Sendable, Equatable {
        package var kind: FactKind
        /// Facts there was no room for, about.
        package var before: UInt64
        package var after: UInt64
    }

    package init(before: PostureView, after: PostureView, settings: Settings = Settings()) {
        let exposure = Exposure(before, after)
        (self.before, self.after) = (before, after)
        isContinuation = exposure.isContinuation
        hours = (exposure.before, exposure.after)
        changes = DiffRun(before: before, after: after, exposure: exposure, settings: settings).changes
        overflows = FactKind.allCases.compactMap { kind in
            let (one, other) = (before.overflow(of: kind), after.overflow(of: kind))
            return one == nil && other == nil ? nil : Overflow(kind: kind, before: one ?? 0, after: other ?? 0)
        }
    }

    /// What one of them has of kinds that this version does not know was not compared.
    package var hasUnknownFacts: Bool { before.hasUnknownFacts || after.hasUnknownFacts }

    package var isEmpty: Bool { changes.isEmpty }
}
