// SPDX-License-Identifier: Apache-2.0

import SensorTestSupport
import Testing

@testable import SensorCore
@testable import sensord

/// `sensord posture diff` of two revisions that a daemon has kept.
@Suite struct RevisionDiffTests {
    private let directory: TestDirectory
    private var state: String { directory.path + "/state" }

    /// Revision 1 for four days, then revision 2 for two.
    init() throws {
        directory = try TestDirectory()
        let (hour, start) = (3_600_000_000_000 as UInt64, 20_605 * 24 * 3_600_000_000_000 as UInt64)
        var batch = JournalBatch()
        for namespace in ["agents", "test"] {
            let profile = Profile(
                SubjectKey(namespace: namespace, group: "apps", kind: "Deployment", name: "planner", container: "main"),
                seed: 1, writer: "w")
            for number in 0..<144 as Range<UInt64> {
                let (time, revision) = (start + number * hour, number < 96 ? "1" : "2")
                profile.observe("c\(revision)", of: revision, at: time, elapsed: hour, announcesCalls: false)
                let deed = Profile.Deed(time: time, container: "c\(revision)", revision: revision)
                for path in ["/both", number < 96 ? "/old" : "/new"] {
                    profile.note(
                        .init(key: FactKey(.file, ByteString(path), "READ")), FactQualifiers(), deed)
                }
            }
            var record = PostureRecord()
            record.schema = PostureRecord.currentSchema
            record.subject = PostureSubject(profile.subject)
            record.coverage = profile.coverage.messages()
            record.profile = profile.message()
            batch.shares[ShareKey(profile.subject)] = record
        }
        let journal = try PostureJournal(directory: state, boot: "b")
        journal.write(batch)
        try #require(journal.finish())
    }

    private func diff(_ arguments: String...) throws -> RunningSensord.Outcome {
        try RunningSensord(["posture", "diff", "--state-dir", state, "--no-color"] + arguments).wait()
    }

    @Test(arguments: [["Deployment/planner@1", "Deployment/planner@2"], ["Deployment/planner"], ["planner"]])
    func `what a revision added and no longer does is read line by line`(_ names: [String]) throws {
        let outcome = try RunningSensord(
            ["posture", "diff", "--state-dir", state, "--no-color", "--namespace", "agents"] + names
        ).wait()
        #expect(
            outcome.output == """
                Deployment/planner  agents · main
                  revision 1 (watched 4 days) → revision 2 (watched 2 days)
                  counts are of all revisions together

                new  1
                  + file       /new READ  48×

                not seen any more  1
                  - file       /old READ  96×  gone

                """)
        #expect(outcome.status == 0 && outcome.errors == "")
    }

    @Test func `the same as JSON`() throws {
        let outcome = try diff("--namespace", "test", "--json", "planner@1", "planner@2")
        #expect(outcome.status == 0 && outcome.lines.count == 1)
        #expect(outcome.output.contains(#""after":{"label":"revision 2","revision":"2""#))
        #expect(
            outcome.output.contains(#"{"change":"removed","sensitivity":"ordinary","kind":"file","what":"/old READ""#))
    }

    @Test func `what is wrong is said`() throws {
        let several = try diff("planner")
        #expect(several.status == 1 && several.errors.contains("give its kind and --namespace"), "\(several.errors)")
        let unknown = try diff("--namespace", "agents", "planner@1", "planner@3")
        #expect(
            unknown.status == 1 && unknown.errors.contains("revision 3 is not known, but 1, 2"), "\(unknown.errors)")
        let filtered = try diff("--workload", "planner", "planner@1", "planner@2")
        #expect(filtered.status == 2 && filtered.errors.contains("--workload is for snapshots"), "\(filtered.errors)")
        let file = try diff("/dev/null")
        #expect(file.status == 2 && file.errors.contains("/dev/null is a file"), "\(file.errors)")
        let none = try diff("/none/a", "/none/b")
        #expect(none.status == 1 && none.errors.contains("/none/a"), "\(none.errors)")
    }
}
