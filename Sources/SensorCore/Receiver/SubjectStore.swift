// SPDX-License-Identifier: Apache-2.0

/// All subjects, as far as there is room.
struct SubjectStore {
    private(set) var subjects: [SubjectKey: ReceivedSubject] = [:]
    private(set) var factCount = 0
    private(set) var writerCount = 0
    /// Records of subjects, or of writers, for which there was no room.
    private(set) var leftOutRecords: UInt64 = 0
    /// Facts for which there was none.
    private(set) var leftOutFacts: UInt64 = 0
    /// Times that a rollout was named for which there was none.
    private(set) var leftOutRevisions: UInt64 = 0
    private(set) var revision: UInt64 = 0
    private let limits: ReceiverLimits

    init(limits: ReceiverLimits) { self.limits = limits }

    /// In order.
    var keys: [SubjectKey] { subjects.keys.sorted() }

    /// Takes in a record of the body `facts` or `profile`.
    ///
    /// - Parameter page: that its facts were kept on; nil: it is new here.
    /// - Returns: what has changed.
    mutating func merge(_ record: PostureRecord, node: String, page: UInt32? = nil) -> [ReceiverKey] {
        let key = SubjectKey(record.subject)
        let (name, told): (String, Int)
        switch record.body {
        case .facts(let facts)?: (name, told) = (facts.writer, facts.facts.count)
        case .profile(let profile)?: (name, told) = (profile.writer, profile.facts.count)
        default: return []
        }
        let writer = ReceivedSubject.writer(name, of: node)
        let isKnown = subjects[key]?.writers[writer] != nil
        guard subjects[key] != nil || subjects.count < limits.subjects, isKnown || writerCount < limits.writers else {
            leftOutRecords += 1
            // What was kept and has no room now was counted when it came.
            return page == nil ? leaveOut(told, of: key) : []
        }
        if !isKnown { writerCount += 1 }
        // Taken out meanwhile, so that it is changed where it stands.
        var subject = subjects.removeValue(forKey: key) ?? ReceivedSubject(key)
        let (facts, leftOut, leftOutRevisions) = (subject.factCount, subject.leftOut, subject.leftOutRevisions)
        let pages = subject.merge(record, node: node, room: limits.facts - factCount, limits: limits, page: page)
        factCount += subject.factCount - facts
        leftOutFacts += subject.leftOut - leftOut
        self.leftOutRevisions += subject.leftOutRevisions - leftOutRevisions
        revision += 1
        subject.revision = revision
        subjects[key] = subject
        var changed: [ReceiverKey] = [.share(key, writer: writer, page: nil)]
        changed += pages.sorted().map { .share(key, writer: writer, page: $0) }
        if subject.leftOut != leftOut { changed.append(.leftOut(key)) }
        return changed
    }

    /// Whoever asks for a subject sees that not all nodes' facts are there.
    private mutating func leaveOut(_ facts: Int, of key: SubjectKey) -> [ReceiverKey] {
        guard facts > 0, subjects[key] != nil else { return [] }
        leftOutFacts += UInt64(facts)
        revision += 1
        subjects[key]?.leftOut += UInt64(facts)
        subjects[key]?.revision = revision
        return [.leftOut(key)]
    }

    /// As it was kept. Before or after the subject's shares.
    mutating func restore(leftOut: UInt64, of key: SubjectKey) {
        guard subjects[key] != nil || subjects.count < limits.subjects else { return }
        subjects[key, default: ReceivedSubject(key)].leftOut += leftOut
    }
}
