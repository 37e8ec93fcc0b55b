// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import SensorCore

/// A cgroup of a test's own, in the tree that is tracked: what happens in it is this test's doing.
final class TestCgroup {
    let path: String
    /// As it stands in records.
    let identifier: UInt64

    init(_ name: String) throws {
        let tracked = try #require(CgroupHierarchy.current().tracked)
        let path = "\(tracked)/sensord-test-\(name)-\(getpid())"
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

    /// A shell command that moves the shell into this cgroup.
    var enter: String { "echo $$ >'\(path)/cgroup.procs'" }
}
