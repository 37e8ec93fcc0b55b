// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What stays in the kernel when a daemon ends that was told to pin (`--pin-dir`).
package enum PinnedState {
    /// Takes all of it out of the kernel, whichever version has pinned it, and removes the directory.
    ///
    /// - Returns: false if nothing was there.
    /// - Throws: where a daemon still runs with it, or the kernel refuses.
    @discardableResult
    package static func remove(_ directory: String) throws(KernelError) -> Bool {
        guard PinDirectory.isOnBPFFileSystem(directory) else { return false }
        let lease = try PinLease(directory)
        guard lease.take() else {
            throw KernelError(.systemCall, "a daemon runs with \(directory): stop it first", errorNumber: EBUSY)
        }
        try PinDirectory(path: directory).clear()
        // Where a file system is mounted there is nothing to remove.
        guard rmdir(directory) == 0 || errno == EBUSY else { throw .systemCall("cannot remove \(directory)") }
        return true
    }
}
