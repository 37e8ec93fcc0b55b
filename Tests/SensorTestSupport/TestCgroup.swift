// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// A cgroup of a test's own, in the tree that is tracked: what happens in it is this test's doing.
package final class TestCgroup {
    package let path: String
    /// As it stands in records.
    package let identifier: UInt64

    package init(_ name: String = "activity") throws {
        guard let tracked = CgroupHierarchy.current().tracked else { throw SystemError("cgroups", number: ENOENT) }
        let path = "\(tracked)/sensord-test-\(name)-\(getpid())-\(KernelSession.bootTime())"
        var status = stat()
        guard mkdir(path, 0o755) == 0, stat(path, &status) == 0 else { throw SystemError("make \(path)") }
        self.path = path
        identifier = UInt64(status.st_ino)
    }

    deinit {
        // A process that has just been waited for may still be leaving.
        for _ in 0..<1000 where rmdir(path) != 0 && errno == EBUSY { usleep(1000) }
    }

    /// Moves a process, with all its threads, into this cgroup.
    package func take(_ pid: UInt32) throws {
        let descriptor = open(path + "/cgroup.procs", O_WRONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let text = "\(pid)"
        guard descriptor >= 0, write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw SystemError("move \(pid) to \(path)")
        }
    }

    /// A shell command that moves the shell into this cgroup.
    package var enter: String { "echo $$ >'\(path)/cgroup.procs'" }
}
