// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Where lines go: standard output or a file.
package struct LineDestination: Sendable {
    /// How messages call it: the path, or "standard output".
    package let name: String
    /// Of what was opened by its path; nil: of nothing.
    let path: String?
    let descriptor: Int32
    /// What an earlier, interrupted writer left without its end must not become part of our first line.
    let startsWithinLine: Bool
    /// Of a FIFO the other end, so that a reader may come later; -1 for all else.
    private let reader: Int32

    /// The process's standard output, which stays open.
    package static let standardOutput = LineDestination(
        name: "standard output", descriptor: STDOUT_FILENO)

    /// A destination on a descriptor, which the writer does not close.
    package init(name: String, descriptor: Int32, startsWithinLine: Bool = false) {
        self.init(name, path: nil, descriptor, startsWithinLine: startsWithinLine, reader: -1)
    }

    private init(_ name: String, path: String?, _ descriptor: Int32, startsWithinLine: Bool = false, reader: Int32) {
        self.name = name
        self.path = path
        self.descriptor = descriptor
        self.startsWithinLine = startsWithinLine
        self.reader = reader
    }

    /// Opens a FIFO, without waiting for its reader. ENXIO: there is none, and we may not read it.
    private init(fifo path: String) throws(SystemError) {
        let reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        let descriptor = open(path, O_WRONLY | O_CLOEXEC | (reader < 0 ? O_NONBLOCK : 0))
        if descriptor < 0 {
            let number = errno
            if reader >= 0 { close(reader) }
            throw SystemError("open \(path)", number: number)
        }
        self.init(path, path: nil, descriptor, reader: reader)
    }

    /// No reader is waited for any more: where there is none, writing fails from now on. To be called once.
    func expectNoReader() {
        if reader >= 0 { close(reader) }
    }

    /// What a setting says: "-" is standard output, all else a file.
    package init(setting: String, appending: Bool) throws(SystemError) {
        if setting == "-" {
            self = .standardOutput
        } else {
            try self.init(path: setting, appending: appending)
        }
    }

    /// Opens what a setting says and closes it again: made if it is not there.
    ///
    /// - Throws: why nothing could be written to it.
    package static func rehearse(setting: String) throws(SystemError) {
        let destination = try Self(setting: setting, appending: true)
        if destination.descriptor == STDOUT_FILENO { return }
        destination.expectNoReader()
        close(destination.descriptor)
    }

    /// Opens a file, readable by its owner only; created if it is not there. A FIFO is written to as far as it has room
    /// until somebody reads it.
    ///
    /// - Parameter appending: keeps what stands in it; otherwise it is emptied.
    package init(path: String, appending: Bool) throws(SystemError) {
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFIFO {
            try self.init(fifo: path)
            return
        }
        let flags = O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC | O_NOCTTY | (appending ? 0 : O_TRUNC)
        var descriptor = open(path, flags, 0o600)
        if descriptor < 0, errno == EACCES || errno == EPERM || errno == EINVAL {
            descriptor = open(path, flags & ~O_RDWR | O_WRONLY, 0o600)
        }
        guard descriptor >= 0 else { throw SystemError("open \(path)") }
        let end = lseek(descriptor, 0, SEEK_END)
        var last: UInt8 = 0
        let within = end > 0 && pread(descriptor, &last, 1, end - 1) == 1 && last != UInt8(ascii: "\n")
        self.init(path, path: path, descriptor, startsWithinLine: within, reader: -1)
    }
}
