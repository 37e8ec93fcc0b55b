// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct ClockClampTests {
    private static let hour: UInt64 = 3_600_000_000_000
    private static let now = 20_000 * 24 * hour + 12 * hour
    private static let day = 24 * hour

    /// A share of a node whose clock is ahead by so much.
    private func record(ahead: UInt64) -> PostureRecord {
        let subject = SubjectKey(kind: "Host")
        let profile = Profile(subject, seed: 1)
        for back in [2 * Self.day, Self.day, 0] {
            profile.note(
                .init(key: FactKey(.file, "/a", "READ")), FactQualifiers(),
                Profile.Deed(count: 2, time: Self.now + ahead - back, replica: "p", executable: "/bin/a"))
            profile.observe("c", at: Self.now + ahead - back, elapsed: 10, announcesCalls: false)
        }
        return PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, "n")
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: Self.now + ahead)
            $0.subject = PostureSubject(subject)
            $0.profile = profile.message()
        }
    }

    private func clamped(_ record: PostureRecord) -> (PostureRecord, Bool) {
        var (record, clamp) = (record, ClockClamp(now: Self.now))
        clamp.clamp(&record)
        return (record, clamp.isClamped)
    }

    @Test(arguments: [0, 60_000_000_000] as [UInt64])
    func `times up to now are left alone`(_ ahead: UInt64) {
        let record = record(ahead: ahead)
        #expect(clamped(record) == (record, false))
    }

    @Test(arguments: [1, 2, 30, 400, 30_000] as [UInt64])
    func `times ahead are taken for now, and forget nothing of what others saw`(_ days: UInt64) throws {
        let (ahead, isClamped) = clamped(record(ahead: days * Self.day))
        #expect(isClamped)
        #expect(ahead.time.nanosecondsSince1970 == Self.now)
        var shared = SharedProfile(SubjectKey(ahead.subject))
        shared.merge(record(ahead: 0).profile)
        let before = shared
        var late = ahead.profile
        late.writer = "late"
        shared.merge(late)
        let (fact, known) = (try #require(shared.facts.values.first), try #require(before.facts.values.first))
        #expect(shared.time.observed.count >= before.time.observed.count)
        #expect(shared.time.observed.days?.upperBound == before.time.observed.days?.upperBound)
        #expect(fact.sightings.days.latest == known.sightings.days.latest)
        #expect(fact.sightings.days.count >= known.sightings.days.count)
        #expect(fact.lastSeen <= Self.now && fact.counts.count == 12)
        #expect(fact.writers["late"]?.days.latest ?? 0 <= 20_000)
        // Clamped once is clamped.
        #expect(clamped(ahead) == (ahead, false))
    }
}
