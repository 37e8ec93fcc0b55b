// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where lines go: standard output or a file.
package struct LineDestination: Sendable {
    /// How messages call it: the path, or "standard output".
    package let name: String
    let descriptor: Int32
    /// What an earlier, interrupted writer left without its end must not become part of our first line.
    let startsWithinLine: Bool

    /// The process's standard output, which stays open.
    package static let standardOutput = LineDestination(
        name: "standard output", descriptor: STDOUT_FILENO, startsWithinLine: false)

    /// A destination on a descriptor, which the writer does not close.
    package init(name: String, descriptor: Int32, startsWithinLine: Bool = false) {
        self.name = name
        self.descriptor = descriptor
        self.startsWithinLine = startsWithinLine
    }

    /// What a setting says: "-" is standard output, all else a file.
    package init(setting: String, appending: Bool) throws(SystemError) {
        if setting == "-" {
            self = .standardOutput
        } else {
            try self.init(path: setting, appending: appending)
        }
    }

    /// Opens a file, readable by its owner only; created if it is not there.
    ///
    /// - Parameter appending: keeps what stands in it; otherwise it is emptied.
    package init(path: String, appending: Bool) throws(SystemError) {
        let flags = O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | (appending ? 0 : O_TRUNC)
        var descriptor = open(path, flags, 0o600)
        if descriptor < 0, errno == EACCES || errno == EPERM || errno == EINVAL {
            descriptor = open(path, flags & ~O_RDWR | O_WRONLY, 0o600)
        }
        guard descriptor >= 0 else { throw SystemError("open \(path)") }
        let end = lseek(descriptor, 0, SEEK_END)
        var last: UInt8 = 0
        let within = end > 0 && pread(descriptor, &last, 1, end - 1) == 1 && last != UInt8(ascii: "\n")
        self.init(name: path, descriptor: descriptor, startsWithinLine: within)
    }
}
