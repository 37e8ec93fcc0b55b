// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Why a runtime's state says nothing of a container.
package enum RuntimeStateFault: String, Error, Sendable, CaseIterable {
    /// No runtime that is looked for has it: another one, another place, or the container is gone.
    case missing
    /// Not permitted, no plain file, or where a look could wait for a server.
    case unreadable
    /// A link stands where runtimes have none.
    case link
    case tooLarge
    /// Not in the runtime's format, or about another container.
    case malformed
    /// The runtime keeps nothing that is read here, or the id is none.
    case unsupported

    /// As answers of the host carry it.
    package var errno: Int32 {
        switch self {
        case .missing: ENOENT
        case .unreadable: EACCES
        case .link: ELOOP
        case .tooLarge: EFBIG
        case .malformed: EBADMSG
        case .unsupported: EOPNOTSUPP
        }
    }

    package init(errno number: Int32) {
        self =
            switch number {
            case ENOENT, ENOTDIR: .missing
            case ELOOP, EXDEV: .link
            case EFBIG: .tooLarge
            case EBADMSG: .malformed
            case EOPNOTSUPP: .unsupported
            default: .unreadable
            }
    }
}
