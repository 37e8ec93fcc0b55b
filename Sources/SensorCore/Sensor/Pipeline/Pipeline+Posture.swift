// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

// What is said of subjects at a tick.
extension Pipeline {
    /// What is to be told and kept since the last tick.
    ///
    /// - Parameter all: keeps all that has changed: nothing comes after.
    mutating func takePosture(all: Bool = false) -> PostureBatch {
        var batch = PostureBatch()
        var new: Set<SubjectKey> = []
        for (profile, facts) in profiles.takeChanged(at: clock.wall(clock.boot), limit: all ? .max : Self.toldFacts) {
            var messages = facts.map(profile.message)
            for kind in profile.takeOverflow() {
                if let overflow = profile.overflow[kind] { messages.append(Profile.message(kind, overflow)) }
            }
            for start in stride(from: 0, to: messages.count, by: Self.factsOfRecord) {
                var record = record(of: profile)
                record.coverage = profile.withOverflow(profile.coverage.summary())
                record.facts = PostureFacts.with {
                    $0.facts = Array(messages[start..<min(start + Self.factsOfRecord, messages.count)])
                }
                batch.records.append(record)
            }
            new.insert(profile.subject)
        }
        batch.shares = profiles.takeDirty(new: new, facts: all ? .max : Self.keptFacts).map { profile in
            var record = record(of: profile)
            record.coverage = profile.withOverflow(profile.coverage.messages())
            record.profile = profile.message()
            return (profile.subject, record)
        }
        return batch
    }

    /// What was known before a restart.
    mutating func restore(_ shares: [PostureRecord]) {
        for share in shares {
            if case .profile(let profile)? = share.body {
                profiles.restore(SubjectKey(share.subject), profile, share.coverage)
            }
        }
    }

    /// Facts that are kept at a tick, about: to write one down takes a few microseconds.
    private static let keptFacts = 5_000
    /// Facts that are told at a tick, and in one record.
    private static let toldFacts = 5_000
    private static let factsOfRecord = 200

    private func record(of profile: Profile) -> PostureRecord {
        PostureRecord.with {
            $0.schema = PostureRecord.currentSchema
            $0.node = session.node
            $0.boot = session.bootID
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: clock.wall(clock.boot))
            $0.bootTime = clock.boot
            $0.subject = PostureSubject(profile.subject)
        }
    }
}
