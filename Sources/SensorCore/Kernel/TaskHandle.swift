// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// Holds on to a process or a thread: while it lives nothing else has its id, and one system call tells whether it does.
struct TaskHandle: ~Copyable {
    private enum Kind {
        /// Readable from the end on.
        case pidfd
        /// A file of /proc, which stays that task's, and cannot be read from its end on.
        case file
    }

    private let descriptor: Int32
    private let kind: Kind

    /// nil: it is gone, or there are no descriptors.
    init?(process: UInt32) {
        descriptor = sensor_pidfd_open(pid_t(bitPattern: process))
        kind = .pidfd
        guard descriptor >= 0 else { return nil }
    }

    /// nil: it is gone, or there are no descriptors.
    init?(thread: UInt32) {
        let handle = sensor_pidfd_open_thread(pid_t(bitPattern: thread))
        if handle >= 0 || errno != EINVAL {
            descriptor = handle
            kind = .pidfd
        } else {
            // A kernel before 6.9.
            descriptor = Self.open(thread)
            kind = .file
        }
        guard descriptor >= 0 else { return nil }
    }

    /// As on a kernel that has no pidfd for threads.
    init?(file thread: UInt32) {
        descriptor = Self.open(thread)
        kind = .file
        guard descriptor >= 0 else { return nil }
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    private static func open(_ thread: UInt32) -> Int32 { Glibc.open("/proc/\(thread)/comm", O_RDONLY | O_CLOEXEC) }

    /// False from its end on, whether or not its parent has waited for it.
    var isAlive: Bool {
        switch kind {
        case .pidfd:
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&entry, 1, 0) == 0
        case .file:
            var byte: UInt8 = 0
            return pread(descriptor, &byte, 1, 0) > 0
        }
    }
}
