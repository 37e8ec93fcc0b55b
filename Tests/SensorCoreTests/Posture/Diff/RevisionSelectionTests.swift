// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// What has changed between two revisions of a workload.
@Suite struct RevisionSelectionTests {
    /// Revision 6 for 100 hours, 7 for 100, 8 for 40.
    private func sample(_ name: String = "planner", state: String = "complete", isKnown: Bool = true) -> SamplePosture {
        var sample = SamplePosture(name, hours: 240)
        sample.watch(0..<240)
        for discipline in Discipline.allCases { sample.cover(discipline.name, state) }
        sample.roll("6", 0..<100)
        sample.roll("8", 200..<240, isKnown: isKnown)
        sample.roll("7", 100..<200)
        sample.add(file("/always"), count: 5000, in: ["6", "7", "8"])
        return sample
    }

    private func file(_ path: String) -> FactKey { FactKey(.file, ByteString(path), "READ") }

    private func diff(_ names: String..., of sample: SamplePosture) throws -> PostureDiff {
        let comparison = try RevisionSelection(names, in: [try sample.snapshot]).comparison()
        return try #require(comparison.diffs.first)
    }

    private func text(_ diff: PostureDiff) -> [String] {
        diff.changes.map { "\($0.nature.name) \($0.line.text) \($0.absence?.name ?? "")" }
    }

