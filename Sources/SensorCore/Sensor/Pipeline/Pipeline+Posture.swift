// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

// What is said of subjects at a tick.
extension Pipeline {
    /// What is to be told and kept since the last tick.
    ///
    /// - Parameter all: keeps all that has changed: nothing comes after.
    mutating func takePosture(all: Bool = false) -> JournalBatch {
        if all { giveUpAwaitedLosses() }
        var batch = JournalBatch()
        batch.wanted = profiles.takeWanted()
        let told = profiles.takeChanged(limit: all ? .max : Self.toldFacts)
        for (profile, facts) in told { batch.records += records(of: profile, facts).map { RecordContent($0) } }
        let due = profiles.takeDue()
        for part in profiles.takeUnkept(told: told, whole: due, facts: all ? .max : Self.keptFacts, all: all) {
            if part.hasHeader { batch.shares[ShareKey(part.profile.subject)] = header(of: part.profile) }
            for page in part.pages {
                let key = ShareKey(part.profile.subject, page: page)
                batch.shares.updateValue(share(of: part.profile, page: page), forKey: key)
            }
        }
        batch.keptUntil = KeptUntil(profiles.keptUntil)
        for profile in profiles.takeReleased() {
            let last = records(of: profile, profile.takeChanged(at: .max, refresh: 0), isLast: true)
            batch.records += last.map { RecordContent($0) }
            // It may have come back by now, which is another share in the same place.
            for key in [ShareKey(profile.subject)]
                + Set(0..<profile.pageCount).union(profile.unkept.pages).map({ ShareKey(profile.subject, page: $0) })
            where batch.shares[key] == nil {
                batch.shares.updateValue(nil, forKey: key)
            }
        }
        if let profile = due { batch.records += whole(profile).map { RecordContent($0) } }
        batch.records += takeNodeRecords(all: all).map { RecordContent($0) }
        return batch
    }

    /// What was known before a restart.
    mutating func restore(_ restored: PostureJournal.Restored) {
        node.wasKilled = restored.wasKilled
        profiles.restore(
            restored.shares, damaged: restored.damaged, wasKilled: restored.wasKilled,
            keptUntil: restored.keptUntil?.time)
    }

    /// What was known of subjects that there was no room for then.
    mutating func restore(_ reread: PostureJournal.Reread) {
        profiles.restore(waiting: reread.shares, asked: reread.asked)
    }

    /// Facts that are kept at a tick, about: to write one down takes a few microseconds.
    private static let keptFacts = 6_000
    /// Facts on the pages of which some are told at a tick, about.
    private static let toldFacts = 2_000

    private func records(of profile: Profile, _ facts: [Int], isLast: Bool = false) -> [PostureRecord] {
        let tools = facts.isEmpty ? [] : profile.toolNames
        var messages = facts.map { index in
            var message = profile.message(of: index)
            message.tools = profile.tools(of: index, among: tools)
            return message
        }
        for kind in profile.takeOverflow() {
            if let overflow = profile.overflow[kind] { messages.append(Profile.message(kind, overflow)) }
        }
        let coverage = profile.withOverflow(profile.coverage.summary(profiles.hooks))
        let isDue = isLast || profile.takeCoverageNews()
        if messages.isEmpty, !isDue { return [] }
        return messages.batches().map { facts in
            var record = record(of: profile)
            record.coverage = coverage
            record.facts = PostureFacts.with {
                $0.facts = Array(facts)
                $0.writer = profile.writer
                $0.last = isLast && facts.endIndex == messages.endIndex
            }
            return record
        }
    }

    /// All that is known of a subject, and what follows from it, in as many records as it takes.
    private func whole(_ profile: Profile) -> [PostureRecord] {
        let message = profile.message()
        var shared = SharedProfile(profile.subject)
        shared.merge(message)
        let assessment = ProfileAssessment(shared, at: profiles.clock.now)
        for (discipline, estimate) in assessment.disciplines { profile.convergence[discipline] = estimate.state }
        let parts = message.facts.addingTools().batches()
        return parts.enumerated().map { part, facts in
            var record = record(of: profile)
            record.coverage = profile.withOverflow(profile.coverage.messages(profiles.hooks))
            if part == 0 {
                record.profile = message
                record.profile.assessment = PostureAssessment(assessment, scope: "node")
            }
            record.profile.facts = Array(facts)
            record.profile.writer = profile.writer
            (record.profile.part, record.profile.parts) = (UInt32(part), UInt32(parts.count))
            return record
        }
    }

    private func header(of profile: Profile) -> PostureRecord {
        var record = record(of: profile)
        record.coverage = profile.withOverflow(profile.coverage.messages(profiles.hooks))
        record.profile = profile.header()
        return record
    }

    /// nil: there are no facts on it any more.
    private func share(of profile: Profile, page: Int) -> PostureRecord? {
        guard page < profile.pageCount else { return nil }
        var record = record(of: profile)
        record.profile = PostureProfile.with {
            $0.facts = profile.facts(of: page).map(profile.keptMessage)
            $0.writer = profile.writer
        }
        return record
    }

    private func record(of profile: Profile) -> PostureRecord {
        var record = record()
        record.subject = PostureSubject(profile.subject)
        return record
    }

    /// A record of a call that is over.
    mutating func content(of record: ToolCallRecord) -> RecordContent {
        // One object with one member, and a line feed.
        let body = record.line.dropFirst(#"{"toolCall":"#.utf8.count).dropLast(2)
        return RecordContent(head(of: record.workload), "toolCall", body: body)
    }

    /// - Parameter anomaly: of that kind.
    mutating func content(of anomaly: Event) -> RecordContent {
        var json: [UInt8] = []
        EventEncoder(stream: session.streamID).encode(anomaly, into: &json)
        return RecordContent(head(of: anomaly.workload), "anomaly", body: json.dropLast())
    }

    /// Of records of a workload between two ticks: a busy agent has thousands of them.
    mutating func head(of workload: WorkloadDescription) -> RecordHead {
        if let latest = latestHead, latest.workload === workload, latest.time == clock.boot { return latest.head }
        var message = record()
        message.subject = PostureSubject(SubjectKey(workload.identity))
        let head = RecordHead(message)
        latestHead = (workload, clock.boot, head)
        return head
    }

    /// Of the node.
    func record() -> PostureRecord {
        PostureRecord.with {
            $0.schema = PostureRecord.currentSchema
            $0.node = session.node
            $0.boot = session.bootID
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: profiles.clock.now)
            $0.bootTime = clock.boot
        }
    }
}
