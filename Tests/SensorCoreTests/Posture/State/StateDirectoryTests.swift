// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import SensorCore

@Suite struct StateDirectoryTests {
    private let scratch: ScratchDirectory

    init() throws { scratch = try ScratchDirectory() }

    private func fault() -> StateLogError.Reason? {
        do {
            _ = try scratch.log()
            return nil
        } catch let error as StateLogError { return error.reason } catch { return nil }
    }

    @Test func `only one may have it`() throws {
        var log: StateLog? = try scratch.log()
        #expect(fault() == .locked(lock: "\(scratch.state)/lock", process: "\(getpid())"))
        #expect(log?.commit(["a": "1"]) != .failed)
        log = nil
        #expect(fault() == nil)
    }

    @Test func `it is for its owner alone`() throws {
        let log = try scratch.log()
        #expect(log.commit(["a": "1"]) != .failed)
        for (name, mode) in [("", S_IFDIR | 0o700), ("/lock", S_IFREG | 0o600), ("/00000001.log", S_IFREG | 0o600)] {
            var status = stat()
            #expect(lstat(scratch.state + name, &status) == 0)
            #expect(status.st_mode == mode)
        }
    }

    @Test(arguments: [true, false])
    func `a directory that was there is closed to others unless there is something for them in it`(_ isShared: Bool)
        throws
    {
        mkdir(scratch.state, 0o755)
        close(open(scratch.state + "/theirs", O_CREAT | O_WRONLY | O_CLOEXEC, isShared ? 0o644 : 0o600))
        let log = try scratch.log()
        #expect(log.commit(["a": "1"]) != .failed)
        let own = S_IFDIR | (isShared ? 0o755 : 0o700)
        for (name, mode) in [("", own), ("/lock", S_IFREG | 0o600), ("/00000001.log", S_IFREG | 0o600)] {
            var status = stat()
            #expect(lstat(scratch.state + name, &status) == 0)
            #expect(status.st_mode == mode)
        }
    }

    @Test func `what others could write to is refused`() {
        mkdir(scratch.state, 0o700)
        chmod(scratch.state, 0o770)
        #expect(fault() == .untrusted("others may write to it"))
    }

    @Test(arguments: [true, false])
    func `what somebody removes takes nothing more, and begins anew as another stream`(_ isWhole: Bool) throws {
        var log: StateLog? = try scratch.log()
        var stream = RecordStream(try #require(log?.head))
        _ = log?.append(Array(#"{"n":0}"#.utf8), to: &stream)
        #expect(log?.commit(["a": "1"]) != .failed)
        for name in ScratchDirectory.names(scratch.state) { unlink("\(scratch.state)/\(name)") }
        if isWhole { rmdir(scratch.state) }
        _ = log?.append(Array(#"{"n":1}"#.utf8), to: &stream)
        #expect(log?.commit(["a": "2"]) == .failed)
        guard case .failing(let error) = log?.condition else {
            Issue.record("it is not failing")
            return
        }
        #expect(error.number == ENOENT && error.operation.hasSuffix(", removed"))
        // Nobody has seen what is not kept.
        #expect(log?.committedHead.sequence == 1)
        let id = log?.head.id
        log = nil
        let next = try scratch.log()
        #expect(next.opening.stream == .new && next.head.id != id && next.entries.isEmpty)
        #expect(next.commit(["a": "3"]) != .failed)
    }

    @Test(.enabled(if: geteuid() == 0)) func `what belongs to others is refused`() {
        mkdir(scratch.state, 0o700)
        chown(scratch.state, 12345, 0)
        #expect(fault() == .untrusted("it belongs to user 12345"))
    }

    @Test func `links are not followed`() throws {
        let other = try ScratchDirectory()
        mkdir(other.state, 0o700)
        symlink(other.state, scratch.state)
        #expect(fault() == .untrusted("it is no directory"))
        unlink(scratch.state)

        let victim = other.path + "/victim"
        ScratchDirectory.write(victim, Array("precious".utf8))
        for name in ["lock", "00000001.log"] {
            mkdir(scratch.state, 0o700)
            symlink(victim, "\(scratch.state)/\(name)")
            guard case .system(_, ELOOP) = fault() else {
                Issue.record("\(name): \(String(describing: fault()))")
                return
            }
            unlink("\(scratch.state)/\(name)")
        }
        // The file that would be made next.
        let log = try scratch.log()
        symlink(victim, "\(scratch.state)/00000001.log")
        #expect(log.commit(["a": "1"]) == .failed)
        unlink("\(scratch.state)/00000001.log")
        #expect(log.commit(["a": "1"]) != .failed)
        #expect(ScratchDirectory.read(victim) == Array("precious".utf8))
        unlink(victim)
    }

    @Test func `a f i f o is not waited for`() {
        mkdir(scratch.state, 0o700)
        mkfifo("\(scratch.state)/00000001.log", 0o600)
        guard case .system(_, EPERM) = fault() else {
            Issue.record("\(String(describing: fault()))")
            return
        }
    }

    @Test func `what a later version wrote is left alone`() throws {
        var log: StateLog? = try scratch.log()
        #expect(log?.commit(["a": "1"]) != .failed)
        log = nil
        var files = scratch.files
        var header = LogFrame.magic
        header.append(little: UInt32(9))
        header.append(little: UInt32(1))
        header += StreamID().bytes
        var crc = CRC32C()
        crc.add(header)
        header.append(little: crc.value)
        files["00000002.log"] = header + header + Array("of a layout that is not known".utf8)
        scratch.replace(files)
        #expect(fault() == .newer(file: "00000002.log", layout: 9))
        #expect(scratch.files == files)
    }

    @Test func `other files are left alone`() throws {
        var log: StateLog? = try scratch.log()
        ScratchDirectory.write("\(scratch.state)/digest.key", [1, 2, 3])
        ScratchDirectory.write("\(scratch.state)/1.log", [1, 2, 3])
        #expect(log?.commit(["a": "1"]) != .failed)
        log = nil
        #expect(try scratch.log().opening.isWhole)
        #expect(scratch.files["digest.key"] == [1, 2, 3])
        #expect(scratch.files["1.log"] == [1, 2, 3])
    }
}
