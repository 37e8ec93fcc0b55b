// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The pid namespace that this process is in.
enum PidNamespace {
    /// Whether it is the host's, whose numbers the kernel side tells; so it is taken to be where /proc does not say.
    static var isInitial: Bool {
        // That namespace has a fixed inode number.
        let initial: ino_t = 0xEFFF_FFFC
        var status = stat()
        return stat("/proc/self/ns/pid", &status) != 0 || status.st_ino == initial
    }
}
