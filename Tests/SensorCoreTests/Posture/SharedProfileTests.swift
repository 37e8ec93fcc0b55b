// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

/// Shares merge in any order, as often as you like.
@Suite struct SharedProfileTests {
    private static let hour: UInt64 = 3_600_000_000_000
    private static let start: UInt64 = 20_000 * 24 * hour
    private let subject = SubjectKey(kind: "Deployment", name: "planner")

    /// What three writers say at several times, the later the more.
    private func shares(_ random: inout SplitMix) -> [(share: PostureProfile, writer: String)] {
        var shares: [(PostureProfile, String)] = []
        for writer in ["a", "b", "c"] {
            let profile = Profile(subject, seed: random.next())
            for step in 0..<4 {
                for _ in 0..<20 {
                    let time =
                        Self.start + UInt64(step) * 24 * Self.hour + UInt64.random(in: 0..<24, using: &random)
                        * Self.hour
                    let path = "/data/\(Int.random(in: 0..<12, using: &random))"
                    let outcome: FactQualifiers.Outcome = Bool.random(using: &random) ? .ok : .failed
                    profile.note(
                        .init(key: FactKey(.file, ByteString(path), "READ")), FactQualifiers(outcome: outcome),
                        Profile.Deed(
                            count: .random(in: 1...9, using: &random), time: time,
                            replica: ByteString("pod-\(Int.random(in: 0..<30, using: &random))"), executable: "/bin/a"))
                    profile.observe("c1", at: time, elapsed: 10, announcesCalls: false)
                }
                profile.lose(
                    LossLedger.Key(cgroup: 1, hook: 1, reason: 1, kind: 10), count: 1, of: "c1",
                    at: Self.start + UInt64(step) * 24 * Self.hour)
                shares.append((profile.message(), writer))
            }
        }
        return shares
    }

    private static func share(_ share: PostureProfile, of writer: String) -> PostureProfile {
        var share = share
        share.writer = writer
        return share
    }

    private func merged(_ shares: [(share: PostureProfile, writer: String)]) -> SharedProfile {
        shares.reduce(into: SharedProfile(subject)) { $0.merge(Self.share($1.share, of: $1.writer)) }
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `in any order, grouping and repetition the same comes of them`(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        let shares = shares(&random)
        let whole = merged(shares)
        #expect(!whole.facts.isEmpty && !whole.time.observed.isEmpty && whole.time.lossy[.behavioral] != nil)
        #expect(merged(shares.shuffled(using: &random)) == whole)
        #expect(merged((shares + shares).shuffled(using: &random)) == whole)
        var one = merged(Array(shares.prefix(7)))
        let other = merged(Array(shares.suffix(8)))
        one.merge(with: other)
        #expect(one == whole)
        var reversed = other
        reversed.merge(with: merged(Array(shares.prefix(7))))
        #expect(reversed == whole)
        one.merge(with: whole)
        #expect(one == whole)
    }

    @Test func `the same writer's counts are not added twice, different writers' are`() throws {
        let profile = Profile(subject, seed: 1)
        let statement = Event.Statement(key: FactKey(.egress, "a.test", "443", "TCP"), sent: 3)
        func share(_ count: UInt64) -> PostureProfile {
            profile.note(statement, FactQualifiers(), Profile.Deed(count: count, time: Self.start))
            return profile.message()
        }
        let early = share(2)
        let late = share(5)
        let shared = merged([(late, "a"), (early, "a"), (early, "b")])
        let fact = try #require(shared.facts.values.first)
        #expect(shared.facts.count == 1 && fact.counts.count == 9 && fact.counts.sent == 9)
        #expect(fact.writers.keys.sorted() == ["a", "b"])
    }

    @Test func `what a later version says is not taken for something else`() {
        var share = PostureProfile()
        share.facts = [
            PostureFact.with { $0.kind = "telepathy" }, PostureFact.with { ($0.kind, $0.outcome) = ("file", "maybe") },
        ]
        let shared = merged([(share, "a")])
        #expect(shared.facts.isEmpty && shared.hasUnknownFacts)
    }

    @Test func `what one writer has folded is one fact with what another has, in any order, and keeps its exemplars`()
        throws
    {
        var limits = Profile.Limits()
        limits.facts = 100
        func share(_ numbers: Range<Int>) -> PostureProfile {
            let profile = Profile(subject, limits: limits, seed: 1)
            for number in numbers {
                let key = FactKey(.file, ByteString("/data/\(number)/x"), "READ")
                profile.note(.init(key: key), FactQualifiers(), Profile.Deed(time: Self.start))
            }
            return profile.message()
        }
        let (one, other) = (share(0..<60), share(10..<300))
        let shared = merged([(one, "a"), (other, "b"), (one, "a")])
        #expect(shared == merged([(other, "b"), (one, "a")]))
        // 0 to 19 and 10 to 29 are told by themselves.
        #expect(shared.facts.count == 31)
        let folded = try #require(shared.facts.first { $0.key.key.isFolded })
        #expect(folded.key.key[.path] == "/data/{n}/x" && folded.value.counts.count == 40 + 270)
        #expect(folded.value.exemplars.count == 4 && folded.value.counts.distinct > 200)
        #expect(
            folded.key != SharedFact.Identity(key: FactKey(.file, "/data/{n}/x", "READ"), qualifiers: FactQualifiers()))
        var again = SharedProfile(subject)
        for writer in ["a", "b"] {
            for (identity, fact) in shared.facts {
                if let message = fact.message(identity, of: writer) { again.merge(message, writer: writer) }
            }
        }
        #expect(again.facts[folded.key]?.counts == folded.value.counts)
        let lines = FactFolding(limit: 64).lines(of: shared.facts)
        #expect(lines.map(\.text) == ["/data/{n}/x READ"] && lines[0].exemplars.count == 4)
        #expect(lines[0].count == 350 && lines[0].facts > 230)
        // To find out that there is always another one of them is nothing new.
        #expect(Discovery.all(of: shared.facts).map(\.count) == [350])
    }

    @Test func `an overflow is one fact of its kind`() throws {
        var limits = Profile.Limits()
        limits.facts = 10
        let profile = Profile(subject, limits: limits, seed: 1)
        for number in 0..<50 {
            profile.note(
                .init(key: FactKey(.file, ByteString("/\(number)"), "READ")), FactQualifiers(),
                Profile.Deed(time: Self.start))
        }
        let shared = merged([(profile.message(), "a"), (profile.message(), "b")])
        let overflow = try #require(shared.facts.first { $0.key.isOverflow })
        #expect(overflow.value.counts.count == 92 && overflow.value.counts.distinct == 46)
    }
}
