// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import SensorCore

/// A cgroup of a test's own, in the tree that is tracked: what happens in it is this test's doing.
final class TestCgroup {
    let path: String
    /// As it stands in records.
    let identifier: UInt64

    init(_ name: String = "activity") throws {
        let tracked = try #require(CgroupHierarchy.current().tracked)
        let path = "\(tracked)/sensord-test-\(name)-\(getpid())-\(KernelSession.bootTime())"
        let error = mkdir(path, 0o755)
        try #require(error == 0)
        var status = stat()
        let found = stat(path, &status)
        try #require(found == 0)
        self.path = path
        identifier = UInt64(status.st_ino)
    }

    deinit {
        // A process that has just been waited for may still be leaving.
        for _ in 0..<1000 where rmdir(path) != 0 && errno == EBUSY { usleep(1000) }
    }

    /// Moves a process, with all its threads, into this cgroup.
    func take(_ pid: UInt32) throws {
        let descriptor = open(path + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let text = "\(pid)"
        guard descriptor >= 0, write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw SystemError("move \(pid) to \(path)")
        }
    }

    /// A shell command that moves the shell into this cgroup.
    var enter: String { "echo $$ >'\(path)/cgroup.procs'" }
}
