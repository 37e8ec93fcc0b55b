// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct ProfileTests {
    private static let hour: UInt64 = 3_600_000_000_000
    private static let start: UInt64 = 20_000 * 24 * hour

    private func profile(_ change: (inout Profile.Limits) -> Void = { _ in }) -> Profile {
        var limits = Profile.Limits()
        change(&limits)
        return Profile(SubjectKey(kind: "Deployment", name: "planner"), limits: limits, seed: 1)
    }

    private func file(_ path: String) -> Event.Statement { .init(key: FactKey(.file, ByteString(path), "READ")) }

    private func deed(_ hours: UInt64 = 0, count: UInt64 = 1, replica: ByteString = "pod-1") -> Profile.Deed {
        Profile.Deed(
            count: count, time: Self.start + hours * Self.hour, replica: replica, executable: "/usr/bin/python3")
    }

    @Test func `what is the same is one fact, with counts, hours and who did it`() throws {
        let profile = profile()
        for hours in [0, 0, 5, 29] as [UInt64] { profile.note(file("/a"), FactQualifiers(), deed(hours, count: 2)) }
        profile.note(file("/b"), FactQualifiers(), deed())
        try #require(profile.count == 2)
        let fact = profile.message(of: 0)
        #expect(fact.count == 8 && fact.key.path == "/a" && fact.key.access == ["READ"] && fact.kind == "file")
        #expect(fact.hourOfDay.count == 24 && fact.hourOfDay[0] == 4 && fact.hourOfDay[5] == 4)
        #expect(fact.replicas == ["pod-1"] && fact.processes == ["/usr/bin/python3"])
        #expect(fact.sightings.firstHours == [480_000, 480_005, 480_029] && fact.sightings.daysLow == 3)
        #expect(fact.lastSeen.seconds - fact.firstSeen.seconds == 29 * 3600)
        #expect(fact.attribution.none == 8)
    }

    @Test func `how it came about makes another fact of it`() {
        let profile = profile()
        let all = [
            FactQualifiers(), FactQualifiers(outcome: .denied), FactQualifiers(serviceAccount: "a"),
            FactQualifiers(initiatorKind: "human"), FactQualifiers(agent: "b"),
        ]
        for qualifiers in all + all { profile.note(file("/a"), qualifiers, deed()) }
        #expect(profile.count == 5)
        #expect((0..<5).allSatisfy { profile.message(of: $0).count == 2 })
    }

    @Test func `a fact names the tools for whose calls it was so`() throws {
        let profile = profile()
        let connect = FactKey(.egress, "a.test", "443", "TCP")
        let read = FactKey(.file, "/a", "READ")
        for (key, tools) in [(connect, ["fetch", "search", "fetch"]), (read, ["fetch"])] {
            for tool in tools {
                profile.note(.init(key: key), FactQualifiers(), deed())
                profile.note(.init(key: key.effect(of: tool)), FactQualifiers(), deed())
            }
        }
        profile.note(.init(key: FactKey(.file, "/a", "WRITE")), FactQualifiers(), deed())
        profile.note(.init(key: connect), FactQualifiers(outcome: .denied), deed())
        let facts = profile.message().facts.addingTools()
        #expect(
            facts.filter { $0.kind != "effect" }.map { $0.tools.map { "\($0.name) \($0.count)" } } == [
                ["fetch 2", "search 1"], ["fetch 1"], [], [],
            ])
        #expect(facts.allSatisfy { $0.kind != "effect" || $0.tools.isEmpty })
        // Also where the effects are not among what is told, of tools whose calls are known.
        #expect(profile.tools(of: 0, among: profile.toolNames).isEmpty)
        for tool in ["fetch", "search"] {
            profile.note(.init(key: FactKey(.tool, ByteString(tool), "", "")), FactQualifiers(), deed())
        }
        #expect(profile.tools(of: 0, among: profile.toolNames) == facts[0].tools)
        #expect(profile.tools(of: 1, among: profile.toolNames).isEmpty)
        let credential = FactKey(.credential, "ssh", "/a", "READ")
        profile.note(.init(key: credential), FactQualifiers(), deed())
        #expect(profile.message().facts.addingTools().last?.tools.map(\.name) == ["fetch"])
        // What an earlier version has kept has no access.
        let old = PostureFact.with {
            $0.kind = "effect"; $0.outcome = "ok"; $0.key.raw = .init([0xff, 0, 0x66, 0, 0x67])
        }
        #expect([old].addingTools() == [old])
    }

    @Test func `attribution is counted by method`() {
        let profile = profile()
        for method in [.exact, .exact, .candidates, nil] as [ToolCallReference.Method?] {
            var deed = deed()
            deed.method = method
            profile.note(file("/a"), FactQualifiers(), deed)
        }
        let attribution = profile.message(of: 0).attribution
        #expect(attribution.exact == 2 && attribution.candidates == 1 && attribution.none == 1)
    }

    @Test func `a connection's end adds bytes to its fact, and is one itself where the beginning was not seen`() {
        let profile = profile()
        let key = FactKey(.egress, "a.test", "443", "TCP")
        profile.note(.init(key: key), FactQualifiers(), deed())
        profile.note(.init(key: key, isAfterword: true, sent: 5, received: 7), FactQualifiers(), deed())
        #expect(profile.message(of: 0).count == 1 && profile.message(of: 0).bytesReceived == 7)
        let other = FactKey(.egress, "b.test", "443", "TCP")
        for _ in 0..<2 { profile.note(.init(key: other, isAfterword: true, sent: 5), FactQualifiers(), deed()) }
        #expect(profile.message(of: 1).count == 1 && profile.message(of: 1).bytesSent == 10)
    }

    @Test func `what there is no room for is counted, and how many different ones it was; it takes no room of others`()
        throws
    {
        let profile = profile { $0.facts = 100 }
        for number in 0..<1000 {
            for _ in 0..<2 { profile.note(file("/srv/\(Self.word(number))/x"), FactQualifiers(), deed()) }
        }
        #expect(profile.count == 38 && (0..<38).map { profile.message(of: $0).folded }.firstIndex(of: true) == 35)
        let overflow = try #require(profile.message().facts.last { $0.overflow })
        #expect(overflow.kind == "file" && overflow.count == 1924)
        #expect((700...1250).contains(overflow.distinct), "\(overflow.distinct)")
        // Some is kept for what folds with nothing, however many directories somebody makes up.
        profile.note(file("/etc/shadow"), FactQualifiers(), deed())
        profile.note(file("/etc/sudoers.d/99-a"), FactQualifiers(outcome: .denied), deed())
        #expect(profile.count == 40 && profile.message(of: 38).key.path == "/etc/shadow")
        let keys = [
            FactKey(.egress, "a.test", "443", "TCP"), FactKey(.process, "/bin/a", "", ""), FactKey(.library, "/a.so"),
            FactKey(.credential, "ssh", "/root/.ssh/id_rsa", "READ"), FactKey(.dns, "a.test", "A"),
        ]
        for key in keys { profile.note(.init(key: key), FactQualifiers(), deed()) }
        #expect(profile.count == 45)
        #expect(profile.newOverflow == [.file] && profile.takeOverflow() == [.file] && profile.takeOverflow() == [])
        let rows = profile.withOverflow(profile.coverage.messages())
        #expect(rows.contains { $0.kind == "file" && $0.state == "lossy" && $0.lost.first?.reason == "facts_full" })
    }

    @Test
    func
        `a full subject's facts, with all that is known of when they were so, fit in memory whatever its age, and are told`()
    {
        let profile = profile()
        var number = 0
        func live(_ hours: [UInt64]) {
            for kind in FactKind.allCases {
                for place in 0..<kind.limit(of: 2000) {
                    let values = kind.fields.indices.map { ByteString("/etc/longer/name/\(kind.name)-\($0)-\(place)") }
                    let key = FactKey(kind, values)
                    for hour in hours {
                        number += 1
                        var deed = deed(hour, replica: ByteString("planner-7c9d5f-\(number % 50)"))
                        (deed.method, deed.revision) = (.exact, "\(hour / 300)")
                        profile.note(.init(key: key, sent: 1), FactQualifiers(), deed)
                    }
                }
            }
        }
        live([0, 30])
        // 1850 of the kinds that share the 2000, and those of all others.
        #expect(profile.count == 3250 && profile.overflow.isEmpty)
        let bytes = profile.bytes
        #expect(bytes < 2 << 20)
        live([700])
        #expect(profile.bytes < bytes + 16_384)
        let told = profile.takeChanged(at: Self.start + 700 * Self.hour, refresh: 0)
        let messages = profile.message().facts
        #expect(told.count == 3250 && messages.count == 3250)
        #expect(messages.allSatisfy { $0.count == 3 && $0.hasDays && !$0.replicas.isEmpty })
    }

    /// Without anything made up in it.
    private static func word(_ number: Int) -> String {
        String(decoding: [number / 676 % 26, number / 26 % 26, number % 26].map { UInt8(97 + $0) }, as: UTF8.self)
    }

    private func fill(_ profile: Profile, _ numbers: Range<Int>, at hours: UInt64 = 0) {
        for number in numbers { profile.note(file("/app/cache/\(number)/a.json"), FactQualifiers(), deed(hours)) }
    }

    @Test func `names that are made up anew each time take half of the room, and are one fact then`() throws {
        let profile = profile { $0.facts = 100 }
        fill(profile, 0..<20)
        #expect(profile.count == 20)
        fill(profile, 10..<1000)
        #expect(profile.count == 21 && profile.overflow.isEmpty)
        let fact = profile.message(of: 20)
        #expect(
            fact.folded && fact.key.path == "/app/cache/{n}/a.json" && fact.key.access == ["READ"] && fact.count == 980)
        #expect((700...1250).contains(fact.distinct), "\(fact.distinct)")
        let paths = (20..<1000).map { "/app/cache/\($0)/a.json" }
        let hashed = paths.sorted { StableHash.of(Array($0.utf8)) < StableHash.of(Array($1.utf8)) }
        #expect(fact.exemplars == Array(hashed.prefix(4)))
        // What is known has its own fact still, and what is like nothing else gets one; another use is another fact.
        fill(profile, 0..<1)
        profile.note(file("/app/secrets/new"), FactQualifiers(), deed())
        profile.note(file("/app/cache/1000/a.json"), FactQualifiers(outcome: .denied), deed())
        #expect(profile.message(of: 0).count == 2 && profile.message(of: 20).count == 980)
        #expect(profile.count == 23 && profile.message(of: 21).key.path == "/app/secrets/new")
        #expect(profile.message(of: 22).outcome == "denied" && !profile.message(of: 22).folded)
    }

    @Test func `files of one directory that end alike are one fact then, whatever their names are`() {
        let profile = profile { $0.facts = 100 }
        for number in 0..<100 { profile.note(file("/srv/in/\(Self.word(number)).txt"), FactQualifiers(), deed()) }
        for path in ["/srv/in/a.key", "/srv/in/.b.txt", "/srv/in/a", "/srv/out/a.txt", "/etc/in/a.txt"] {
            profile.note(file(path), FactQualifiers(), deed())
        }
        let facts = (0..<profile.count).map(profile.message)
        #expect(facts.count == 26 && facts[20].folded && facts[20].key.path == "/srv/in/*.txt" && facts[20].count == 80)
        #expect(facts[21...].allSatisfy { !$0.folded && $0.count == 1 })
    }

    @Test func `a path of its own, and what folds with nothing, is never one of many`() {
        let profile = profile { $0.facts = 100 }
        fill(profile, 0..<100)
        for path in [
            "/etc/1", "/root/.ssh/id_1", "/home/a/.aws/credentials", "/app/cache/{n}/a.json", "/app/cache/x/a.json",
        ] {
            profile.note(file(path), FactQualifiers(), deed())
        }
        #expect(profile.count == 26 && (21..<26).allSatisfy { !profile.message(of: $0).folded })
        #expect(profile.message(of: 20).key.path == profile.message(of: 24).key.path)
        #expect(profile.message(of: 20).count == 80 && profile.message(of: 24).count == 1)
    }

    @Test func `folded facts are the same after a restart`() throws {
        let profile = profile { $0.facts = 100 }
        fill(profile, 0..<100)
        let restored = self.profile { $0.facts = 100 }
        restored.restore(header: profile.header(), [], keptAt: Self.start)
        restored.restore(pages: [(0, (0..<profile.count).map(profile.message))])
        #expect(restored.message().facts == profile.message().facts && restored.unkept.pages.isEmpty)
        fill(restored, 95..<120, at: 5)
        let fact = restored.message(of: 20)
        // Which ones they were is not known any more.
        #expect(restored.count == 21 && fact.count == 105 && fact.distinct == profile.message(of: 20).distinct)
        #expect(fact.exemplars.count == 4)
        // Where less is known, it is not folded before there are as many again.
        let fresh = self.profile { $0.facts = 100 }
        fresh.restore(pages: [(0, (0..<18).map(profile.message))])
        fill(fresh, 100..<110)
        #expect(fresh.count == 21 && fresh.message(of: 20).count == 8)
    }

    @Test func `bytes alone are news, and all that is left comes the next time`() {
        let profile = profile()
        let key = FactKey(.egress, "a.test", "443", "TCP")
        profile.note(.init(key: key), FactQualifiers(), deed())
        profile.note(file("/a"), FactQualifiers(), deed())
        for number in 0..<40 { profile.note(file("/\(number)"), FactQualifiers(), deed()) }
        // A page at least, and no page that is more than is left.
        #expect(profile.takeChanged(at: Self.start, refresh: .max, limit: 1) == Array(0..<32))
        #expect(profile.takeChanged(at: Self.start, refresh: .max, limit: 32) == Array(32..<42))
        profile.note(.init(key: key, isAfterword: true, sent: 1 << 20), FactQualifiers(), deed())
        #expect(profile.takeChanged(at: Self.start, refresh: .max) == [0])
    }

    @Test func `what is restored is what was kept, and counts go on`() {
        let profile = profile { $0.facts = 100 }
        for hours in 0..<30 as Range<UInt64> {
            profile.note(file("/a"), FactQualifiers(outcome: .denied, agent: "x"), deed(hours, count: 3))
        }
        for number in 0..<60 { profile.note(file("/\(number)"), FactQualifiers(), deed()) }
        profile.observe("c1", at: Self.start, elapsed: 5, announcesCalls: false)
        profile.lose(
            LossLedger.Key(cgroup: 1, hook: 1, reason: 1, kind: 10), count: 2, of: "c1", at: Self.start)
        let kept = profile.message()
        let restored = self.profile { $0.facts = 100 }
        restored.restore(header: profile.header(), profile.coverage.messages(), keptAt: Self.start)
        let pages = (0..<profile.pageCount).map { (number: $0, facts: profile.facts(of: $0).map(profile.message)) }
        restored.restore(pages: pages)
        #expect(restored.unkept.isEmpty && restored.seenAt == Self.start)
        #expect(restored.message().facts.count == kept.facts.count)
        #expect(restored.message().facts.first == kept.facts.first)
        #expect(restored.message().observed == kept.observed && restored.message().lossy == kept.lossy)
        #expect(restored.coverage.messages().contains { $0.state == "lossy" && $0.kind == "file" })
        restored.note(file("/a"), FactQualifiers(outcome: .denied, agent: "x"), deed(31, count: 3))
        #expect(restored.message(of: 0).count == 93)
    }

    @Test func `where a page is missing, what is left is written anew and nothing stands twice`() {
        let profile = profile()
        for number in 0..<100 { profile.note(file("/\(number)"), FactQualifiers(), deed()) }
        var pages = (0..<4).map { (number: $0, facts: profile.facts(of: $0).map(profile.message)) }
        pages.remove(at: 1)
        // What was moved there before the page was lost.
        pages[1].facts.append(profile.message(of: 0))
        let restored = self.profile()
        restored.restore(header: profile.header(), [], keptAt: Self.start)
        restored.restore(pages: pages)
        #expect(restored.count == 68 && restored.pageCount == 3)
        #expect(restored.unkept.pages == [0, 1, 2, 3])
        restored.keep(pages: 0..<4, header: true)
        #expect(restored.unkept.isEmpty)
        restored.note(file("/99"), FactQualifiers(), deed())
        #expect(restored.unkept.pages == [2] && !restored.unkept.hasHeader == false)
    }

    @Test func `what there is no room for after a restart is counted with all others of its kind, and is no damage`()
        throws
    {
        let profile = profile()
        for _ in 0..<2 {
            for number in 0..<100 { profile.note(file("/\(number)"), FactQualifiers(), deed()) }
            profile.note(.init(key: FactKey(.dns, "a.test", "A")), FactQualifiers(), deed())
        }
        func pages(of profile: Profile) -> [(number: Int, facts: [PostureFact])] {
            (0..<profile.pageCount).map { page in (page, profile.facts(of: page).map(profile.message)) }
        }
        func smaller(_ before: Profile) -> Profile {
            let restored = self.profile { $0.facts = 100 }
            restored.restore(header: before.header(), before.coverage.messages(), keptAt: Self.start)
            restored.restore(pages: pages(of: before), at: Self.start + Self.hour)
            return restored
        }
        let first = smaller(profile)
        #expect(first.count == 41 && first.isMoved && first.unkept.pages == [0, 1, 2, 3] && first.unkept.hasHeader)
        // Again, and nothing is added: what is over the limit was in no page any more.
        for restored in [first, smaller(first)] {
            let facts = restored.message().facts
            let overflow = try #require(facts.last { $0.overflow })
            #expect(overflow.kind == "file" && overflow.count == 120 && overflow.distinct == 60)
            #expect(facts.reduce(0) { $0 + $1.count } == 202)
            let rows = restored.coverage.messages().filter { $0.state == "lossy" }
            #expect(rows.map { [$0.kind, $0.lost.first?.reason ?? ""] } == [["file", "facts_limit"]])
            #expect(rows.first?.why.hasPrefix("60 of its facts are not told apart any more") == true)
        }
        // What comes again is one of them.
        first.note(file("/99"), FactQualifiers(), deed())
        #expect(first.message().facts.last?.count == 121 && first.message().facts.last?.distinct == 60)
        #expect(first.newOverflow == [.file])
    }

    @Test func `bytes of what there is no room for are added up, after a restart too`() throws {
        func sent(_ number: Int, isAfterword: Bool = false) -> Event.Statement {
            let key = FactKey(.egress, ByteString("10.0.0.\(number)"), "443", "TCP")
            return .init(key: key, isAfterword: isAfterword, sent: 10, received: 3)
        }
        func overflow(_ profile: Profile) -> [UInt64]? {
            profile.message().facts.last { $0.overflow }.map { [$0.count, $0.bytesSent, $0.bytesReceived] }
        }
        let profile = profile { $0.facts = 80 }
        let room = FactKind.egress.limit(of: 80)
        for number in 0..<room + 2 { profile.note(sent(number), FactQualifiers(), deed()) }
        // The end of a connection, which was counted at its beginning.
        profile.note(sent(room + 1, isAfterword: true), FactQualifiers(), deed())
        #expect(overflow(profile) == [2, 30, 9])
        let pages = [(number: 0, facts: (0..<profile.count).map(profile.message))]
        let smaller = self.profile { $0.facts = 40 }
        smaller.restore(header: profile.header(), [], keptAt: Self.start)
        smaller.restore(pages: pages, at: Self.start)
        let folded = UInt64(room - FactKind.egress.limit(of: 40))
        #expect(folded > 0 && overflow(smaller) == [2 + folded, 30 + 10 * folded, 9 + 3 * folded])
    }

    @Test func `facts name the rollouts they were seen in, the latest sixteen`() throws {
        let profile = profile()
        for number in 0..<20 as Range<UInt64> {
            var deed = deed(number)
            deed.revision = "r\(number)"
            profile.note(file("/always"), FactQualifiers(), deed)
            if number == 18 { profile.note(file("/new"), FactQualifiers(), deed) }
        }
        let message = profile.message()
        #expect(message.revisions.map(\.name) == (4..<20).map { "r\($0)" })
        #expect(
            message.facts[0].revisions == (4..<20).map { "r\($0)" }.sorted() && message.facts[1].revisions == ["r18"])
        let restored = self.profile()
        restored.restore(header: profile.header(), [], keptAt: Self.start)
        restored.restore(pages: [(0, message.facts)])
        #expect(restored.message().revisions == message.revisions && restored.message().facts == message.facts)
    }

    @Test
    func `the hours of a rollout are those in which it ran and was watched, whatever it did, also after a restart`()
        throws
    {
        let profile = profile()
        for hour in 0..<3 as Range<UInt64> {
            profile.observe("c", of: "1", at: Self.start + hour * Self.hour, elapsed: 1, announcesCalls: false)
        }
        profile.keep(pages: [], header: true)
        profile.observe("c", of: "1", at: Self.start + 2 * Self.hour + 9, elapsed: 1, announcesCalls: false)
        #expect(profile.unkept.isEmpty)
        var deed = deed(7)
        deed.revision = "2"
        profile.note(file("/a"), FactQualifiers(), deed)
        #expect(profile.unkept.hasHeader)
        let restored = self.profile()
        restored.restore(header: profile.header(), [], keptAt: Self.start)
        restored.observe("c", of: "2", at: Self.start + 8 * Self.hour, elapsed: 1, announcesCalls: false)
        var shared = SharedProfile(restored.subject)
        shared.merge(restored.message())
        #expect(shared.revisions["1"]?.observed.count == 3 && shared.revisions["2"]?.observed.count == 2)
        #expect(shared.revisions["2"]?.firstSeen == Self.start + 7 * Self.hour)
    }

    @Test func `an agent that calls itself something else each time makes no end of facts`() {
        let profile = profile()
        for number in 0..<1000 {
            profile.note(file("/a"), FactQualifiers(agent: "agent \(number)"), deed())
        }
        #expect(profile.count == 129)
        #expect(profile.message().facts.reduce(0) { $0 + $1.count } == 1000)
    }

    @Test func `a few of many replicas are named, the same ones in whatever order they came`() {
        let names = (0..<3000).map { ByteString("pod-\($0)") }
        func replicas(_ names: [ByteString]) -> [String] {
            let profile = profile()
            for name in names { profile.note(file("/a"), FactQualifiers(), deed(replica: name)) }
            return profile.message(of: 0).replicas
        }
        #expect(replicas(names).count == 4)
        #expect(replicas(Array(names.prefix(900))) == replicas(Array(names.prefix(900).reversed())))
    }

    /// Calls of tools: the tool, the session, the container, and the minute.
    private func sequences(_ profile: Profile, _ calls: [(String, String, String, UInt64)]) -> [[String]] {
        calls.flatMap { tool, session, container, minute in
            profile.follow(
                ToolCallDetail(id: "1", name: tool, session: session, scope: "none"), of: container,
                at: Self.start + minute * 60_000_000_000
            ).map { $0.values.map(\.text) }
        }
    }

    @Test func `sequences are of one session of one container each`() {
        let calls: [(String, String, String, UInt64)] = [
            ("a", "1", "c", 0), ("x", "2", "c", 0), ("p", "1", "d", 0), ("b", "1", "c", 1), ("q", "1", "d", 1),
            ("c", "1", "c", 2), ("y", "2", "c", 2), ("z", "", "c", 2), ("z", "", "c", 2),
        ]
        #expect(
            sequences(profile(), calls) == [["a", "b"], ["p", "q"], ["b", "c"], ["a", "b", "c"], ["x", "y"]])
    }

    @Test func `a session that is over has nothing before it, one that was silent for long has`() {
        let profile = profile()
        #expect(sequences(profile, [("a", "1", "c", 0), ("b", "1", "c", 600)]) == [["a", "b"]])
        profile.sequences.end("1", of: "d")
        #expect(sequences(profile, [("c", "1", "c", 610)]) == [["b", "c"], ["a", "b", "c"]])
        profile.sequences.end("1", of: "c")
        #expect(sequences(profile, [("d", "1", "c", 610), ("e", "1", "c", 620)]) == [["d", "e"]])
    }

    @Test func `sessions that are forgotten while they go on are counted, those that are over are not`() {
        let profile = profile { $0.sessions = 2 }
        _ = sequences(profile, [("a", "1", "c", 0), ("a", "2", "c", 1), ("a", "3", "c", 80)])
        func rows() -> [PostureCoverage] {
            profile.coverage.messages().filter { $0.lost.first?.reason == "sessions_limit" }
        }
        #expect(rows().isEmpty)
        _ = sequences(profile, [("a", "4", "c", 80), ("a", "5", "c", 81), ("a", "6", "c", 82)])
        #expect(rows().map { [$0.kind, $0.state, "\($0.lost[0].count)"] } == [["sequence", "lossy", "2"]])
    }

    @Test func `a fact is told when it is new, when its count has doubled, and after a while`() {
        let profile = profile()
        func told(_ hours: UInt64) -> [Int] {
            profile.takeChanged(at: Self.start + hours * Self.hour, refresh: 2 * Self.hour)
        }
        profile.note(file("/a"), FactQualifiers(), deed(count: 10))
        #expect(told(0) == [0] && told(0) == [])
        profile.note(file("/a"), FactQualifiers(), deed(count: 5))
        #expect(told(1) == [] && told(2) == [0])
        profile.note(file("/a"), FactQualifiers(), deed(count: 15))
        #expect(told(2) == [0])
    }

    @Test func `a full table of facts finds each again, whatever the seed`() {
        for seed in [0, 1, .max] as [UInt64] {
            var table = FactTable(seed: seed)
            for number in 0..<2000 {
                let key = FactKey(.file, ByteString("/var/lib/data/\(number)"), "READ")
                #expect(table.find(key, 3) == nil)
                let index = table.insert(key, 3, Fact(firstSeen: 1))
                #expect(index == number && table.key(at: index) == key)
            }
            let found = (0..<2000).allSatisfy { (number: Int) in
                table.find(FactKey(.file, ByteString("/var/lib/data/\(number)"), "READ"), 3) == number
            }
            #expect(found && table.find(FactKey(.library, "/var/lib/data/1"), 3) == nil)
        }
    }
}
