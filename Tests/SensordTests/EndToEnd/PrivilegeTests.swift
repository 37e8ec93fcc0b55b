// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

/// What a running daemon may still do.
@Suite(.enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class PrivilegeTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    @Test(arguments: [[], ["--agent-socket-group", "0"]])
    func `no thread of the daemon has a privilege that it does not need, or can gain one`(
        _ settings: [String]
    ) async throws {
        let daemon = try RunningSensord(
            [
                "run", "--run-dir", directory.path + "/run", "--listen", "127.0.0.1:0", "--records",
                directory.path + "/records",
            ]
                + settings)
        try await daemon.until { daemon.errorsSoFar.contains("listening for HTTP") }
        try check(daemon, settings.isEmpty ? Self.needed : Self.needed + [.chown])
        try await daemon.stop()
    }

    @Test(.enabled(if: TestBPFFileSystem.isPossible, "no BPF file system can be mounted here"))
    func `nor has any that has served while the daemon waited for another one to end`() async throws {
        let files = try TestBPFFileSystem()
        let arguments = [
            "run", "--run-dir", directory.path + "/run", "--state-dir", directory.path + "/state", "--listen",
            "127.0.0.1:0", "--records", directory.path + "/records", "--pin-dir", files.pins,
        ]
        let first = try RunningSensord(arguments)
        try await first.until { first.errorsSoFar.contains("collecting") }
        try check(first, Self.needed)
        let second = try RunningSensord(arguments)
        try await second.until { second.errorsSoFar.contains("listening for HTTP") }
        // Threads come as they are needed.
        try await RunningSensord.shell("curl -s -m 60 http://\(try second.address())/metrics")
        let held = try held()
        for thread in ProcFile.numbers(in: "/proc/\(second.pid)/task") where thread != UInt32(second.pid) {
            let status = Self.status("/proc/\(second.pid)/task/\(thread)/status")
            guard let permitted = mask(status["CapPrm"]) else { continue }
            #expect(permitted == Self.mask(Self.needed) & held, "\(status["Name"] ?? "")")
            #expect(mask(status["CapBnd"]) == 0 && status["NoNewPrivs"] == "1")
        }
        try await first.stop()
        try await second.until { second.errorsSoFar.contains("collecting") }
        try check(second, Self.needed)
        try await second.stop()
        try PinnedState.remove(files.pins)
    }

    private static let needed: [Privileges.Capability] = [.bpf, .sysPtrace, .dacReadSearch]

    private static func mask(_ capabilities: [Privileges.Capability]) -> UInt64 {
        capabilities.reduce(0) { $0 | 1 << UInt64($1.rawValue) }
    }

    private func held() throws -> UInt64 { try #require(mask(Self.status("/proc/self/status")["CapPrm"])) }

    /// That each thread of a daemon that collects has these privileges, or less.
    private func check(_ daemon: RunningSensord, _ needed: [Privileges.Capability]) throws {
        let held = try held()
        let kept = Self.mask(needed) & held
        var names: Set<String> = []
        for thread in ProcFile.numbers(in: "/proc/\(daemon.pid)/task") {
            let status = Self.status("/proc/\(daemon.pid)/task/\(thread)/status")
            // A thread may have ended since.
            guard let permitted = mask(status["CapPrm"]), let name = status["Name"] else { continue }
            names.insert(name)
            if ["journal", "sensord-writer"].contains(name) {
                // These deal with files alone.
                #expect(permitted == held & 1 << UInt64(Privileges.Capability.dacReadSearch.rawValue), "\(name)")
            } else {
                #expect(permitted == kept, "\(name)")
            }
            #expect(mask(status["CapEff"]) == permitted, "\(name)")
            for set in ["CapBnd", "CapInh", "CapAmb"] { #expect(mask(status[set]) == 0, "\(name): \(set)") }
            #expect(status["NoNewPrivs"] == "1", "\(name)")
            #expect(status["Seccomp"] == "2", "\(name)")
        }
        #expect(names.isSuperset(of: ["collector", "journal", "sensord-writer", "sensord-calls", "sensord-control"]))
        #expect(!daemon.errorsSoFar.contains("the daemon may do more than it needs"))
    }

    @Test func `check tells what is held, what for, and what is given up`() throws {
        let check = try sensord("check")
        let lines = check.lines.map(String.init)
        #expect(lines.contains { $0.hasPrefix("CAP_SYS_PTRACE ") && $0.hasSuffix("the daemon keeps it") })
        #expect(
            lines.contains {
                $0.hasPrefix("CAP_NET_ADMIN ") && $0.hasSuffix("the daemon gives it up once that is done")
            })
        for name in ["given up", "system calls", "Landlock"] {
            #expect(lines.contains { $0.hasPrefix(name + " ") && $0.contains(" ok ") }, "\(check.output)")
        }
    }

    private func mask(_ text: String?) -> UInt64? { text.flatMap { UInt64($0, radix: 16) } }

    /// The lines of a status file by their names.
    private static func status(_ path: String) -> [String: String] {
        var values: [String: String] = [:]
        for line in (ProcFile.text(path) ?? "").split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            if parts.count == 2 { values[String(parts[0])] = String(parts[1].drop { $0 == "\t" }) }
        }
        return values
    }
}
