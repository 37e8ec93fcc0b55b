// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import sensord

/// A daemon that one workload gives more to do than it may.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
struct OverloadTests {
    private let directory: TestDirectory
    private let flooding: TestCgroup
    private let quiet: TestCgroup
    private var folder: String { directory.path }

    init() throws {
        directory = try TestDirectory()
        flooding = try TestCgroup("flooding")
        quiet = try TestCgroup("quiet")
        let entries = [(flooding, "flood"), (quiet, "calm")].map { cgroup, name in
            let path = cgroup.path.split(separator: "/").last ?? ""
            return #"{"cgroup":"/\#(path)","workload":{"namespace":"agents","kind":"Deployment","name":"\#(name)"}}"#
        }
        let text = "[" + entries.joined(separator: ",") + "]"
        let file = open(folder + "/map", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        _ = write(file, text, text.utf8.count)
        close(file)
    }

    private func start() throws -> RunningSensord {
        let daemon = try RunningSensord(
            [
                "run", "--run-dir", folder + "/run", "--state-dir", folder + "/state", "--records", "-", "--tick",
                "0.5",
                "--listen", "127.0.0.1:0", "--workload-map", folder + "/map", "--cpu-budget", "10",
            ])
        try daemon.eventually { daemon.errorsSoFar.contains("collecting") }
        return daemon
    }

    /// New files without end: each is a first sight.
    private func flood() throws -> RunningSensord {
        try RunningSensord(
            [],
            wrapper: [
                "sh", "-c",
                """
                \(flooding.enter); mkdir '\(folder)/flood'; cd '\(folder)/flood'
                exec python3 -c 'import os
                n = 0
                while True:
                    name = "f%d" % n
                    os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
                    os.unlink(name)
                    n += 1'
                """, "sh",
            ])
    }

    private func make(_ name: String) async throws {
        try await RunningSensord.shell("\(quiet.enter); : > '\(folder)/\(name)'")
    }

    private func records(_ output: String) -> [PostureRecord] {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        return output.split(separator: "\n").compactMap { line in
            guard line.hasPrefix(#"{"stream""#), let mark = line.firstRange(of: #","payload":"#) else { return nil }
            return try? PostureRecord(jsonString: String(line[mark.upperBound...].dropLast()), options: options)
        }
    }

    private func metrics(_ daemon: RunningSensord) async throws -> String {
        let port = daemon.errorsSoFar.split(separator: "127.0.0.1:").dropFirst().first?.prefix { $0.isNumber } ?? ""
        return try await RunningSensord.shell("curl -sS --max-time 60 http://127.0.0.1:\(port)/metrics")
    }

    private func has(_ text: String, _ name: String, above bound: UInt64 = 0) -> Bool {
        text.split(separator: "\n").contains { line in
            line.hasPrefix(name) && (line.split(separator: " ").last.flatMap { UInt64($0) } ?? 0) > bound
        }
    }

    private static let during = [
        "amber", "birch", "cedar", "daisy", "ember", "fern", "ginger", "hazel", "iris", "jasmine",
    ]

    @Test func `whoever floods is told less of, which is said; nobody else loses anything, and it returns by itself`()
        async throws
    {
        let daemon = try start()
        try await make("before")
        let flood = try flood()
        try await daemon.until {
            daemon.errorsSoFar.split(separator: "\n").contains {
                $0.contains("less is told") && $0.contains("what=first_sights") && $0.contains("flood")
            }
        }
        let during = try await metrics(daemon)
        #expect(has(during, #"sensord_overload_reductions{what="first_sights"}"#), "\(during)")
        for name in Self.during { try await make(name) }
        // What was lost for it is counted, at the next tick.
        try await asyncEventually {
            try await has(metrics(daemon), #"sensord_lost_events_total{hook="sys_exit",reason="overload"}"#)
        }
        kill(flood.pid, SIGKILL)
        _ = try? await flood.ended()
        try await daemon.until {
            daemon.errorsSoFar.split(separator: "\n").filter { $0.contains("all is told again") }.count { line in
                line.contains("what=first_sights") || line.contains("what=ticks")
            } >= 2
        }
        // Its files have no room for another name by then.
        try await RunningSensord.shell("\(flooding.enter); bash -c ': < /dev/tcp/127.0.0.1/1' || true")
        try await make("after")
        let records = try await self.records(daemon.stop().output)
        let facts = records.flatMap { record in record.facts.facts.map { (record.subject.name, $0) } }
        let calm = Set(facts.filter { $0.0 == "calm" && $0.1.kind == "file" }.map(\.1.key.path))
        for name in ["before", "after"] + Self.during {
            #expect(calm.contains { $0 == "\(folder)/\(name)" }, "\(name): \(calm.sorted())")
        }
        let ofCalm = records.filter { $0.subject.name == "calm" }.flatMap(\.coverage)
        #expect(!ofCalm.isEmpty && !ofCalm.contains { !$0.lost.isEmpty }, "\(ofCalm.filter { !$0.lost.isEmpty })")
        let ofFlood = try #require(records.last { $0.subject.name == "flood" && !$0.coverage.isEmpty }).coverage
        let row = try #require(ofFlood.first { $0.lost.contains { $0.hook == "daemon" && $0.reason == "overload" } })
        #expect(row.state == "lossy" && row.hasFrom && row.why.contains("limit (cpu)"), "\(row)")
        #expect(ofFlood.contains { $0.lost.contains { $0.reason == "overload" && $0.count > 0 } }, "\(ofFlood)")
        #expect(
            !ofFlood.contains {
                $0.discipline == "behavioral" && $0.state == "complete" && ["", "file"].contains($0.kind)
            })
        #expect(facts.contains { $0.0 == "flood" && $0.1.kind == "egress" && $0.1.key.port == 1 })
        let reductions = records.flatMap(\.nodeCoverage.reductions)
        #expect(reductions.contains { $0.what == "first_sights" && $0.subject.name == "flood" && !$0.hasTo })
        #expect(reductions.contains { $0.what == "first_sights" && $0.subject.name == "flood" && $0.hasTo })
        #expect(!reductions.contains { $0.subject.name == "calm" })
    }
}
