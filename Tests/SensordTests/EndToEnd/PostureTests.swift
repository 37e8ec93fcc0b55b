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

    private func daemon() throws -> RunningSensord {
        let daemon = try RunningSensord([
            "run", "--run-dir", folder + "/run", "--state-dir", folder + "/state", "--records", "-", "--tick", "0.1",
            "--listen", "127.0.0.1:0", "--workload-map", folder + "/map",
        ])
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
    private func verify(_ told: String) throws {
        let records = folder + "/records"
        let file = open(records, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        _ = told.withCString { write(file, $0, strlen($0)) }
        close(file)
        let verified = try sensord("verify", records)
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
