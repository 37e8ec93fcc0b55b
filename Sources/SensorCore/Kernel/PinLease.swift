// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The right to read the rings and maps that are pinned in a directory: one daemon's at a time, which the kernel ends
/// with the daemon, however that ends.
package final class PinLease: Sendable {
    private let descriptor: Int32

    /// - Parameter directory: made where it is missing.
    /// - Throws: `badSetting` where there is no BPF file system.
    package init(_ directory: String) throws(KernelError) {
        try PinDirectory(path: directory).make()
        descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw .systemCall("cannot open \(directory)") }
    }

    deinit {
        // A child between fork and exec has it as well, and would keep it.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Does not wait. Returns false while another has it.
    package func take() -> Bool {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno != EINTR { return false }
        }
        return true
    }
}
