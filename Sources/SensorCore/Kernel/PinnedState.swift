// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What stays in the kernel when a daemon ends that was told to pin (`--pin-dir`).
package enum PinnedState {
    /// Where the unit, the package, the manifests and the chart have it.
    package static let usualDirectory = "/sys/fs/bpf/sensord"

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
        if onlyAbandoned, try !isAbandoned(pins) { return false }
        try pins.clear()
        // Where a file system is mounted there is nothing to remove.
        guard rmdir(directory) == 0 || errno == EBUSY else { throw .systemCall("cannot remove \(directory)") }
        return true
    }

    /// Nobody reads what is pinned, nor has for as long as it was to be kept.
    private static func isAbandoned(_ pins: PinDirectory) throws(KernelError) -> Bool {
        if let look = KernelSession.lastLook(pins) { return look.deadline < KernelSession.bootTime() }
        // Of what says no time nobody knows for how long it has been there, and no daemon of this version would take it over. What
        // this process may not look at may say one.
        guard let map = pins.descriptor(of: "control", in: .maps) else {
            if errno == ENOENT { return true }
            throw .systemCall("cannot look at what is pinned in \(pins.path)")
        }
        close(map)
        return true
    }
}
