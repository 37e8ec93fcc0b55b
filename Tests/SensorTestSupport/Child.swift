// SPDX-License-Identifier: Apache-2.0

package import Glibc
import SensorCore

/// A process that a test starts.
package struct Child {
    package let pid: pid_t

    /// Starts a program; `arguments` begin with its path.
    package init(_ arguments: [String]) throws {
        var pid: pid_t = 0
        var argv = arguments.map { strdup($0) }
        argv.append(nil)
        defer { for argument in argv { free(argument) } }
        let error = posix_spawn(&pid, arguments[0], nil, nil, &argv, nil)
        guard error == 0 else { throw SystemError("spawn \(arguments[0])", number: error) }
        self.pid = pid
    }

    /// Waits for its end. Returns its wait status.
    @discardableResult
    package func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return status
    }

    /// A script has ended badly.
    package struct Failure: Error {
        package var script: String
        /// As wait(2) has it.
        package var status: Int32
    }

    /// Runs a shell script to its end, which must be a good one. Returns the shell's process id.
    @discardableResult
    package static func shell(_ script: String) throws -> UInt32 {
        let child = try Child(["/bin/sh", "-c", script])
        let status = child.wait()
        guard status == 0 else { throw Failure(script: script, status: status) }
        return UInt32(child.pid)
    }
}
