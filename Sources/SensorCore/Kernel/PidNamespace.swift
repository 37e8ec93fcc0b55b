// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The pid namespace that this process is in.
///
/// The kernel side tells of processes by their numbers in the host's. In another one those are other processes' here, or
/// nobody's: what is asked for by its number would be missed without a word, and the sensor would report itself.
package enum PidNamespace {
    /// Whether it is the host's; so it is taken to be where /proc does not say.
    package static var isInitial: Bool {
        // That namespace has a fixed inode number: PROC_PID_INIT_INO.
        let initial: ino_t = 0xEFFF_FFFC
        var status = stat()
        return stat("/proc/self/ns/pid", &status) != 0 || status.st_ino == initial
    }

    /// What to do about another one, as a phrase.
    package static let remedy =
        "give it the host's pid namespace (hostPID: true in a pod's spec, --pid=host for docker or podman run)"

    /// - Throws: `notPermitted` in another one than the host's.
    package static func requireInitial() throws(KernelError) {
        if isInitial { return }
        throw KernelError(
            .notPermitted, "sensord is in a pid namespace of its own, where process ids are not the host's: \(remedy)")
    }
}
