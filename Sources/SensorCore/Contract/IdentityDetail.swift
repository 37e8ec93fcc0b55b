// SPDX-License-Identifier: Apache-2.0

/// A process became someone else, or moved to another namespace.
package struct IdentityDetail: Sendable, Equatable {
    /// What did it: the system call's name, or `exec` for a set-id or capability-giving executable.
    package var change: String
    /// Before; `nil` if not known.
    package var from: IdentityState?
    package var to: IdentityState

    package init(change: String, from: IdentityState?, to: IdentityState) {
        self.change = change
        self.from = from
        self.to = to
    }
}
