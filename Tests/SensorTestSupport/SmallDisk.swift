// SPDX-License-Identifier: Apache-2.0

import Glibc

/// A file system of a test's own, which is soon full.
package final class SmallDisk {
    package let path: String
    private let size: String
    private var ballast: String { path + "/ballast" }

    /// - Parameter size: as mount(8) takes it.
    /// - Returns: nil: file systems may not be mounted here.
    package init?(_ path: String, size: String = "256k") {
        (self.path, self.size) = (path, size)
        guard mkdir(path, 0o700) == 0, mount("none", path, "tmpfs", 0, "size=\(size),mode=0700") == 0 else {
            return nil
        }
    }

    deinit { umount2(path, Int32(MNT_DETACH)) }

    package func remount(readOnly: Bool) -> Bool {
        let flags = UInt(MS_REMOUNT) | (readOnly ? UInt(MS_RDONLY) : 0)
        return mount("none", path, "tmpfs", flags, "size=\(size),mode=0700") == 0
    }

    /// Leaves no room.
    ///
    /// - Returns: whether there was any.
    @discardableResult
    package func fill() -> Bool {
        let file = open(ballast, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(file) }
        let block = [UInt8](repeating: 1, count: 4096)
        var hasWritten = false
        while write(file, block, block.count) > 0 { hasWritten = true }
        return hasWritten
    }

    /// Gives back what `fill` took.
    package func makeRoom() { unlink(ballast) }
}
