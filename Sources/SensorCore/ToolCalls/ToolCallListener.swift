// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// The socket that agents announce their calls on: `<run-dir>/agent/toolcalls.sock`.
///
/// Its directory is all that agent pods are given of the run directory.
package final class ToolCallListener: Sendable {
    /// Non-blocking.
    let descriptor: Int32
    private let path: String
    /// Connections that wait to be accepted, at most: the system lets in one more than it is told.
    static let queueLimit = 129

    package static func path(in runDirectory: String) -> String { runDirectory + "/agent/toolcalls.sock" }

    /// Makes the directory and replaces a socket that a dead daemon has left. Nobody else may have the run directory: the
    /// caller holds its lock.
    package init(runDirectory: String, access: SocketAccess = SocketAccess()) throws(SystemError) {
        let directory = runDirectory + "/agent"
        guard mkdir(directory, 0o755) == 0 || errno == EEXIST else { throw SystemError("make \(directory)") }
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard folder >= 0 else { throw SystemError("open \(directory)") }
        defer { close(folder) }
        var status = stat()
        guard fstat(folder, &status) == 0 else { throw SystemError("stat \(directory)") }
        // Whoever may write to it could put a socket of his own in the place of this one.
        guard status.st_uid == geteuid() else { throw SystemError("trust \(directory)", number: EPERM) }
        guard fchmod(folder, 0o755) == 0 else { throw SystemError("chmod \(directory)") }
        let flags = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, flags, 0)
        guard descriptor >= 0 else { throw SystemError("socket") }
        unlinkat(folder, "toolcalls.sock", 0)
        let path = Self.path(in: runDirectory)
        guard sensor_pass_credentials(descriptor) == 0,
            UnixAddress.with(path, { bind(descriptor, $0, $1) }) == 0,
            // Before it listens, so that nobody gets in who may not.
            access.apply(to: "toolcalls.sock", in: folder), listen(descriptor, Int32(Self.queueLimit - 1)) == 0
        else {
            let error = SystemError("listen on \(path)")
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        unlink(path)
        close(descriptor)
    }

    enum Acceptance {
        /// Non-blocking, and the caller's to close.
        case connection(Int32)
        /// None waits.
        case none
        /// One waits, but there are no descriptors or no memory for it.
        case exhausted
    }

    /// The next connection.
    func accept() -> Acceptance {
        while true {
            let connection = Glibc.accept(descriptor, nil, nil)
            if connection >= 0 {
                _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
                _ = fcntl(connection, F_SETFL, O_NONBLOCK)
                return .connection(connection)
            }
            switch errno {
            case EINTR, ECONNABORTED: continue
            case EMFILE, ENFILE, ENOMEM, ENOBUFS: return .exhausted
            default: return .none
            }
        }
    }
}
