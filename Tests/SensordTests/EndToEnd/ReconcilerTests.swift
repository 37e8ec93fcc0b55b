// SPDX-License-Identifier: Apache-2.0

import SensorCore
import SensorTestSupport
import Testing

@testable import sensord

/// A daemon's records on their way to a reconciler that fails in every way it can.
///
/// The reconciler is served by the threads that tests run on: nothing here may block one for long.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class ReconcilerTests {
    private let directory: TestDirectory
    private let cgroup: TestCgroup
    private let reconciler = TestReconciler()
    private var folder: String { directory.path }

    init() throws {
        directory = try TestDirectory()
        cgroup = try TestCgroup("reconciler")
        let name = cgroup.path.split(separator: "/").last ?? ""
        try write(#"[{"cgroup":"/\#(name)","workload":{"kind":"Deployment","name":"planner"}}]"#, to: "map")
    }

    private func write(_ text: String, to name: String) throws {
        try SmallFile.replace("\(folder)/\(name)", with: Array(text.utf8))
    }

    private func start(_ url: String, _ more: String...) async throws -> RunningSensord {
        let daemon = try await RunningSensord.delivering(
            to: url, in: folder,
            ["--tick", "0.1", "--listen", "127.0.0.1:0", "--workload-map", folder + "/map"] + more)
        try await daemon.until { daemon.errorsSoFar.contains("listening for HTTP") }
        return daemon
    }

    /// Does something in the workload that is a fact of its own.
    private func act(_ name: String) async throws {
        try await RunningSensord.shell("\(cgroup.enter); : > '\(folder)/\(name)'; cat '\(folder)/\(name)'")
    }

    /// Waits until the fact that `act` makes has arrived.
    private func arrival(of names: String..., from daemon: RunningSensord) async throws {
        for name in names { try await daemon.until { self.reconciler.has("\(self.folder)/\(name)\"") } }
    }

    /// What the daemon serves at the path.
    private func get(_ path: String, of daemon: RunningSensord) async throws -> String {
        let mark = "listening for HTTP address="
        let line = try #require(daemon.errorsSoFar.split(separator: "\n").first { $0.contains(mark) })
        let address = try #require(line.split(separator: "=").last)
        return try await RunningSensord.shell("exec curl -s -m 60 http://\(address)\(path)")
    }

    /// That what has arrived is one stream from its beginning, each sequence once, nothing missing.
    ///
    /// - Parameter missing: records that gaps account for.
    private func verify(missing: UInt64 = 0) throws {
        #expect(reconciler.violations == [])
        var verifier = StreamVerifier()
        let kept = reconciler.kept
        for record in kept { verifier.feed(try #require(record.line)) }
        let report = verifier.finish()
        #expect(report.firstBreak == nil, "\(String(describing: report.firstBreak))")
        let stream = try #require(report.streams.first)
        // The first batch is the one that is set aside, if any is.
        #expect(report.streams.count == 1 && stream.repeated == 0)
        #expect(stream.first == max(1, missing) && stream.missing == missing)
        #expect(Set(kept.map(\.sequence)).count == kept.count && UInt64(kept.count) == report.records)
        if missing == 0 { #expect(stream.last == UInt64(kept.count)) }
    }

    @Test func `every record arrives once and in order, whatever the reconciler and the daemon go through`()
        async throws
    {
        var port = 0
        var daemon: RunningSensord?
        let rounds: [[TestReconciler.Fault]] = [
            [.status(500), .hangUp], [.lostAnswer, .lostAnswer], [.wrongStream], [.tooMuch, .again], [.nonsense],
            [.status(503, retryAfter: 1)],
        ]
        try await reconciler.serve { server in
            port = server.port
            let first = try await start(server.url)
            for (number, faults) in rounds.enumerated() {
                for fault in faults { reconciler.meet(fault) }
                try await act("round\(number)")
                try await arrival(of: "round\(number)", from: first)
                try await first.until { self.reconciler.hasMetAll }
            }
            // Kept by the reconciler, and the daemon is killed before it knows.
            reconciler.meetAlways(.lostAnswer)
            try await act("killed")
            try await arrival(of: "killed", from: first)
            try await first.crash()
            reconciler.meetAlways(nil)
            daemon = try await start(server.url)
        }
        let second = try #require(daemon)
        // Nobody is there.
        try await act("away")
        try await second.crash()
        let third = try await start("http://127.0.0.1:\(port)")
        try await act("alone")
        try await asyncEventually {
            try await self.get("/metrics", of: third).contains("sensord_delivery_hanging{sink=\"reconciler\"} 1\n")
        }
        #expect(try await get("/readyz", of: third).contains("records have not got through for "))
        try await reconciler.serve(port: port) { _ in
            try await arrival(of: "killed", "alone", from: third)
            try await asyncEventually {
                try await self.get("/metrics", of: third).contains("sensord_delivery_hanging{sink=\"reconciler\"} 0\n")
            }
            #expect(third.errorsSoFar.contains("records reach the reconciler again"))
            try await act("end")
            try await third.stop()
            #expect(reconciler.has(folder + "/end\""))
        }
        #expect(reconciler.repeated > 0)
        try verify()
    }

    @Test func `a reconciler that hangs holds up no other sink, and is given all of it later`() async throws {
        let daemon = try await start("http://127.0.0.1:1", "--records", folder + "/records")
        try await act("mark")
        try await asyncEventually {
            try await RunningSensord.shell("grep -c '\(self.folder)/mark\"' '\(self.folder)/records' || true") != "0\n"
        }
        try await daemon.stop()
        try await reconciler.serve { server in
            let next = try await start(server.url, "--records", folder + "/records")
            try await arrival(of: "mark", from: next)
            try await next.stop()
        }
        try verify()
        let file = try await RunningSensord.shell("exec cat '\(folder)/records'")
        var verifier = StreamVerifier()
        verifier.feed(Array(file.utf8))
        let report = verifier.finish()
        #expect(report.firstBreak == nil && report.streams.first?.repeated == 0)
        #expect(report.streams.first?.last == reconciler.kept.last?.sequence)
    }

    @Test func `what is too large is split, and a pause that is asked for is kept`() async throws {
        reconciler.setRecordLimit(1)
        reconciler.meet(.status(429, retryAfter: 2))
        try await reconciler.serve { server in
            let daemon = try await start(server.url)
            try await act("mark")
            try await arrival(of: "mark", from: daemon)
            try await daemon.stop()
        }
        #expect(reconciler.statuses.contains(413))
        let times = reconciler.times
        #expect(times.count > 2 && times[1] - times[0] >= .seconds(2))
        try verify()
    }

    @Test func `what is refused for good is set aside, and a gap takes its place`() async throws {
        try await reconciler.serve { server in
            reconciler.meet(.status(422))
            let daemon = try await start(server.url)
            try await daemon.until { self.reconciler.has(#""reason":"set_aside""#) }
            try await act("mark")
            try await arrival(of: "mark", from: daemon)
            #expect(
                try await get("/metrics", of: daemon).contains(
                    "sensord_delivery_refused_batches_total{sink=\"reconciler\"} 1\n"))
            try await daemon.stop()
        }
        let aside = try await RunningSensord.shell("exec cat '\(folder)'/state/aside/*.ndjson").split(separator: "\n")
            .filter {
                !$0.hasPrefix(#"{"setAside":{"reason":"status 422","status":422,"#)
            }
        #expect(!aside.isEmpty && aside[0].contains(#""sequence":"1""#))
        try verify(missing: UInt64(aside.count))
    }

    @Test func `a token that is refused is read again`() async throws {
        reconciler.setToken("first")
        try write("first\n", to: "token")
        try await reconciler.serve { server in
            let daemon = try await start(server.url, "--reconciler-token-file", folder + "/token")
            try await act("before")
            try await arrival(of: "before", from: daemon)
            reconciler.setToken("second")
            try await act("after")
            try await daemon.until { self.reconciler.statuses.last == 401 }
            try write("second\n", to: "token")
            try await arrival(of: "after", from: daemon)
            #expect(!daemon.errorsSoFar.contains("second"))
            try await daemon.stop()
        }
        try verify()
    }

    @Test func `TLS: HTTP/2 where it is offered, and a client certificate that is replaced on disk`() async throws {
        let certificates = try TestCertificates.shared.get()
        let authority = certificates.path("ca.crt")
        try await reconciler.serve(isSecure: true, offersHTTP2: true) { server in
            let daemon = try await start(server.url, "--reconciler-ca", authority, "--reconciler-encoding", "json")
            try await act("one")
            try await arrival(of: "one", from: daemon)
            try await daemon.stop()
        }
        #expect(reconciler.usedHTTP2 && reconciler.contentTypes == ["application/json"])
        for suffix in ["crt", "key"] {
            try SmallFile.replace(
                "\(folder)/current.\(suffix)",
                with: try SmallFile.read(certificates.path("client.\(suffix)"), limit: 1 << 20))
        }
        reconciler.setClient("client")
        try await reconciler.serve(isSecure: true, requiringClientCertificate: true) { server in
            let daemon = try await start(
                server.url, "--reconciler-ca", authority, "--reconciler-cert", folder + "/current.crt",
                "--reconciler-key", folder + "/current.key")
            try await act("two")
            try await arrival(of: "two", from: daemon)
            reconciler.setClient("rotated")
            try await act("three")
            try await daemon.until { self.reconciler.statuses.last == 403 }
            for suffix in ["crt", "key"] {
                try SmallFile.replace(
                    "\(folder)/current.\(suffix)",
                    with: try SmallFile.read(certificates.path("rotated.\(suffix)"), limit: 1 << 20))
            }
            try await arrival(of: "three", from: daemon)
            try await daemon.stop()
        }
        try verify()
    }

    @Test
    func `where the first URL does not answer the next one is used, and nobody who is not believed gets anything`()
        async throws
    {
        try await reconciler.serve { server in
            let daemon = try await start("http://127.0.0.1:1, \(server.url)/base")
            try await act("mark")
            try await arrival(of: "mark", from: daemon)
            try await daemon.stop()
        }
        try verify()
        let before = reconciler.requests
        try await reconciler.serve(isSecure: true) { server in
            // The machine does not trust the test's authority.
            let daemon = try await start(server.url)
            try await asyncEventually {
                try await self.get("/metrics", of: daemon).contains("sensord_delivery_hanging{sink=\"reconciler\"} 1\n")
            }
            try await daemon.stop()
        }
        #expect(reconciler.requests == before)
    }

    @Test(arguments: [
        (["--reconciler-url", "ftp://a"], "--reconciler-url: https://HOST"),
        (["--reconciler-url", "https://u:p@a"], "--reconciler-url: https://HOST"),
        (["--reconciler-ca", "/none"], "--reconciler-ca: --reconciler-url is expected with it"),
        (["--reconciler-url", "https://a", "--reconciler-ca", "/none"], "the CA in /none cannot be read"),
        (["--reconciler-url", "https://a", "--reconciler-token-file", "/none"], "the token in /none cannot be read"),
        (["--reconciler-url", "https://a", "--reconciler-cert", "/none"], "--reconciler-key is expected with it"),
        (["--reconciler-url", "http://a", "--reconciler-token-file", "/etc/hostname"], "use https://"),
        (["--spool-max-bytes", "1"], "--spool-max-bytes: a number from"),
        (["--reconciler-encoding", "xml"], "--reconciler-encoding: one of protobuf, json is expected"),
    ]) func `settings that cannot work are told at the start`(_ flags: [String], _ error: String) throws {
        let outcome = try RunningSensord(["run", "--run-dir", folder + "/run"] + flags).wait()
        #expect(outcome.status == 2 && outcome.errors.contains(error), "\(outcome.errors)")
    }
}
