// SPDX-License-Identifier: Apache-2.0

/// What there is to say of subjects at a tick.
package struct PostureBatch: Sendable {
    /// To be told.
    var records: [PostureRecord] = []
    /// To be kept: all that is known of a subject.
    var shares: [(subject: SubjectKey, record: PostureRecord)] = []

    package var isEmpty: Bool { records.isEmpty && shares.isEmpty }

    /// What comes later counts: of a subject that is here already only its latest share is kept.
    mutating func add(_ later: PostureBatch) {
        let subjects = Set(later.shares.map(\.subject))
        shares.removeAll { subjects.contains($0.subject) }
        shares += later.shares
        records += later.records
    }
}
