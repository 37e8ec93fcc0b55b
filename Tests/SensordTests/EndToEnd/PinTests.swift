// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

@testable import sensord

/// Daemons whose programs stay in the kernel: what a workload does is told whether one runs or not.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"),
    .enabled(if: TestBPFFileSystem.isPossible, "no BPF file system can be mounted here"))
final class PinTests {
    private let files: TestBPFFileSystem
    private let directory: TestDirectory
    private let cgroup: TestCgroup
    private var folder: String { directory.path }
    private var mark: String { folder + "/mark" }

    init() throws {
        files = try TestBPFFileSystem()
        directory = try TestDirectory()
        cgroup = try TestCgroup("pins")
        let name = cgroup.path.split(separator: "/").last ?? ""
        let workload = #"{"namespace":"agents","kind":"Deployment","name":"planner"}"#
        try write(#"[{"cgroup":"/\#(name)","workload":\#(workload)}]"#, to: folder + "/map")
        try write("", to: mark)
    }

    private func write(_ text: String, to path: String) throws {
        let file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        defer { close(file) }
        try #require(file >= 0 && Glibc.write(file, text, text.utf8.count) == text.utf8.count)
    }

    private func start(_ more: String..., listen: String = "none", pins: String? = nil) throws -> RunningSensord {
        try RunningSensord(
            [
                "run", "--run-dir", folder + "/run", "--state-dir", folder + "/state", "--records", folder + "/records",
                "--tick", "0.2", "--listen", listen, "--workload-map", folder + "/map", "--pin-dir", pins ?? files.pins,
                // Whatever else the machine does meanwhile has room.
                "--activity-ring-bytes", "33554432", "--lifecycle-ring-bytes", "8388608",
            ] + more)
    }

    private func daemon(listen: String = "none", pins: String? = nil) throws -> RunningSensord {
        let daemon = try start(listen: listen, pins: pins)
        try daemon.eventually { daemon.errorsSoFar.contains("collecting") }
        return daemon
    }

    private func stop(_ daemon: RunningSensord) throws {
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    private func crash(_ daemon: RunningSensord) throws {
        kill(daemon.pid, SIGKILL)
        _ = try daemon.wait()
    }

    /// Runs a shell script in the workload.
    private func act(_ script: String) throws {
        let outcome = try RunningSensord([], wrapper: ["sh", "-c", "\(cgroup.enter); \(script)", "sh"]).wait()
        try #require(outcome.status == 0, "\(outcome.errors)")
    }

    /// A shell of the workload that opens `mark` about 20 000 times a second until there is a file `stop`, and then says how
    /// often it has.
    private func flood() throws -> RunningSensord {
        try RunningSensord(
            [],
            wrapper: [
                "sh", "-c",
                """
                \(cgroup.enter); n=0
                while [ ! -e '\(folder)/stop' ]; do
                    i=0; while [ $i -lt 250 ]; do : <'\(mark)'; i=$((i+1)); done
                    n=$((n+i)); sleep 0.01
                done; echo $n
                """, "sh",
            ])
    }

    private func end(_ flood: RunningSensord) throws -> UInt64 {
        try write("", to: folder + "/stop")
        let outcome = try flood.wait()
        return try #require(UInt64(outcome.output.filter(\.isNumber)))
    }

    private func posture() throws -> String {
        try RunningSensord(["posture", "--state-dir", folder + "/state", "Deployment/planner", "--json"]).wait().output
    }

    /// Count of the fact about a path, as it is kept.
    private func count(of path: String) throws -> UInt64 {
        let fact = try posture().split(separator: #"{"discipline":"#).first { $0.contains(#""path":"\#(path)""#) }
        let count = fact?.split(separator: #""count":""#).dropFirst().first?.prefix { $0 != "\"" }
        return count.flatMap { UInt64($0) } ?? 0
    }

    /// What the records say last of the run before. There are many of them.
    private func takeOver() throws -> String {
        let search = #"exec grep '"takeOver":{' '\#(folder)/records' | tail -n 1"#
        return try RunningSensord([], wrapper: ["sh", "-c", search, "sh"]).wait().output
    }

    @Test func `a restart under load counts each event once, and says for how long nobody read`() throws {
        let first = try daemon()
        #expect(!first.errorsSoFar.contains("earlier run"))
        let flood = try flood()
        try first.eventually { (try? count(of: mark)) ?? 0 > 0 }
        try stop(first)
        #expect(try !files.contents.isEmpty)
        // Whoever does this has come and gone when the next daemon starts.
        try act("cat '\(folder)/map'")

        let second = try daemon()
        try second.eventually { second.errorsSoFar.contains("took over the programs of an earlier run") }
        #expect(second.errorsSoFar.contains("state=complete"), "\(second.errorsSoFar)")
        let opened = try end(flood)
        try stop(second)
        #expect(opened > 0)
        #expect(try count(of: mark) == opened)
        #expect(try count(of: folder + "/map") == 1)
        #expect(try posture().contains("nobody read what the programs told"))
        #expect(try takeOver().contains(#""state":"complete""#))

        // By the way they are removed nothing is left behind.
        #expect(try PinnedState.remove(files.pins))
        #expect(try files.contents.isEmpty)
    }

    /// What a daemon answers, and the status as a line at the end.
    private func get(_ path: String, of daemon: RunningSensord) throws -> String {
        let address = try daemon.address()
        return try sensord(
            wrapper: ["sh", "-c", "exec curl -s -m 60 -w '\\n%{http_code}\\n' http://\(address)\(path)"]
        ).output
    }

    @Test(arguments: [SIGTERM, SIGKILL])
    func `a daemon that waits is ready and says that it only stands by, until it has taken over`(
        _ end: Int32
    ) throws {
        let first = try daemon(listen: "127.0.0.1:0")
        let flood = try flood()
        try first.eventually { (try? count(of: mark)) ?? 0 > 0 }
        let second = try start(listen: "127.0.0.1:0")
        for daemon in [first, second] {
            #expect(try get("/healthz", of: daemon) == "ok\n\n200\n")
            let readiness = try get("/readyz", of: daemon)
            #expect(readiness.contains(#""ready":true"#) && readiness.hasSuffix("\n200\n"), "\(readiness)")
            #expect(readiness.contains("it stands by: it collects nothing") == (daemon === second), "\(readiness)")
        }
        #expect(try get("/metrics", of: first).contains("\nsensord_standby 0\n"))
        let standing = try get("/metrics", of: second)
        #expect(standing.contains("\nsensord_standby 1\n") && standing.contains("\nsensord_build_info{"))
        #expect(standing.contains("\nsensord_process_resident_bytes ") && !standing.contains("sensord_records_total"))

        kill(first.pid, end)
        let outcome = try first.wait()
        #expect(outcome.status == (end == SIGTERM ? 0 : 128 + SIGKILL), "\(outcome.errors)")
        try second.eventually { second.errorsSoFar.contains("earlier run") }
        #expect(
            second.errorsSoFar.contains(end == SIGTERM ? "state=complete" : "state=killed"), "\(second.errorsSoFar)")
        // Nobody has to look for it anew: where it was listened to it goes on to be.
        #expect(second.errorsSoFar.split(separator: "\n").count { $0.contains("listening for HTTP") } == 1)
        try second.eventually { (try? get("/metrics", of: second))?.contains("\nsensord_standby 0\n") ?? false }
        let readiness = try get("/readyz", of: second)
        #expect(readiness.contains(#""ready":true"#) && !readiness.contains("it stands by"), "\(readiness)")
        try act("cat '\(folder)/map'")
        let opened = try self.end(flood)
        try stop(second)
        #expect(try count(of: folder + "/map") == 1)
        // Of a daemon that was killed what it had counted and not kept is missing, and that is said.
        if end == SIGTERM { #expect(try count(of: mark) == opened) }
        #expect(try count(of: mark) <= opened)
        #expect(try takeOver().contains(end == SIGTERM ? #""state":"complete""# : #""state":"killed""#))
        try PinnedState.remove(files.pins)
    }

    @Test func `where nothing can be pinned daemons collect and follow each other all the same, and say so`() throws {
        let nowhere = folder + "/pins"
        let first = try daemon(listen: "127.0.0.1:0", pins: nowhere)
        #expect(first.errorsSoFar.contains("nothing is pinned, so what is done while no daemon runs is not seen"))
        var readiness = try get("/readyz", of: first)
        #expect(readiness.contains(#""ready":true"#) && readiness.contains("nothing is pinned"), "\(readiness)")
        try act("cat '\(mark)'")
        let second = try start(listen: "127.0.0.1:0", pins: nowhere)
        readiness = try get("/readyz", of: second)
        #expect(readiness.contains("it stands by") && readiness.contains("nothing is pinned"), "\(readiness)")
        try stop(first)
        try second.eventually { second.errorsSoFar.contains("collecting") }
        try act("cat '\(mark)'")
        try stop(second)
        #expect(try count(of: mark) == 2)
        #expect(access(nowhere, F_OK) != 0)
    }

    @Test func `a daemon waits for the one that runs, and takes over from it without a loss`() throws {
        let first = try daemon()
        let flood = try flood()
        try first.eventually { (try? count(of: mark)) ?? 0 > 0 }
        let second = try start()
        try second.eventually { second.errorsSoFar.contains("waiting for the daemon that runs") }
        #expect(throws: KernelError.self) { try PinnedState.remove(files.pins) }
        try stop(first)
        try second.eventually { second.errorsSoFar.contains("earlier run") }
        #expect(second.errorsSoFar.contains("state=complete"), "\(second.errorsSoFar)")
        let opened = try end(flood)
        try stop(second)
        #expect(try count(of: mark) == opened)
        try PinnedState.remove(files.pins)
    }

    /// Whoever rolls it out ends the one that runs once it is ready.
    @Test func `a daemon that could not collect never says that it is ready`() throws {
        let first = try daemon()
        let second = try start("--records", "/nonexistent/records", listen: "127.0.0.1:0")
        let outcome = try second.wait()
        #expect(outcome.status != 0 && outcome.errors.contains("/nonexistent/records"), "\(outcome.errors)")
        #expect(!outcome.errors.contains("listening for HTTP"))
        try act("cat '\(mark)'")
        try stop(first)
        #expect(try count(of: mark) == 1)
        try PinnedState.remove(files.pins)
    }

    @Test func `a daemon that waits ends when it is told to, and touches nothing`() throws {
        let first = try daemon()
        let second = try start()
        try second.eventually { second.errorsSoFar.contains("waiting for the daemon that runs") }
        try stop(second)
        try act("cat '\(mark)'")
        try stop(first)
        #expect(try count(of: mark) == 1)
        try PinnedState.remove(files.pins)
    }

    @Test func `after a kill -9 what was told meanwhile is read, and what is missing is said`() throws {
        let first = try daemon()
        try act("cat '\(mark)'")
        try first.eventually { (try? count(of: mark)) ?? 0 == 1 }
        try crash(first)
        try act("cat '\(folder)/map'")
        let second = try daemon()
        try second.eventually { second.errorsSoFar.contains("state=killed") }
        // A first sight again: whoever knew it is gone.
        try act("cat '\(mark)'; cat '\(mark)'")
        try stop(second)
        #expect(try count(of: folder + "/map") == 1)
        #expect(try count(of: mark) == 3)
        #expect(try posture().contains(#""reason":"killed""#))
        try PinnedState.remove(files.pins)
    }

    /// Ids of the programs that a daemon holds, by themselves or by their links.
    private func programs(of daemon: RunningSensord) throws -> Set<String> {
        let search = "exec sed -n 's/^prog_id:[[:space:]]*//p' /proc/\(daemon.pid)/fdinfo/* 2>/dev/null"
        return Set(try RunningSensord([], wrapper: ["sh", "-c", search, "sh"]).wait().lines.map(String.init))
    }

    @Test func `what replaces programs of other sizes is loaded while they still have somebody`() throws {
        let first = try daemon()
        let flood = try flood()
        try first.eventually { (try? count(of: mark)) ?? 0 > 0 }
        let second = try start("--memory-entries", "65536", listen: "127.0.0.1:0")
        try second.eventually { second.errorsSoFar.contains("listening for HTTP") }
        let loaded = try programs(of: second)
        try stop(first)
        try second.eventually { second.errorsSoFar.contains("collecting") }
        let attached = try programs(of: second)
        #expect(!loaded.isEmpty && attached == loaded)
        try second.eventually { (try? takeOver().contains(#""state":"blind""#)) ?? false }
        _ = try end(flood)
        try stop(second)
        // Of the same ones none is kept ready.
        let third = try start("--memory-entries", "65536")
        try third.eventually { third.errorsSoFar.contains("collecting") }
        let fourth = try start("--memory-entries", "65536", listen: "127.0.0.1:0")
        try fourth.eventually { fourth.errorsSoFar.contains("listening for HTTP") }
        #expect(try programs(of: fourth).isEmpty)
        try stop(fourth)
        try stop(third)
        try PinnedState.remove(files.pins)
    }

    @Test func `programs of other sizes are replaced, and that is said`() async throws {
        try stop(daemon())
        let second = try start("--memory-entries", "65536")
        try second.eventually { second.errorsSoFar.contains("earlier run") }
        #expect(second.errorsSoFar.contains("was taken out of the kernel"), "\(second.errorsSoFar)")
        try act("cat '\(mark)'")
        try stop(second)
        #expect(try count(of: mark) == 1)
        #expect(try takeOver().contains(#""state":"blind""#))
        // Nobody has to say where it is pinned where everybody does it.
        let output = try await RunningSensord.shell(
            """
            unshare --mount sh -c "mount --make-rprivate / && mount --bind '$(dirname '\(files.pins)')' /sys/fs/bpf && \
            '\(RunningSensord.path)' uninstall --keep-state --run-dir '\(folder)/run' --state-dir '\(folder)/state'"
            """)
        #expect(output.contains("removed \(PinnedState.usualDirectory)\n"), "\(output)")
        #expect(try files.contents.isEmpty)
        // What was learned is left, and nothing else.
        #expect(access(folder + "/run", F_OK) != 0)
        #expect(try count(of: mark) == 1)
    }
}
