// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import NIOConcurrencyHelpers

/// The right to read the rings and maps that are pinned in a directory: one daemon's at a time, which the kernel ends
/// with the daemon, however that ends.
package final class PinLease: Sendable {
    private let directory: String
    private let descriptor: NIOLockedValueBox<Int32>

    /// - Parameter directory: made where it is missing.
    /// - Throws: `badSetting` where there is no BPF file system.
    package init(_ directory: String) throws(KernelError) {
        self.directory = directory
        descriptor = NIOLockedValueBox(try Self.open(directory))
    }

    deinit { descriptor.withLockedValue { Self.letGo($0) } }

    private static func open(_ directory: String) throws(KernelError) -> Int32 {
        try PinDirectory(path: directory).make()
        let descriptor = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else { throw .systemCall("cannot open \(directory)") }
        return descriptor
    }

    private static func letGo(_ descriptor: Int32) {
        // A child between fork and exec has it as well, and would keep it.
        flock(descriptor, LOCK_UN)
        close(descriptor)
    }

    /// Does not wait. Returns false while another has it.
    package func take() -> Bool {
        descriptor.withLockedValue { descriptor in
            while true {
                while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
                    if errno != EINTR { return false }
                }
                if Self.is(descriptor, at: directory) { return true }
                // It was removed meanwhile, and who comes next has another.
                guard let another = try? Self.open(directory) else { return false }
                Self.letGo(descriptor)
                descriptor = another
            }
        }
    }

    private static func `is`(_ descriptor: Int32, at path: String) -> Bool {
        var (own, there) = (stat(), stat())
        return fstat(descriptor, &own) == 0 && lstat(path, &there) == 0 && own.st_dev == there.st_dev
            && own.st_ino == there.st_ino
    }
}
