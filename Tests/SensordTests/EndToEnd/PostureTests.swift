// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

@testable import sensord

/// What a daemon learns of a workload, keeps, tells and shows.
@Suite(.enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class PostureTests {
    private let directory: TestDirectory
    private let cgroup: TestCgroup
    private var folder: String { directory.path }

    init() throws {
        directory = try TestDirectory()
        cgroup = try TestCgroup("posture")
        let name = cgroup.path.split(separator: "/").last ?? ""
        let workload = #"{"namespace":"agents","kind":"Deployment","name":"planner"}"#
        let map = #"[{"cgroup":"/\#(name)","workload":\#(workload)}]"#
        let file = open(folder + "/map", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        _ = write(file, map, map.utf8.count)
        close(file)
    }

    private func daemon(_ more: String...) throws -> RunningSensord {
        let daemon = try RunningSensord(
            [
                "run", "--run-dir", folder + "/run", "--state-dir", folder + "/state", "--records", "-", "--tick",
                "0.1",
                "--listen", "127.0.0.1:0", "--workload-map", folder + "/map",
            ] + more)
        try daemon.eventually { daemon.errorsSoFar.contains("collecting") }
        return daemon
    }

    /// Runs a shell script in the workload.
    private func act(_ script: String) throws {
        let outcome = try RunningSensord([], wrapper: ["sh", "-c", "\(cgroup.enter); \(script)", "sh"]).wait()
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    private func stop(_ daemon: RunningSensord) throws -> String {
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }

    private func posture(_ arguments: String...) throws -> RunningSensord.Outcome {
        try RunningSensord(["posture", "--state-dir", folder + "/state"] + arguments).wait()
    }

    /// Count of the fact about a path, as it is kept.
    private func count(of path: String) throws -> UInt64 {
        let outcome = try posture("Deployment/planner", "--json")
        let fact = outcome.output.split(separator: #"{"discipline":"#).first { $0.contains(#""path":"\#(path)""#) }
        return fact.flatMap { UInt64(Self.count(in: $0)) } ?? 0
    }

    private static func count(in fact: Substring) -> Substring {
        fact.split(separator: #""count":""#).dropFirst().first?.prefix { $0 != "\"" } ?? ""
    }

    /// That these records are one stream, which is whole.
    private func verify(_ told: String, key: String? = nil) throws {
        let records = folder + "/records"
        let file = open(records, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        _ = told.withCString { write(file, $0, strlen($0)) }
        close(file)
        let verified = try RunningSensord(
            ["verify"] + (key.map { ["--key", $0] } ?? []) + [records]
        ).wait()
        #expect(verified.status == 0, "\(verified.errors)")
        #expect(verified.lines.count { $0.hasPrefix("stream ") } == 1, "\(verified.output)")
    }

    @Test func `facts are told, kept over restarts, and shown; the stream goes on and is whole`() throws {
        let (mark, key) = (folder + "/mark", folder + "/.ssh/id_ed25519")
        try act("mkdir '\(folder)/.ssh'; : > '\(key)'; : > '\(mark)'")
        let first = try daemon()
        try act("cat '\(mark)' '\(key)'")
        try first.eventually {
            first.outputSoFar.contains(#""path":"\#(mark)""#) && first.outputSoFar.contains(#""facts":{"#)
        }
        // A running daemon can be asked as well.
        try first.eventually { (try? count(of: mark)) ?? 0 == 1 }
        var told = try stop(first)
        let fact = told.split(separator: "\n").first { $0.hasPrefix(#"{"stream":"#) && $0.contains(mark) }
        #expect(fact?.contains(#""subject":{"namespace":"agents","kind":"Deployment","name":"planner""#) == true)

        let second = try daemon()
        try act("cat '\(mark)'; cat '\(mark)'")
        told += try stop(second)
        #expect(try count(of: mark) == 3)

        let page = try posture("planner", "--namespace", "agents", "--no-color")
        #expect(page.status == 0, "\(page.errors)")
        #expect(page.output.contains("agents Deployment/planner"))
        #expect(page.lines.contains { $0.contains("credential") && $0.contains("id_ed25519") })
        #expect(page.output.contains("learning: below floor"))
        #expect(try posture("nobody").status == 1)

        try verify(told)
    }

    @Test func `what there is no room for is kept, counted and said, and goes on with room`() throws {
        let mark = folder + "/mark"
        try act(": > '\(mark)'")
        let first = try daemon()
        try act("cat '\(mark)'")
        try first.eventually { (try? count(of: mark)) ?? 0 == 1 }
        _ = try stop(first)
        // Others are known, too: whatever else runs here.
        let full = try daemon("--max-subjects", "1")
        let told = try stop(full)
        #expect(full.errorsSoFar.contains("waits until there is room"), "\(full.errorsSoFar)")
        #expect(told.contains(#""waitingSubjects":""#))
        #expect(try count(of: mark) == 1)
        let last = try daemon()
        try act("cat '\(mark)'")
        try last.eventually { (try? count(of: mark)) ?? 0 == 2 }
        _ = try stop(last)
    }

    @Test func `records are signed, and a page and a difference come of what is kept`() throws {
        let (mark, key) = (folder + "/mark", folder + "/key.pem")
        let made = try RunningSensord(
            [],
            wrapper: [
                "sh", "-c",
                "umask 077; openssl genpkey -algorithm ed25519 -out '\(key)' && openssl pkey -in '\(key)' -pubout -out '\(key).pub'",
                "sh",
            ]
        ).wait()
        try #require(made.status == 0, "\(made.errors)")
        try act(": > '\(mark)'")
        var (told, snapshots) = ("", [String]())
        for round in 1...2 {
            let daemon = try daemon("--signing-key-file", key)
            try act(round == 1 ? "cat '\(mark)'" : "cat '\(mark)'; chmod 600 '\(mark)'; cat '\(folder)/none' || true")
            told += try stop(daemon)
            snapshots.append(folder + "/\(round).json")
            let snapshot = try posture("planner", "--json")
            #expect(snapshot.output.contains(#""assessment":{"scope":"node""#))
            #expect(snapshot.output.hasSuffix("}\n"))
            let file = open(snapshots[round - 1], O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
            _ = snapshot.output.withCString { write(file, $0, strlen($0)) }
            close(file)
        }
        try verify(told, key: key + ".pub")
        #expect(
            try RunningSensord(["verify", "--key", key + ".pub", folder + "/records"]).wait().output.contains(
                "signatures are right"))
        for body in ["inventory", "nodeCoverage", "facts"] { #expect(told.contains("\"\(body)\":{"), "\(body)") }

        let page = try posture("planner", "--html", folder + "/page.html")
        #expect(page.status == 0, "\(page.errors)")
        let shown = try RunningSensord([], wrapper: ["sh", "-c", "cat '\(folder)/page.html'", "sh"]).wait().output
        #expect(shown.hasPrefix("<!DOCTYPE html>") && shown.contains("planner") && shown.hasSuffix("</html>\n"))

        let diff = try RunningSensord(["posture", "diff", "--no-color"] + snapshots).wait()
        #expect(diff.status == 0 && diff.output.contains("mark"), "\(diff.output)\(diff.errors)")
        let wrong = try RunningSensord(["posture", "diff", mark, snapshots[0]]).wait()
        #expect(wrong.status == 1 && wrong.errors.contains("there is no subject in it"), "\(wrong.errors)")
        let nokey = try RunningSensord(["run", "--signing-key-file", mark]).wait()
        #expect(nokey.status == 78 && nokey.errors.contains("an Ed25519 private key is expected"), "\(nokey.errors)")
    }

    @Test func `a kill loses no more than what was not told yet, and the stream stays whole`() throws {
        let mark = folder + "/mark"
        try act(": > '\(mark)'")
        var (told, kept) = ("", UInt64(0))
        for round in 1...3 as ClosedRange<UInt64> {
            let daemon = try daemon()
            try act("cat '\(mark)'")
            try daemon.eventually { (try? count(of: mark)) ?? 0 > kept }
            kept = try count(of: mark)
            #expect(kept == round)
            kill(daemon.pid, SIGKILL)
            #expect(try daemon.wait().status == 128 + SIGKILL)
            told += daemon.outputSoFar
            if !told.hasSuffix("\n") { told += "\n" }
        }
        try verify(told)
    }

    @Test func `killed at any moment, it has kept all that it told, and never more than there was`() throws {
        let mark = folder + "/mark"
        try act(": > '\(mark)'")
        let rounds = getenv("SENSORD_THOROUGH_TESTS") == nil ? 4 : 100
        var random = SystemRandomNumberGenerator()
        var (told, done) = ("", UInt64(0))
        for _ in 0..<rounds {
            let daemon = try daemon()
            let times = UInt64.random(in: 1...20, using: &random)
            done += times
            try act("for i in $(seq \(times)); do cat '\(mark)'; done")
            // Wherever it is by then.
            usleep(.random(in: 0..<250_000, using: &random))
            kill(daemon.pid, SIGKILL)
            _ = try daemon.wait()
            told += daemon.outputSoFar
            if !told.hasSuffix("\n") { told += "\n" }
            // What was not settled when it was killed is told again.
            var known: Set<Substring> = []
            let lines = told.split(separator: "\n").filter { $0.hasPrefix(#"{"stream":"#) && known.insert($0).inserted }
            let counts = lines.compactMap { line in
                line.split(separator: #"{"discipline":"#).first { $0.contains(#""path":"\#(mark)""#) }
                    .flatMap { UInt64(Self.count(in: $0)) }
            }
            let kept = try count(of: mark)
            #expect(kept <= done && kept >= counts.max() ?? 0)
            #expect(counts == counts.sorted())
        }
        if told.contains(#"{"stream":"#) { try verify(told) }
    }

    @Test func `a second daemon does not take the state of the first`() throws {
        let first = try daemon()
        let second = try RunningSensord([
            "run", "--run-dir", folder + "/run2", "--state-dir", folder + "/state", "--listen", "127.0.0.1:0",
        ]).wait()
        #expect(
            second.status == 1 && second.errors.contains("another daemon (process \(first.pid))"), "\(second.errors)")
        _ = try stop(first)
    }
}
