// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// A directory of a test's own, as the kernel names it, that goes away with all that is in it.
package final class TestDirectory {
    package let path: String

    /// - Parameter base: where it is made: not under a mount that forbids set-id programs.
    package init(in base: String = "/tmp") throws {
        var template = Array("\(base)/sensor-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        let made = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var real = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard realpath(made, &real) != nil else { throw SystemError("realpath") }
        path = String(decoding: real.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // Others than root act in it too.
        chmod(path, 0o755)
    }

    /// By rm: what a test makes in it may lie too deep for a path, and for as many open directories.
    deinit {
        let words = ["rm", "-rf", "--one-file-system", path]
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        guard posix_spawnp(&pid, "rm", nil, nil, &arguments, nil) == 0 else { return }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }
}
