// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import sensord

/// A daemon that is given more to remember than it may.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class MemoryLimitTests {
    private let directory: TestDirectory
    private let cgroup: TestCgroup
    private var folder: String { directory.path }
    private static let workloads = 200
    private static let mebibyte = 1 << 20
    /// What the limit leaves beyond what the daemon has at first: some of it is soon taken by queues that are always as full.
    private static let room = 64 * mebibyte
    /// What it may be beyond the limit: it looks once a second, and on a loaded machine not so often.
    private static let tolerance = 16 * mebibyte

    init() throws {
        directory = try TestDirectory()
        cgroup = try TestCgroup("memory")
        let name = cgroup.path.split(separator: "/").last ?? ""
        let entries = (0..<Self.workloads).map { number in
            let workload = #"{"namespace":"agents","kind":"Deployment","name":"w\#(number)"}"#
            return #"{"cgroup":"/\#(name)/w\#(number)","workload":\#(workload)}"#
        }
        try SmallFile.replace(folder + "/map", with: Array("[\(entries.joined(separator: ","))]".utf8))
        try SmallFile.replace(folder + "/act.py", with: Array(Self.act.utf8))
    }

    deinit { _ = try? Child.shell("rmdir '\(cgroup.path)'/w* 2>/dev/null || true") }

    /// Makes files of long names and removes them again, so many in each of so many workloads, which come and go.
    private static let act = """
        import os
        import sys
        import time

        cgroup, folder, workloads, files = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
        folder = os.path.join(folder, *["d" * 200] * 4)
        os.makedirs(folder)
        os.chdir(folder)
        for workload in range(workloads):
            own = f"{cgroup}/w{workload}"
            os.mkdir(own)
            with open(f"{own}/cgroup.procs", "w") as processes:
                processes.write(str(os.getpid()))
            print(workload, flush=True)
            if workload:
                os.rmdir(f"{cgroup}/w{workload - 1}")
            for number in range(files):
                name = f"w{workload}-f{number}"
                os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
                os.unlink(name)
                time.sleep(0.001)

        """

    private func act(workloads: Int, files: Int) throws -> RunningSensord {
        let words = "'\(folder)/act.py' '\(cgroup.path)' '\(folder)/files' \(workloads) \(files)"
        return try RunningSensord([], wrapper: ["sh", "-c", "exec python3 \(words)", "sh"])
    }

    private func start(_ limit: String) async throws -> RunningSensord {
        let daemon = try RunningSensord([
            "run", "--run-dir", folder + "/run", "--state-dir", folder + "/state", "--records", folder + "/records",
            "--tick", "0.5", "--idle-ticks", "0", "--memory-entries", "262144", "--entry-budget", "262144", "--listen",
            "127.0.0.1:0", "--workload-map", folder + "/map", "--watch", "namespace=agents", "--memory-limit", limit,
        ])
        try await daemon.until { daemon.errorsSoFar.contains("collecting") }
        return daemon
    }

    /// Bytes that it has now.
    private func resident(_ daemon: RunningSensord) throws -> Int {
        let text = String(decoding: try SmallFile.read("/proc/\(daemon.pid)/statm", limit: 4096), as: UTF8.self)
        let fields = text.split(separator: " ")
        return try #require(fields.count > 1 ? Int(fields[1]) : nil) * sysconf(Int32(_SC_PAGESIZE))
    }

    private func get(_ path: String, of daemon: RunningSensord) async throws -> String {
        try await RunningSensord.shell("exec curl -sS --max-time 60 http://\(try daemon.address())\(path)")
    }

    /// What the daemon is told to hold.
    private func limit() async throws -> Int {
        let idle = try await start("none")
        let bytes = try resident(idle)
        try await idle.stop()
        return bytes + Self.room
    }

    /// The most that it had until a condition came true.
    private func peak(of daemon: RunningSensord, until condition: () async throws -> Bool) async throws -> Int {
        var most = 0
        try await asyncEventually {
            if daemon.isOver { throw Timeout(what: "sensord ended: \(daemon.errorsSoFar)") }
            most = max(most, try resident(daemon))
            return try await condition()
        }
        return most
    }

    private func tells(_ daemon: RunningSensord, _ words: String...) -> Bool {
        daemon.errorsSoFar.split(separator: "\n").contains { line in words.allSatisfy { line.contains($0) } }
    }

    private func records() throws -> [PostureRecord] {
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        let text = String(decoding: try SmallFile.read(folder + "/records", limit: 1 << 30), as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            guard line.hasPrefix(#"{"stream""#), let mark = line.firstRange(of: #","payload":"#) else { return nil }
            return try? PostureRecord(jsonString: String(line[mark.upperBound...].dropLast()), options: options)
        }
    }

    @Test func `whoever gives it too much to remember is told less of, the limit is held, and all is told again`()
        async throws
    {
        let limit = try await limit()
        let daemon = try await start("\(limit)")
        let flood = try act(workloads: 1, files: 1_000_000)
        var most = try await peak(of: daemon) {
            tells(daemon, "less is told", "what=first_sights", "limit=memory", "w0")
        }
        #expect(try await get("/readyz", of: daemon).contains("tells less: "))
        let metrics = try await get("/metrics", of: daemon)
        #expect(!metrics.contains("sensord_overload_reductions{what=\"first_sights\"} 0\n"), "\(metrics)")
        // It goes on for a while, and nothing is gained by it.
        let end = ContinuousClock.now + .seconds(5)
        most = max(most, try await peak(of: daemon) { ContinuousClock.now >= end })
        #expect(most <= limit + Self.tolerance, "\(most) of \(limit)")
        kill(flood.pid, SIGKILL)
        _ = try? await flood.ended()
        // What is remembered of a cgroup goes with it.
        try Child.shell("rmdir '\(cgroup.path)/w0'")
        try await daemon.until {
            tells(daemon, "all is told again", "what=first_sights") && tells(daemon, "all is told again", "what=ticks")
        }
        #expect(try await !get("/readyz", of: daemon).contains("tells less: "))
        try await daemon.stop()
        let records = try records()
        let reductions = records.flatMap(\.nodeCoverage.reductions).filter {
            $0.what == "first_sights" && $0.subject.name == "w0"
        }
        #expect(reductions.contains { !$0.hasTo } && reductions.contains { $0.hasTo }, "\(reductions)")
        #expect(reductions.allSatisfy { $0.why == "memory" }, "\(reductions)")
        let coverage = records.filter { $0.subject.name == "w0" }.flatMap(\.coverage)
        #expect(coverage.contains { $0.state == "lossy" && $0.why.contains("limit (memory)") }, "\(coverage)")
    }

    @Test func `where it is many who give it too much nothing more is learned, which is said, and the limit is held`()
        async throws
    {
        let limit = try await limit()
        let daemon = try await start("\(limit)")
        let many = try act(workloads: Self.workloads, files: 400)
        var most = try await peak(of: daemon) { tells(daemon, "less is told", "what=facts", "limit=memory") }
        let metrics = try await get("/metrics", of: daemon)
        #expect(metrics.contains("sensord_overload_reductions{what=\"facts\"} 1\n"), "\(metrics)")
        func begun() -> Int { many.outputSoFar.split(separator: "\n").last.flatMap { Int($0) } ?? 0 }
        let last = begun() + 20
        most = max(most, try await peak(of: daemon) { begun() > last || many.isOver })
        #expect(most <= limit + Self.tolerance, "\(most) of \(limit)")
        try #require(begun() > last, "there are too few workloads")
        kill(many.pid, SIGKILL)
        _ = try? await many.ended()
        try await daemon.stop()
        let records = try records()
        let reductions = records.flatMap(\.nodeCoverage.reductions)
        #expect(reductions.contains { $0.what == "facts" && !$0.hasSubject && $0.why == "memory" }, "\(reductions)")
        #expect(records.contains { $0.subject.name == "w0" } && !records.contains { $0.subject.name == "w\(last)" })
        #expect((records.last { $0.nodeCoverage.hooks.count > 0 }?.nodeCoverage.refusedEvents ?? 0) > 0)
    }
}
