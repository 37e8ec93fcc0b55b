// SPDX-License-Identifier: Apache-2.0

/// What there is to say of subjects at a tick.
package struct JournalBatch: Sendable {
    /// To be told.
    var records: [RecordContent] = []
    /// To be kept: parts of what is known of subjects; nil: no more.
    var shares: [ShareKey: PostureRecord?] = [:]

    /// Subjects whose shares are to be read again.
    var wanted: Set<SubjectKey> = []

    package var isEmpty: Bool { records.isEmpty && shares.isEmpty && wanted.isEmpty }

    /// What comes later counts.
    mutating func add(_ later: JournalBatch) {
        shares.merge(later.shares) { $1 }
        records += later.records
        wanted.formUnion(later.wanted)
    }
}
