// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What stays in the kernel when a daemon ends that was told to pin (`--pin-dir`).
package enum PinnedState {
    /// Takes all of it out of the kernel, whichever version has pinned it, and removes the directory.
    ///
    /// - Parameter onlyAbandoned: where a daemon runs with it, or one may still come back for what has gathered
    ///   (`--pin-patience`), it stays.
    /// - Returns: false if nothing was there, or it stays.
    /// - Throws: where a daemon still runs with it, unless it stays then, or the kernel refuses.
    @discardableResult
    package static func remove(_ directory: String, onlyAbandoned: Bool = false) throws(KernelError) -> Bool {
        guard PinDirectory.isOnBPFFileSystem(directory) else { return false }
        let lease = try PinLease(directory)
        guard lease.take() else {
            if onlyAbandoned { return false }
            throw KernelError(.systemCall, "a daemon runs with \(directory): stop it first", errorNumber: EBUSY)
        }
        let pins = PinDirectory(path: directory)
        // Of what says no time nobody knows for how long it has been there, and nobody of this version would take it over.
        if onlyAbandoned, let look = KernelSession.lastLook(pins), look.deadline >= KernelSession.bootTime() {
            return false
        }
        try pins.clear()
        // Where a file system is mounted there is nothing to remove.
        guard rmdir(directory) == 0 || errno == EBUSY else { throw .systemCall("cannot remove \(directory)") }
        return true
    }
}
