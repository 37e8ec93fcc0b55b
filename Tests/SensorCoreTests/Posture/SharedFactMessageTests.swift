// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct SharedFactMessageTests {
    private let subject = SubjectKey(kind: "Host")

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `what is written of each writer is merged to the same again`(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let hour: UInt64 = 3_600_000_000_000
        var shared = SharedProfile(subject)
        for writer in ["a", "b"] {
            var limits = Profile.Limits()
            limits.facts = 20
            let profile = Profile(subject, limits: limits, seed: random.next())
            // Some fold, for the others there is no room in the end.
            let names = (0..<15).map { "/\($0)" } + "abcdefghijklmno".map { "/\($0)" }
            for _ in 0..<150 {
                profile.note(
                    .init(
                        key: FactKey(.file, ByteString(names.randomElement(using: &random) ?? ""), "READ"), sent: 3),
                    FactQualifiers(serviceAccount: "s"),
                    Profile.Deed(
                        count: .random(in: 1...40, using: &random),
                        time: (20_000 * 24 + .random(in: 0..<900, using: &random)) * hour,
                        replica: ByteString("p\(Int.random(in: 0..<20, using: &random))"),
                        executable: ByteString("/bin/\(writer)"))
                )
                profile.observe(
                    "c", at: (20_000 * 24 + .random(in: 0..<900, using: &random)) * hour, elapsed: 10,
                    announcesCalls: false)
            }
            var message = profile.message()
            message.writer = writer
            shared.merge(message)
        }
        var again = SharedProfile(subject)
        for writer in ["a", "b"] {
            var message = shared.header(of: writer)
            message.writer = writer
            message.facts = shared.facts.compactMap { $0.value.message($0.key, of: writer) }
            again.merge(message)
        }
        #expect(shared.facts.keys.contains { $0.isOverflow } && shared.facts.keys.contains { $0.key.isFolded })
        #expect(again == shared)
    }

    @Test func `all writers together are their sum`() throws {
        var shared = SharedProfile(subject)
        for (writer, count) in [("a", 2), ("b", 20)] as [(String, UInt64)] {
            let profile = Profile(subject, seed: 1)
            for day in 0..<3 as Range<UInt64> {
                profile.note(
                    .init(key: FactKey(.file, "/a", "READ")), FactQualifiers(),
                    Profile.Deed(count: count, time: (20_000 + day) * 24 * 3_600_000_000_000))
            }
            var message = profile.message()
            message.writer = writer
            shared.merge(message)
        }
        let (identity, fact) = try #require(shared.facts.first)
        let message = fact.message(identity)
        #expect(message.count == 66 && message.key.path == "/a" && message.outcome == "ok")
        #expect(message.days.latestDay == 20_002 && message.days.count == 22 && Array(message.days.earlier).count == 2)
        #expect(message.attribution.none == 66)
    }
}
