// SPDX-License-Identifier: Apache-2.0

extension PostureIdentity {
    /// Of both states only what differs.
    init(_ identity: IdentityDetail) {
        self.init()
        change = identity.change
        if let from = identity.from {
            self.from = PostureIdentityState(from, whereItDiffersFrom: identity.to)
        }
        to = PostureIdentityState(identity.to, whereItDiffersFrom: identity.from)
        capabilitiesGained = identity.capabilitiesGained
        capabilitiesLost = identity.capabilitiesLost
    }
}

extension PostureIdentityState {
    init(_ state: IdentityState, whereItDiffersFrom other: IdentityState?) {
        self.init()
        if state.user.real != other?.user.real { uid = state.user.real }
        if state.user.effective != other?.user.effective { euid = state.user.effective }
        if state.user.saved != other?.user.saved { suid = state.user.saved }
        if state.user.fileSystem != other?.user.fileSystem { fsuid = state.user.fileSystem }
        if state.group.real != other?.group.real { gid = state.group.real }
        if state.group.effective != other?.group.effective { egid = state.group.effective }
        if state.group.saved != other?.group.saved { sgid = state.group.saved }
        if state.group.fileSystem != other?.group.fileSystem { fsgid = state.group.fileSystem }
        if state.capabilities != other?.capabilities {
            capabilities = PostureCapabilities(state.capabilities, whereTheyDifferFrom: other?.capabilities)
        }
        if state.namespaces != other?.namespaces {
            namespaces = PostureNamespaces(state.namespaces, whereTheyDifferFrom: other?.namespaces)
        }
        if let securebits = state.securebits, securebits != other?.securebits { self.securebits = securebits }
        if let groups = state.groups, groups != other?.groups {
            groupCount = groups.count
            self.groups = groups.first
        }
    }
}

extension PostureCapabilities {
    init(_ sets: IdentityState.Capabilities, whereTheyDifferFrom other: IdentityState.Capabilities?) {
        self.init()
        if sets.permitted != other?.permitted { permitted = Self.hexadecimal(sets.permitted) }
        if sets.effective != other?.effective { effective = Self.hexadecimal(sets.effective) }
        if sets.inheritable != other?.inheritable { inheritable = Self.hexadecimal(sets.inheritable) }
        if sets.bounding != other?.bounding { bounding = Self.hexadecimal(sets.bounding) }
        if sets.ambient != other?.ambient { ambient = Self.hexadecimal(sets.ambient) }
    }

    /// As `/proc/PID/status` has it.
    private static func hexadecimal(_ set: UInt64) -> String {
        let digits = String(set, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension PostureNamespaces {
    init(_ namespaces: IdentityState.Namespaces, whereTheyDifferFrom other: IdentityState.Namespaces?) {
        self.init()
        if namespaces.pid != other?.pid { pid = namespaces.pid }
        if namespaces.mount != other?.mount { mount = namespaces.mount }
        if namespaces.network != other?.network { network = namespaces.network }
        if namespaces.user != other?.user { user = namespaces.user }
        if namespaces.uts != other?.uts { uts = namespaces.uts }
        if namespaces.ipc != other?.ipc { ipc = namespaces.ipc }
        if namespaces.cgroup != other?.cgroup { cgroup = namespaces.cgroup }
    }
}
