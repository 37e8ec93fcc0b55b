// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The daemon's end of the control socket, and its claim to be the only daemon with this run directory.
package final class ControlListener: Sendable {
    /// Another daemon has the run directory, or the directory cannot be trusted.
    package struct Refusal: Error, Equatable, CustomStringConvertible {
        package var description: String
        /// Another daemon has it, which may end.
        package var isTaken = false
    }

    /// Non-blocking.
    let descriptor: Int32
    private let lock: Int32
    private let path: String

    /// Makes the directory (0700), takes its lock, and replaces a socket that a dead daemon has left.
    package init(runDirectory: String) throws {
        let directory = ControlSocket.directory(in: runDirectory)
        guard mkdir(runDirectory, 0o755) == 0 || errno == EEXIST else { throw SystemError("make \(runDirectory)") }
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else { throw SystemError("make \(directory)") }
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else { throw SystemError("open \(directory)") }
        defer { close(folder) }
        var status = stat()
        guard fstat(folder, &status) == 0 else { throw SystemError("stat \(directory)") }
        guard status.st_uid == geteuid() else {
            throw Refusal(description: "\(directory) belongs to user \(status.st_uid): remove it or choose --run-dir")
        }
        guard fchmod(folder, 0o700) == 0 else { throw SystemError("chmod \(directory)") }

        // The kernel lets go of it when the daemon dies, however it dies.
        let lock = openat(folder, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw SystemError("open \(directory)/lock") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            close(lock)
            throw Refusal(
                description: "another daemon runs with \(runDirectory): stop it or choose --run-dir", isTaken: true)
        }
        let path = ControlSocket.path(in: runDirectory)
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else {
            close(lock)
            throw SystemError("socket")
        }
        unlinkat(folder, "tail.sock", 0)
        guard UnixAddress.with(path, { bind(descriptor, $0, $1) }) == 0, chmod(path, 0o600) == 0,
            listen(descriptor, 16) == 0
        else {
            let error = SystemError("listen on \(path)")
            close(descriptor)
            close(lock)
            throw error
        }
        self.descriptor = descriptor
        self.lock = lock
        self.path = path
    }

    deinit {
        // The lock is still held: it cannot be another daemon's socket.
        withdraw()
        close(descriptor)
        close(lock)
    }

    /// Nobody can connect any more.
    func withdraw() { unlink(path) }

    /// The next connection, non-blocking; `nil` if none waits. A peer that is not trusted is turned away.
    package func accept() -> Int32? {
        while true {
            let connection = Glibc.accept(descriptor, nil, nil)
            if connection < 0 {
                if errno == EINTR || errno == ECONNABORTED { continue }
                return nil
            }
            _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
            _ = fcntl(connection, F_SETFL, O_NONBLOCK)
            if ControlSocket.isOperator(connection) { return connection }
            close(connection)
        }
    }
}
