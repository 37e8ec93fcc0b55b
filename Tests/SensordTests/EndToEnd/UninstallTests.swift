// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// That nothing of sensord is left when it is told to go.
@Suite(.enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class UninstallTests {
    private let directory: TestDirectory
    private var places: [String] { ["--run-dir", directory.path + "/run", "--state-dir", directory.path + "/state"] }

    init() throws { directory = try TestDirectory() }

    private func uninstall() throws -> RunningSensord.Outcome {
        // Of this machine's own daemon nothing is removed.
        try RunningSensord(["uninstall", "--pin-dir", directory.path + "/pins"] + places).wait()
    }

    @Test func `after a crash every file goes but those of others, and not while a daemon runs`() async throws {
        let daemon = try RunningSensord(["run", "--listen", "none"] + places)
        try await daemon.until { access(directory.path + "/run/agent/otlp.sock", F_OK) == 0 }
        let refused = try uninstall()
        #expect(refused.status == 1)
        #expect(refused.errors.hasPrefix("sensord: another daemon runs with \(directory.path)/run"))
        #expect(access(directory.path + "/state/digest.key", F_OK) == 0)
        try await daemon.crash()

        try await RunningSensord.shell("mkdir \(directory.path)/state/aside && touch \(directory.path)/state/notes")
        let partly = try uninstall()
        #expect(partly.status == 1)
        #expect(partly.errors == "sensord: not a daemon's, so it stays: \(directory.path)/state/notes\n")
        #expect(try await RunningSensord.shell("find \(directory.path) -type f") == "\(directory.path)/state/notes\n")

        unlink(directory.path + "/state/notes")
        let wholly = try uninstall()
        #expect(wholly.status == 0, "\(wholly.errors)")
        #expect(access(directory.path + "/state", F_OK) != 0 && access(directory.path + "/run", F_OK) != 0)
        let again = try uninstall()
        #expect(again.status == 0)
        #expect(again.output == "nothing is left\n")
    }
}