    @Test func `what a revision added, and what it no longer does`() throws {
        var sample = sample()
        sample.add(file("/old"), count: 500, from: 100, until: 199, in: ["7"])
        sample.add(file("/older"), count: 500, until: 99, in: ["6"])
        sample.add(file("/new"), count: 9, from: 201, in: ["8"])
        sample.add(
            FactKey(.credential, "ssh_key", "/root/.ssh/id_rsa", "READ"), count: 1, from: 230, in: ["8"])
        let diff = try diff("Deployment/planner@7", "planner@8", of: sample)
        #expect(
            text(diff) == [
                "added ssh_key /root/.ssh/id_rsa READ watched", "added /new READ watched", "removed /old READ watched",
            ])
        #expect(diff.hours == (100, 40) && !diff.isContinuation)
        #expect([diff.before.label, diff.after.label] == ["revision 7", "revision 8"])
        #expect(diff.json.contains(#""before":{"label":"revision 7","revision":"7","nodes":["node-1"]"#))
    }

    @Test func `a workload alone stands for the latest two that came`() throws {
        let selection = try RevisionSelection(["Deployment/planner"], in: [try sample().snapshot])
        #expect([selection.before, selection.after] == ["7", "8"])
    }

    @Test func `the same with another outcome is the same, otherwise`() throws {
        var sample = sample()
        let peer = FactKey(.egress, "a.test", "443", "TCP")
        sample.add(peer, count: 50, from: 100, in: ["7", "8"])
        sample.add(peer, FactQualifiers(outcome: .denied), count: 3, from: 200, in: ["8"])
        let changes = try diff("planner", of: sample).changes
        #expect(changes.map(\.nature) == [.altered] && changes[0].qualifiersAfter.map(\.text) == ["denied"])
    }

    @Test(arguments: [("lossy", true, "not_wholly_watched"), ("complete", false, "unknown_time")])
    func `what is not seen in a revision is gone only where that one was watched`(
        _ state: String, _ isKnown: Bool, _ absence: String
    ) throws {
        var sample = sample(state: state, isKnown: isKnown)
        sample.add(file("/old"), count: 500, from: 100, until: 199, in: ["7"])
        #expect(try text(diff("planner", of: sample)) == ["removed /old READ \(absence)"])
    }

    @Test func `what was seldom is not gone after a short time, by the rate in all revisions that had it`() throws {
        var sample = sample()
        // In 200 hours: 14 times in 40.
        sample.add(file("/often"), count: 70, until: 199, in: ["6", "7"])
        sample.add(file("/nightly"), count: 8, until: 199, in: ["6", "7"])
        #expect(
            try text(diff("planner@7", "planner@8", of: sample)).sorted() == [
                "removed /nightly READ too_short", "removed /often READ watched",
            ])
        // How often it was to be seen in the hours of 6 alone is not known if those of 8 are not.
        var other = self.sample(isKnown: false)
        other.add(file("/back"), count: 70, in: ["6", "8"])
        #expect(try text(diff("planner@6", "planner@7", of: other)) == ["removed /back READ unknown_time"])
    }

    @Test func `what there was no room for may be of any revision`() throws {
        var sample = sample()
        sample.overflow(.file, distinct: 9)
        sample.add(file("/old"), count: 500, from: 100, until: 199, in: ["7"])
        let diff = try diff("planner", of: sample)
        #expect(diff.overflows == [.init(kind: .file, before: 9, after: 9)])
        #expect(diff.changes.map(\.absence) == [.notWhollyWatched("facts_full")])
    }

    @Test func `containers are compared each with itself, those of one revision alone are named`() throws {
        var proxy = SamplePosture("planner", hours: 240)
        proxy.record.subject.container = "proxy"
        proxy.roll("8", 200..<240)
        let found = try RevisionSelection(["planner"], in: [try sample().snapshot, try proxy.snapshot]).comparison()
        #expect(found.diffs.map(\.before.subject.container) == ["main"])
        #expect(found.onlyBefore.isEmpty && found.onlyAfter.map(\.container) == ["proxy"])
    }

    @Test(arguments: [["@7"], ["@9", "@8"]])
    func `a message has no control characters of whoever is watched`(_ revisions: [String]) throws {
        var sample = sample("\u{1b}[2Jplanner")
        sample.roll("\u{1b}[1m", 120..<130)
        let known = [try sample.snapshot]
        let names = revisions.map { "\u{1b}[2Jplanner" + $0 }
        let error = #expect(throws: RevisionSelectionError.self) { try RevisionSelection(names, in: known) }
        #expect(error?.message.contains("⟨U+001B⟩") == true && error?.message.contains("\u{1b}") == false)
    }

    @Test func `a name may have the mark in it`() throws {
        var sample = sample("user@1000.service")
        sample.record.subject.kind = "SystemdUnit"
        let known = [try sample.snapshot]
        let selection = try RevisionSelection(["SystemdUnit/user@1000.service"], in: known)
        #expect([selection.before, selection.after] == ["7", "8"])
        let both = try RevisionSelection(["user@1000.service@6", "user@1000.service@8"], in: known)
        #expect([both.before, both.after] == ["6", "8"])
    }

    @Test(
        arguments: [
            (["Deployment/nobody@1", "Deployment/nobody@2"], "Deployment/nobody@1: no workload of that name is known"),
            (
                ["Deployment/planner@9", "Deployment/planner@8"],
                "agents/Deployment/planner: revision 9 is not known, but 6, 7, 8"
            ),
            (
                ["planner@7", "other@7"],
                "two revisions of one workload are compared, not agents/Deployment/planner and agents/Deployment/other"
            ),
            (
                ["planner@7"],
                "agents/Deployment/planner: two revisions are expected, as Deployment/planner@6, or the workload alone"
            ),
            (
                ["planner@7", "planner"],
                "agents/Deployment/planner: two revisions are expected, as Deployment/planner@6, or the workload alone"
            ),
            (
                ["twin"],
                "twin is any of agents/Deployment/twin, test/Deployment/twin: give its kind and --namespace"
            ),
            (
                ["one"],
                "agents/Deployment/one: there is nothing to compare revision 3 with, no other is known"
            ),
            (["none"], "agents/Deployment/none: no revision of it is known"),
        ])
    func `what is wrong is named`(_ names: [String], _ message: String) throws {
        var (twin, one) = (sample("twin"), SamplePosture("one", hours: 5))
        twin.record.subject.namespace = "test"
        one.roll("3", 0..<5)
        let samples = [
            sample(), sample("other"), sample("twin"), twin, one, SamplePosture("none", hours: 5),
        ]
        let known = try samples.map { try $0.snapshot }
        let error = #expect(throws: RevisionSelectionError.self) { try RevisionSelection(names, in: known) }
        #expect(error?.description == message)
        let chosen = try RevisionSelection(["twin"], namespace: "test", in: known)
        #expect(chosen.after == "8")
    }
}
