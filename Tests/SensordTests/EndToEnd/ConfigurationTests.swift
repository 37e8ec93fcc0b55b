// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// Configuration as operators and kubelets leave it.
final class ConfigurationTests {
    private let directory: TestDirectory
    private var volume: String { directory.path + "/volume" }

    /// What a kubelet makes of a ConfigMap.
    init() throws {
        directory = try TestDirectory()
        let data = volume + "/..2026_11_22"
        for folder in [volume, data] { try #require(mkdir(folder, 0o755) == 0) }
        try #require(chmod(volume, 0o777) == 0)
        let file = open(data + "/config.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        let text = #"{"watch": "namespace=agents"}"#
        try #require(write(file, text, text.utf8.count) == text.utf8.count)
        close(file)
        try #require(symlink("..2026_11_22", volume + "/..data") == 0)
        try #require(symlink("..data/config.json", volume + "/config.json") == 0)
    }

    /// The rest of its arguments, in a mount namespace in which the first is mounted read-only.
    private static let readOnly = """
        mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"
        """

    @Test func `a volume that others can write is refused, and named`() throws {
        let run = try sensord("run", "--config", volume + "/config.json")
        #expect(run.status == 78)
        #expect(
            run.errors == "sensord: \(volume)/config.json: \(volume): others may write to it (mode 0777): chmod go-w\n")
    }

    @Test(.enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
    func `mounted read-only it is read, and read again on a SIGHUP`() async throws {
        let daemon = try RunningSensord(
            ["run", "--run-dir", directory.path + "/run", "--listen", "none", "--config", volume + "/config.json"],
            wrapper: ["unshare", "-m", "sh", "-c", Self.readOnly, "sh", volume])
        try await daemon.until { daemon.errorsSoFar.contains(#"watch="namespace=agents""#) }
        kill(daemon.pid, SIGHUP)
        try await daemon.until { daemon.errorsSoFar.contains("the settings were read again: the same is watched") }
        try await daemon.stop()
    }

    @Test(.enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
    func `what the daemon keeps is its user's alone`() async throws {
        let state = directory.path + "/state"
        let daemon = try RunningSensord(
            [
                "run", "--run-dir", directory.path + "/run", "--state-dir", state, "--listen", "none", "--tick", "0.2",
                "--records", directory.path + "/records", "--record", directory.path + "/recording",
            ], wrapper: ["sh", "-c", "umask 0; exec \"$@\"", "sh"])
        try await daemon.until { daemon.errorsSoFar.contains("collecting") }
        try await daemon.until { access(directory.path + "/run/agent/otlp.sock", F_OK) == 0 }
        try await daemon.stop()
        var count = 0
        for path in try await RunningSensord.shell(
            "find \(state) \(directory.path)/run/control \(directory.path)/records \(directory.path)/recording"
        ).split(separator: "\n") {
            var status = stat()
            #expect(lstat(String(path), &status) == 0 && status.st_mode & 0o077 == 0, "\(path)")
            count += 1
        }
        #expect(count > 5)
    }
}
