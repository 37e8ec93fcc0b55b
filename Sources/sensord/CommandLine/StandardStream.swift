// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Short messages to the terminal, past the C library's buffers.
enum StandardStream {
    /// Opens /dev/null where a standard descriptor is closed: the next file to be opened would get its number, and what
    /// is meant for the terminal would be written into it. To be called before anything is opened.
    static func openMissing() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
            // The lowest free number is taken, and that is this one.
            _ = open("/dev/null", O_RDWR | O_NOCTTY)
        }
    }

    /// Writes all of it as long as somebody takes it. Whether anybody reads is not this program's trouble.
    static func write(_ text: String, to descriptor: Int32) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest.removeFirst(count)
            } else if errno != EINTR {
                return
            }
        }
    }

    /// One line on standard error.
    static func complain(_ line: String) {
        write("sensord: \(line)\n", to: STDERR_FILENO)
    }
}
