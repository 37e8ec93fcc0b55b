// SPDX-License-Identifier: Apache-2.0

/// Where a path was taken from, and so how far to trust it.
package enum PathSource: UInt8, Sendable, CaseIterable {
    /// The kernel's own object.
    case dentry
    /// The base directory is the kernel's, symbolic links were followed by the daemon: best effort.
    case resolved
    /// The caller's string, put together lexically.
    case argument
    /// Object and string disagree; both are shown.
    case contested
    /// Object and string differ, and where the string leads could not be seen: both are shown. Or there is only a string, which may have
    /// been written after the call, or whose call may not have been made.
    case unverified
    /// There is no path: the string could not be read.
    case unknown
    /// The kernel's own object, to which no name leads from the process's root: on a mount that hangs nowhere, or outside of a chroot. The
    /// path begins where the kernel's way up ends.
    case unreachable

    package var name: String { nameText.description }

    var nameText: StaticString {
        switch self {
        case .dentry: "dentry"
        case .resolved: "resolved"
        case .argument: "argument"
        case .contested: "contested"
        case .unverified: "unverified"
        case .unknown: ""
        case .unreachable: "unreachable"
        }
    }
}
