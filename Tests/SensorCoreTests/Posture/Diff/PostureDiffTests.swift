// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import SensorCore

/// What has changed between two views of a subject.
@Suite struct PostureDiffTests {
    private func sample(_ hours: UInt64 = 240, state: String = "complete") -> SamplePosture {
        var sample = SamplePosture("planner", hours: hours)
        sample.watch(0..<hours)
        for discipline in Discipline.allCases { sample.cover(discipline.name, state) }
        return sample
    }

    /// The same subject, on another node: nothing of the first is in it.
    private func elsewhere(_ hours: UInt64 = 240, state: String = "complete") -> SamplePosture {
        var sample = sample(hours, state: state)
        sample.record.node = "node-2"
        return sample
    }

    private func diff(_ one: SamplePosture, _ other: SamplePosture) throws -> PostureDiff {
        PostureDiff(
            before: PostureView(try one.snapshot, label: "a"), after: PostureView(try other.snapshot, label: "b"))
    }

    private func text(_ diff: PostureDiff) -> [String] {
        diff.changes.map { "\($0.nature.name) \($0.sensitivity.name) \($0.line.text)" }
    }

    private func file(_ path: String) -> FactKey { FactKey(.file, ByteString(path), "READ") }

    @Test func `nothing changes between a snapshot and itself`() throws {
        let sample = SamplePosture.agent()
        let diff = try diff(sample, sample)
        #expect(diff.isEmpty && diff.isContinuation && diff.hours.after == 0)
    }

