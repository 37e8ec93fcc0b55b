// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// A process that a test starts.
struct Child {
    let pid: pid_t

    /// Starts a program; `arguments` begin with its path.
    init(_ arguments: [String]) throws {
        var pid: pid_t = 0
        var argv = arguments.map { strdup($0) }
        argv.append(nil)
        defer { for argument in argv { free(argument) } }
        let error = posix_spawn(&pid, arguments[0], nil, nil, &argv, nil)
        try #require(error == 0)
        self.pid = pid
    }

    /// Waits for its end. Returns its wait status.
    @discardableResult
    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status
    }

    /// Runs a shell script to its end, which must be a good one. Returns the shell's process id.
    @discardableResult
    static func shell(_ script: String) throws -> UInt32 {
        let child = try Child(["/bin/sh", "-c", script])
        let status = child.wait()
        try #require(status == 0)
        return UInt32(child.pid)
    }
}
