// SPDX-License-Identifier: Apache-2.0

import SensorCore
import SensorTestSupport
import Testing

@testable import sensord

/// What a reconciler has refused, at the command line.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
struct SpoolTests {
    private let directory: TestDirectory
    private let reconciler = TestReconciler()
    private var folder: String { directory.path }

    init() throws { directory = try TestDirectory() }

    private func start(_ url: String) async throws -> RunningSensord {
        try await .delivering(to: url, in: folder, ["--tick", "0.1", "--listen", "none"])
    }

    private func spool(_ words: String...) async throws -> RunningSensord.Outcome {
        try await RunningSensord(["spool"] + words + ["--state-dir", folder + "/state"]).ended()
    }

    private func resend(_ words: String...) async throws -> RunningSensord.Outcome {
        try await RunningSensord(
            ["spool", "resend", "--state-dir", folder + "/state", "--run-dir", folder + "/run"] + words
        ).ended()
    }

    /// The payloads of what was refused, by the sequences that it had.
    private func refused() async throws -> [UInt64: [UInt8]] {
        var records: [UInt64: [UInt8]] = [:]
        for line in try await spool("show", "1", "--json").lines {
            let mark = try #require(line.firstRange(of: #","payload":"#))
            let sequence = try #require(line.split(separator: "\"").dropFirst(7).first.flatMap { UInt64($0) })
            records[sequence] = Array(line[mark.upperBound...].dropLast().utf8)
        }
        return records
    }

    private var resent: [UInt64: [UInt8]] {
        reconciler.kept.reduce(into: [:]) { records, record in
            if let original = record.originalSequence { records[original] = record.payload }
        }
    }

    private func expectWhole(missing: Int) throws {
        #expect(reconciler.violations == [])
        var verifier = StreamVerifier()
        let kept = reconciler.kept
        for record in kept { verifier.feed(try #require(record.line)) }
        let report = verifier.finish()
        let stream = try #require(report.streams.first)
        #expect(report.isWhole && stream.repeated == 0 && stream.missing == UInt64(missing))
        let originals = kept.compactMap(\.originalSequence)
        #expect(Set(originals).count == originals.count)
    }

    @Test func `what was refused is listed and shown, and the daemon that runs sends it again`() async throws {
        var count = 0
        try await reconciler.serve { server in
            reconciler.meet(.answer(422, "no \u{1b}[2J\u{202e}such\nfield"))
            let daemon = try await start(server.url)
            try await daemon.until { self.reconciler.has(#""reason":"set_aside""#) }
            #expect(daemon.errorsSoFar.contains(#"answer="no \\x1b[2J\\u{202e}such\\nfield""#))
            let list = try await spool("list")
            #expect(list.status == 0, "\(list.errors)")
            #expect(
                list.output.contains(#"refused by reconciler: status 422, "no \x1b[2J\u{202e}such\nfield""#),
                "\(list.output)")
            #expect(!list.output.utf8.contains(0x1b))
            let json = try await spool("--json").output
            #expect(json.contains(#""sink":"reconciler""#) && json.contains(#""from":"1""#), "\(json)")
            #expect(json.contains(#""status":422,"answer":"no \u001b[2J"#) && !json.contains("marked"), "\(json)")
            let records = try await refused()
            count = records.count
            #expect(count > 0 && json.contains("\"records\":\(count),"))
            #expect(try await spool("show", "1").output.contains("\n  1  "))

            let outcome = try await resend("--json", "1")
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(
                outcome.output
                    == #"{"batches":1,"records":\#(count),"skipped":0,"waiting":0,"kept":[]}"# + "\n")
            try await daemon.until { self.resent.count == count }
            #expect(resent == records)
            #expect(try await spool("list").output == "nothing is set aside\n")
            try await daemon.stop()
        }
        try expectWhole(missing: count)
    }

    @Test func `with no daemon it is sent again by the next one, once though a crash left it twice`() async throws {
        var records: [UInt64: [UInt8]] = [:]
        try await reconciler.serve { server in
            reconciler.meet(.status(400))
            let daemon = try await start(server.url)
            try await daemon.until { self.reconciler.has(#""reason":"set_aside""#) }
            records = try await refused()
            try await daemon.stop()
            // What a later file has of it, too.
            let files = SetAsideFiles(of: "reconciler", in: folder + "/state")
            let batch = try #require(files.batches.first)
            let copy = "\(batch.time + 1)-\(batch.stream)-\(batch.sequences.lowerBound)-\(batch.sequences.upperBound)"
            try Child.shell("cd '\(files.directory)' && cp \(batch.name).ndjson \(copy).ndjson")
            let list = try await spool("list").output
            #expect(list.contains("\(batch.sequences.count) of these sequences stand above as well"), "\(list)")

            let ambiguous = try await resend("1")
            #expect(ambiguous.status == 1 && ambiguous.errors.contains("2 batches begin so"), "\(ambiguous.errors)")
            let outcome = try await resend("--all")
            #expect(
                outcome.status == 0 && outcome.output.contains("2 batches are sent again when a daemon next starts"))
            #expect(try await spool("--json").output.contains(#""marked":true"#))
            let next = try await start(server.url)
            try await next.until { self.resent.count == records.count }
            #expect(resent == records)
            #expect(try await spool("list").output == "nothing is set aside\n")
            #expect(try await resend("--all").output == "0 records of 0 batches are sent again\n")
            try await next.stop()
        }
        try expectWhole(missing: records.count)
    }

    @Test func `what is not there, or makes no sense, is told`() async throws {
        #expect(try await spool("list").output == "nothing is set aside\n")
        #expect(try await spool("list", "--json").output == "")
        let unknown = try await spool("show", "\u{1b}x")
        #expect(unknown.status == 1 && unknown.errors.contains(#"\x1bx: nothing of that id is set aside"#))
        #expect(try await resend().status == 2)
        #expect(try await resend("--all", "1").status == 2)
    }
}
