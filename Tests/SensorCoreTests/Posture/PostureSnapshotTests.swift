// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// Files of what was known.
@Suite struct PostureSnapshotTests {
    private func fault(_ text: String) -> PostureSnapshotError? {
        do throws(PostureSnapshotError) {
            _ = try PostureSnapshot(Array(text.utf8), name: "a.json")
            return nil
        } catch { return error }
    }

    @Test func `a snapshot is read as it was written`() throws {
        let sample = SamplePosture.agent("a")
        let text = SamplePosture.agent("b").line + "\n" + sample.line
        let snapshot = try PostureSnapshot(Array(text.utf8), name: "a.json")
        #expect(snapshot.subjects.map(\.profile.subject.name) == ["a", "b"])
        #expect(
            snapshot.subjects[0].nodes == ["node-1"]
                && snapshot.subjects[0].profile.facts.count == sample.finished.profile.facts.count)
        #expect(snapshot.subjects[0].time == sample.now)
    }

    @Test func `shares of several nodes are one subject`() throws {
        var (one, other) = (SamplePosture("a", hours: 5), SamplePosture("a", hours: 9))
        other.record.node = "node-2"
        one.add(FactKey(.dns, "a.test", "A"), count: 3)
        other.add(FactKey(.dns, "a.test", "A"), count: 4)
        let snapshot = try PostureSnapshot(Array((one.line + other.line + one.line).utf8), name: "a.json")
        try #require(snapshot.subjects.count == 1)
        #expect(snapshot.subjects[0].nodes == ["node-1", "node-2"] && snapshot.subjects[0].time == other.now)
        #expect(snapshot.subjects[0].profile.facts.values.first?.counts.count == 7)
    }

    @Test func `what is wrong is said with its line`() {
        let line = SamplePosture("a", hours: 5).line
        let cases: [(String, PostureSnapshotError.Code, Int?)] = [
            ("", .empty, nil), ("\n \r\n", .empty, nil), (line + "{\"schema\":", .cutShort, 2),
            (line + "{]\n" + line, .damaged, 2), (line + "\u{0}\n", .damaged, 2),
            (line.replacing("posture.v1", with: "posture.v2"), .unknownSchema, 1), ("{}\n", .unknownSchema, 1),
            (#"{"schema":"posture.v1","subject":{"kind":"Pod"},"gap":{}}"# + "\n", .noProfile, 1),
            (#"{"schema":"posture.v1","profile":{}}"# + "\n", .noProfile, 1),
        ]
        for (text, code, place) in cases {
            let fault = fault(text)
            #expect(fault?.code == code && fault?.line == place, "\(text.prefix(40))")
        }
        #expect(
            fault(line + line.replacing("posture.v1", with: "posture.\\u001bv2"))?.description
                == "a.json, line 2: schema posture.⟨U+001B⟩v2, and this version reads posture.v1 alone")
    }

    @Test func `what a later version says besides is passed over`() throws {
        var sample = SamplePosture("a", hours: 5)
        sample.add(FactKey(.dns, "a.test", "A"))
        let line = sample.line.replacing("{\"schema\"", with: "{\"mood\":\"fine\",\"schema\"")
        #expect(try PostureSnapshot(Array(line.utf8), name: "a").subjects[0].profile.facts.count == 1)
    }

    @Test func `a file that is not there is named`() {
        do throws(PostureSnapshotError) {
            _ = try PostureSnapshot.read("/nonexistent/a.json")
            Issue.record("it was read")
        } catch {
            #expect(error.description == "/nonexistent/a.json: no such file or directory")
        }
    }
}
