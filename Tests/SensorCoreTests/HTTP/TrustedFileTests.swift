// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

/// Files of settings: who could have written them.
final class TrustedFileTests {
    private let directory: TestDirectory
    private var folder: String { directory.path + "/conf" }
    private var file: String { folder + "/config.json" }

    init() throws {
        directory = try TestDirectory()
        try #require(mkdir(folder, 0o755) == 0)
        try write("{}", to: file)
    }

    private func write(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0 && Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count)
        close(descriptor)
    }

    /// What it reads; throws why it refuses.
    private func content(_ path: String) throws(TrustedFile.Refusal) -> String {
        let descriptor = try TrustedFile.open(path)
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 100)
        let count = read(descriptor, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
    }

    private func refusal(_ path: String) -> TrustedFile.Refusal? {
        do throws(TrustedFile.Refusal) { _ = try content(path) } catch { return error }
        return nil
    }

    @Test func `what is this user's and nobody else may write is read, by whatever path`() throws {
        #expect(try content(file) == "{}")
        #expect(try content(folder + "/../conf/./config.json") == "{}")
        try #require(symlink("conf/config.json", directory.path + "/relative") == 0)
        try #require(symlink(folder, directory.path + "/absolute") == 0)
        #expect(try content(directory.path + "/relative") == "{}")
        #expect(try content(directory.path + "/absolute/config.json") == "{}")
    }

    @Test(arguments: [0o664, 0o646, 0o666] as [mode_t])
    func `a file that others can write is refused`(_ mode: mode_t) throws {
        try #require(chmod(file, mode) == 0)
        let reason = "others may write to it (mode 0\(String(mode, radix: 8))): chmod go-w"
        #expect(refusal(file) == TrustedFile.Refusal(path: file, reason: reason))
    }

    @Test(arguments: [0o775, 0o777] as [mode_t])
    func `so is one in a directory where others can replace it, however far above`(_ mode: mode_t) throws {
        try #require(chmod(folder, mode) == 0)
        #expect(refusal(file)?.path == folder)
        try #require(mkdir(folder + "/below", 0o755) == 0)
        try write("{}", to: folder + "/below/config.json")
        #expect(refusal(folder + "/below/config.json")?.path == folder)
        // What leads to a link's target counts, and what leads to the link.
        try #require(symlink(file, directory.path + "/link") == 0)
        #expect(refusal(directory.path + "/link")?.path == folder)
        try write("{}", to: directory.path + "/config.json")
        try #require(symlink("../config.json", folder + "/link") == 0)
        #expect(refusal(folder + "/link")?.path == folder)
    }

    @Test func `a sticky directory keeps what is in it`() throws {
        try #require(chmod(folder, 0o1777) == 0)
        #expect(try content(file) == "{}")
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func `what belongs to another user is refused: file, directory, link`() throws {
        try #require(symlink("config.json", folder + "/link") == 0)
        try #require(lchown(folder + "/link", 65534, 65534) == 0)
        let reason = "it belongs to user 65534, not to root or to who runs sensord"
        #expect(refusal(folder + "/link") == TrustedFile.Refusal(path: folder + "/link", reason: reason))
        try #require(chown(file, 65534, 65534) == 0)
        #expect(refusal(file) == TrustedFile.Refusal(path: file, reason: reason))
        try #require(chown(folder, 65534, 65534) == 0)
        #expect(refusal(file) == TrustedFile.Refusal(path: folder, reason: reason))
    }

    @Test func `a pipe of this process is its own`() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        try #require(Glibc.write(ends[1], "{}", 2) == 2)
        close(ends[1])
        #expect(try content("/dev/fd/\(ends[0])") == "{}")
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func `a pipe that stands in a directory is whose it is, and nobody waits for him`() throws {
        try #require(chmod(folder, 0o1777) == 0)
        try #require(mkfifo(folder + "/pipe", 0o600) == 0 && chown(folder + "/pipe", 65534, 65534) == 0)
        let reason = "it belongs to user 65534, not to root or to who runs sensord"
        #expect(refusal(folder + "/pipe") == TrustedFile.Refusal(path: folder + "/pipe", reason: reason))
        try #require(chown(folder + "/pipe", 0, 0) == 0 && chmod(folder + "/pipe", 0o622) == 0)
        #expect(refusal(folder + "/pipe")?.reason == "others may write to it (mode 0622): chmod go-w")
        #expect(try content("/dev/null") == "")
    }

    @Test func `what cannot be opened says why`() throws {
        #expect(
            refusal(folder + "/none")
                == TrustedFile.Refusal(path: folder + "/none", reason: SystemError.text(of: ENOENT)))
        #expect(refusal(file + "/none")?.reason == SystemError.text(of: ENOTDIR))
        try #require(symlink("loop", folder + "/loop") == 0)
        #expect(refusal(folder + "/loop")?.reason == SystemError.text(of: ELOOP))
        #expect(refusal("/")?.reason == SystemError.text(of: EISDIR))
    }
}
