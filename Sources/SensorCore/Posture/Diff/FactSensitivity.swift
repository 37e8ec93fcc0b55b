// SPDX-License-Identifier: Apache-2.0

/// What a person wants to read first of what has changed.
package enum FactSensitivity: UInt8, Sendable, CaseIterable, Comparable {
    case credential
    case metadata
    case identity
    /// A change of an agent's harness, or a policy's word.
    case control
    case notableSyscall
    case denied
    /// A file whose path is never folded.
    case guarded
    case ordinary

    /// The name that users and other programs see.
    package var name: String { self == .notableSyscall ? "notable_syscall" : "\(self)" }

    package static func < (one: Self, other: Self) -> Bool { one.rawValue < other.rawValue }

    package init(of identity: SharedFact.Identity) {
        self.init(of: identity.key, isDenied: identity.qualifiers.outcome == .denied)
    }

    init(of key: FactKey, isDenied: Bool) {
        switch key.kind {
        case .credential: self = .credential
        case .metadata: self = .metadata
        case .identity: self = .identity
        case .hop, .decision: self = .control
        // Only a notable one says what it was asked for.
        case .syscall where !key[.what].isEmpty: self = .notableSyscall
        default:
            if isDenied {
                self = .denied
                return
            }
            // Most programs and libraries are where nothing is folded: that says nothing of them.
            // So does what is folded.
            let path: ByteString =
                switch key.kind {
                case _ where key.isFolded: ""
                case .file: key[.path]
                case .effect where key[.type] == "file": key[.what]
                default: ""
                }
            self = PathSensitivity(of: path) == .ordinary ? .ordinary : .guarded
        }
    }
}
