// SPDX-License-Identifier: Apache-2.0

/// Parts of an `IdentityState`.
package struct IdentityFields: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let user = IdentityFields(rawValue: 1 << 0)
    package static let group = IdentityFields(rawValue: 1 << 1)
    package static let capabilities = IdentityFields(rawValue: 1 << 2)
    package static let namespaces = IdentityFields(rawValue: 1 << 3)
    package static let securebits = IdentityFields(rawValue: 1 << 4)
    package static let groups = IdentityFields(rawValue: 1 << 5)

    package static let all: IdentityFields = [.user, .group, .capabilities, .namespaces, .securebits, .groups]
    /// What an executable's set-id bits and capabilities change.
    package static let exec: IdentityFields = [.user, .group, .capabilities, .securebits]

    /// What a system call of that name can change; all for a name that is not known.
    package static func changed(by call: String) -> IdentityFields {
        switch call {
        case "setuid", "setreuid", "setresuid", "setfsuid": [.user, .capabilities]
        case "setgid", "setregid", "setresgid", "setfsgid": .group
        case "setgroups": .groups
        case "capset": .capabilities
        case "prctl": [.capabilities, .securebits]
        // A user namespace comes with all capabilities, and without securebits.
        case "unshare", "setns", "clone": [.namespaces, .capabilities, .securebits]
        default: .all
        }
    }
}

extension IdentityState {
    /// In what both differ, as far as both are known.
    package func differences(from other: IdentityState) -> IdentityFields {
        var fields: IdentityFields = []
        if user != other.user { fields.insert(.user) }
        if group != other.group { fields.insert(.group) }
        if capabilities != other.capabilities { fields.insert(.capabilities) }
        if !namespaces.agrees(with: other.namespaces) { fields.insert(.namespaces) }
        if let securebits, let others = other.securebits, securebits != others { fields.insert(.securebits) }
        if let groups, let others = other.groups, groups != others { fields.insert(.groups) }
        return fields
    }

    /// What both have in common, the rest not known; nil if that leaves users, groups or capabilities open.
    package func common(with other: IdentityState) -> IdentityState? {
        let differences = differences(from: other)
        guard differences.isDisjoint(with: [.user, .group, .capabilities]) else { return nil }
        var state = self
        state.namespaces = namespaces.common(with: other.namespaces)
        if securebits != other.securebits { state.securebits = nil }
        if groups != other.groups { state.groups = nil }
        return state
    }
}

extension IdentityState.Namespaces {
    private static var paths: [WritableKeyPath<Self, UInt32>] {
        [\.pid, \.mount, \.network, \.user, \.uts, \.ipc, \.cgroup]
    }

    fileprivate func agrees(with other: Self) -> Bool {
        self == other
            || Self.paths.allSatisfy {
                self[keyPath: $0] == other[keyPath: $0] || self[keyPath: $0] == 0 || other[keyPath: $0] == 0
            }
    }

    fileprivate func common(with other: Self) -> Self {
        if self == other { return self }
        var common = self
        for path in Self.paths where common[keyPath: path] != other[keyPath: path] { common[keyPath: path] = 0 }
        return common
    }
}