    @Test func `what is new and what is gone is said, what is sensitive first`() throws {
        var (one, other) = (sample(), elsewhere())
        for path in ["/data/a", "/data/b"] { one.add(file(path), count: 500) }
        other.add(file("/data/b"), count: 500)
        other.add(FactKey(.egress, "a.test", "443", "TCP"), count: 9)
        other.add(FactKey(.egress, "b.test", "443", "TCP"), FactQualifiers(outcome: .denied))
        other.add(FactKey(.credential, "ssh_key", "/root/.ssh/id_rsa", "READ"))
        other.add(FactKey(.metadata, "instance", "169.254.169.254"))
        other.add(FactKey(.identity, "setuid", "1:1", "0:0"))
        other.add(FactKey(.syscall, "ptrace", "notable"))
        other.add(FactKey(.syscall, "getpid", ""))
        other.add(file("/etc/passwd"))
        #expect(
            try text(diff(one, other)) == [
                "added credential ssh_key /root/.ssh/id_rsa READ", "added metadata instance 169.254.169.254",
                "added identity setuid 1:1 → 0:0", "added notable_syscall ptrace notable",
                "added denied b.test:443 TCP",
                "added guarded /etc/passwd READ", "added ordinary a.test:443 TCP", "added ordinary getpid",
                "removed ordinary /data/a READ",
            ])
        #expect(try diff(one, other).changes.last?.absence == .watched)
    }

    @Test(arguments: ["lossy", "blind", "not_watched", "a_new_state"])
    func `nothing is gone where it was not wholly watched`(_ state: String) throws {
        var (one, other) = (sample(), elsewhere(state: state))
        one.add(file("/a"), count: 500)
        other.add(file("/b"))
        #expect(try diff(one, other).changes.map(\.absence) == [.watched, .notWhollyWatched(state)])
        // Nor is it certain that something is new.
        #expect(try diff(other, one).changes.map(\.absence) == [.notWhollyWatched(state), .tooShort])
    }

    @Test func `nothing is gone where coverage is silent, or there was no room`() throws {
        var (one, other) = (sample(), elsewhere())
        one.add(file("/a"), count: 500)
        one.add(FactKey(.dns, "a.test", "A"), count: 500)
        other.overflow(.file, distinct: 9)
        other.record.coverage.removeAll { $0.discipline == "behavioral" }
        #expect(
            try diff(one, other).changes.map(\.absence) == [.notWhollyWatched("unknown"), .notWhollyWatched("unknown")])
        other.cover("behavioral", "complete")
        let diff = try diff(one, other)
        #expect(diff.changes.map(\.absence) == [.notWhollyWatched("facts_full"), .watched])
        #expect(diff.overflows == [.init(kind: .file, before: 0, after: 9)])
    }

    @Test func `what is said of a kind counts before what is said of its discipline`() throws {
        var (one, other) = (sample(), elsewhere())
        one.add(file("/a"), count: 500)
        one.add(FactKey(.dns, "a.test", "A"), count: 500)
        other.cover("behavioral", "blind", of: "file")
        #expect(try diff(one, other).changes.map(\.absence) == [.notWhollyWatched("blind"), .watched])
    }

    @Test func `what was seldom is not gone after a short time`() throws {
        var (one, other) = (sample(), elsewhere(24))
        one.add(file("/nightly"), count: 10)
        one.add(file("/often"), count: 100)
        #expect(
            try diff(one, other).changes.map { "\($0.line.text) \($0.absence?.name ?? "")" }
                == ["/often READ watched", "/nightly READ too_short"])
    }

    @Test func `the same with another outcome or account is the same, otherwise`() throws {
        var (one, other) = (sample(), elsewhere())
        one.add(file("/data/a"), FactQualifiers(serviceAccount: "old"), count: 5)
        other.add(file("/data/a"), FactQualifiers(serviceAccount: "new"), count: 5)
        let peer = FactKey(.egress, "a.test", "443", "TCP")
        one.add(peer, count: 5)
        other.add(peer, count: 5)
        other.add(peer, FactQualifiers(outcome: .denied), count: 2)
        let changes = try diff(one, other).changes
        #expect(changes.map(\.nature) == [.altered, .altered])
        #expect(changes.map(\.sensitivity) == [.denied, .ordinary])
        #expect(changes.map { $0.qualifiersBefore.map(\.text) } == [[], ["ok as old"]])
        #expect(changes.map { $0.qualifiersAfter.map(\.text) } == [["denied"], ["ok as new"]])
        #expect(changes[0].countBefore == 5 && changes[0].countAfter == 7)
    }

    @Test func `rates go by the time watched, not by the count`() throws {
        var (one, other) = (sample(240), elsewhere(48))
        one.add(file("/same"), count: 2400)
        other.add(file("/same"), count: 480)
        one.add(file("/faster"), count: 240)
        other.add(file("/faster"), count: 480)
        one.add(file("/slower"), count: 24_000)
        other.add(file("/slower"), count: 48)
        one.add(file("/seldom"), count: 1)
        other.add(file("/seldom"), count: 20)
        let changes = try diff(one, other).changes
        #expect(changes.map { "\($0.nature.name) \($0.line.text)" } == ["faster /faster READ", "slower /slower READ"])
        #expect(changes.map(\.rates) == [.init(before: 1, after: 10), .init(before: 100, after: 1)])
    }

    @Test func `too short a time has no rate`() throws {
        var (one, other) = (sample(240), elsewhere(6))
        one.add(file("/a"), count: 240)
        other.add(file("/a"), count: 4000)
        #expect(try diff(one, other).isEmpty)
    }

    @Test func `of a later snapshot of the same share only what came since is compared`() throws {
        var (one, other) = (sample(240), sample(360))
        one.add(file("/a"), count: 240)
        other.add(file("/a"), count: 240 + 1200)
        one.add(file("/quiet"), count: 2400)
        other.add(file("/quiet"), count: 2400)
        let diff = try diff(one, other)
        #expect(diff.isContinuation && diff.hours == (240, 120))
        #expect(text(diff) == ["faster ordinary /a READ", "slower ordinary /quiet READ"])
        #expect(diff.changes.map(\.rates) == [.init(before: 1, after: 10), .init(before: 10, after: 0)])
    }

    @Test func `thousands of paths are a line, and other names of the same pattern are no news`() throws {
        var (one, other) = (sample(), elsewhere())
        for number in 0..<1000 { one.add(file("/cache/f\(String(number * 7919 + 1 << 40, radix: 16)).json"), count: 3) }
        for number in 0..<900 {
            other.add(file("/cache/f\(String(number * 104_729 + 3 << 44, radix: 16)).json"), count: 3)
        }
        for number in 0..<3000 { other.add(file("/export/f\(String(number * 7919 + 1 << 40, radix: 16)).csv")) }
        let changes = try diff(one, other).changes
        #expect(changes.map(\.nature) == [.added, .varied])
        #expect(changes.map(\.factsBefore) == [0, 1000] && changes.map(\.factsAfter) == [3000, 900])
    }

    @Test func `a part of a profile has facts of its own and no rates`() throws {
        var sample = sample()
        sample.add(file("/a"), count: 500)
        sample.add(file("/b"), count: 9)
        let view = PostureView(try sample.snapshot, label: "all")
        func part(_ path: ByteString, _ hours: HourSet) -> PostureView {
            view.filtered(label: "part", observed: hours) { identity, _ in identity.key[.path] == path }
        }
        let diff = PostureDiff(before: part("/a", view.observed), after: part("/b", HourSet()))
        #expect(text(diff) == ["added ordinary /b READ", "removed ordinary /a READ"])
        #expect(diff.changes.map(\.absence) == [.watched, .unknownTime])
    }

    @Test func `the JSON is whole, whatever names there are`() throws {
        var (one, other) = (sample(), elsewhere())
        one.add(file("/\"\u{1}\\"), count: 5)
        other.add(FactKey(.egress, "a.test", "443", "TCP"), FactQualifiers(outcome: .denied, agent: "x"), count: 9)
        let json = try diff(one, other).json
        #expect(
            json.hasPrefix(
                #"{"subject":{"namespace":"agents","group":"apps","kind":"Deployment","name":"planner","#
                    + #""container":"main","containerType":"main"},"before":{"label":"a","nodes":["node-1"],"#
                    + #""time":"2026-06-11T00:00:00.000000000Z","#
            ))
        #expect(
            json.contains(
                #"{"change":"added","sensitivity":"denied","kind":"egress","what":"a.test:443 TCP","qualifiers":{"#
                    + #""outcome":"denied","agent":"x"},"factsBefore":0,"factsAfter":1,"#
                    + #""countBefore":"0","countAfter":"9""#
            ))
        #expect(json.contains(#""what":"/\"\u0001\\ READ""#) && json.contains(#""absence":"watched""#))
    }

    @Test func `every change is JSON that others can read`() throws {
        var (one, other) = (SamplePosture.agent(), SamplePosture.agent(seed: 2))
        other.record.node = "node-2"
        one.add(file("/data/a"), FactQualifiers(serviceAccount: "\u{7}<"), count: 5)
        other.add(file("/data/a"), FactQualifiers(outcome: .failed), count: 5)
        struct Changes: Decodable {
            struct Change: Decodable { let change: String }
            let changes: [Change]
        }
        let changes = try JSONDecoder().decode(Changes.self, from: Data(try diff(one, other).json.utf8)).changes
        #expect(Set(changes.map(\.change)) == ["altered", "varied"])
    }

    @Test func `ten thousand facts are compared at once`() throws {
        var (one, other) = (sample(), elsewhere())
        for number in 0..<10_000 {
            one.add(FactKey(.process, ByteString("/opt/\(number)"), "", ""))
            other.add(FactKey(.process, ByteString("/opt/\(number + 5000)"), "", ""))
        }
        let changes = try diff(one, other).changes
        #expect(changes.count { $0.nature == .added } == 5000 && changes.count { $0.nature == .removed } == 5000)
    }
}
