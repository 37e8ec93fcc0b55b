// SPDX-License-Identifier: Apache-2.0

/// What there is to say of subjects at a tick.
package struct JournalBatch: Sendable {
    /// To be told before all else.
    var urgent: [RecordContent] = []
    /// To be told.
    var records: [RecordContent] = []
    /// To be told where there is room for them.
    var events: [EventRecord] = []
    /// Events that had to go before they came so far.
    var droppedEvents: UInt64 = 0
    /// To be kept: parts of what is known of subjects; nil: no more.
    var shares: [ShareKey: PostureRecord?] = [:]
    /// Until when all is kept, once this is; nil: as before.
    var keptUntil: KeptUntil?
    /// Subjects whose shares are to be read again.
    var wanted: Set<SubjectKey> = []

    package var isEmpty: Bool {
        urgent.isEmpty && records.isEmpty && events.isEmpty && droppedEvents == 0 && shares.isEmpty && wanted.isEmpty
    }

    /// What comes later counts.
    mutating func add(_ later: JournalBatch) {
        shares.merge(later.shares) { $1 }
        urgent += later.urgent
        records += later.records
        events += later.events
        droppedEvents += later.droppedEvents
        wanted.formUnion(later.wanted)
        keptUntil = later.keptUntil ?? keptUntil
    }
}
