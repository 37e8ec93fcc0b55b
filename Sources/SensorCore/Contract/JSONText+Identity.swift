// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// The `identity` member of an event, with the comma before it. Of both states only what differs is written.
    mutating func append(_ identity: IdentityDetail) {
        append(",\"identity\":")
        let start = bytes.count
        append(text: ",\"change\":", identity.change)
        if let from = identity.from {
            append(state: ",\"from\":", from, whereItDiffersFrom: identity.to)
        }
        append(state: ",\"to\":", identity.to, whereItDiffersFrom: identity.from)
        append(names: ",\"capabilitiesGained\":", identity.capabilitiesGained)
        append(names: ",\"capabilitiesLost\":", identity.capabilitiesLost)
        closeObject(startedAt: start)
    }

    private mutating func append(
        state name: StaticString, _ state: IdentityState, whereItDiffersFrom other: IdentityState?
    ) {
        append(name)
        let start = bytes.count
        append(id: ",\"uid\":", state.user.real, other?.user.real)
        append(id: ",\"euid\":", state.user.effective, other?.user.effective)
        append(id: ",\"suid\":", state.user.saved, other?.user.saved)
        append(id: ",\"fsuid\":", state.user.fileSystem, other?.user.fileSystem)
        append(id: ",\"gid\":", state.group.real, other?.group.real)
        append(id: ",\"egid\":", state.group.effective, other?.group.effective)
        append(id: ",\"sgid\":", state.group.saved, other?.group.saved)
        append(id: ",\"fsgid\":", state.group.fileSystem, other?.group.fileSystem)
        append(state.capabilities, whereTheyDifferFrom: other?.capabilities)
        append(state.namespaces, whereTheyDifferFrom: other?.namespaces)
        if let securebits = state.securebits {
            append(id: ",\"securebits\":", securebits, other?.securebits)
        }
        if let groups = state.groups, groups != other?.groups {
            append(",\"groupCount\":")
            append(decimal: UInt64(groups.count))
            append(groups: groups.first)
        }
        closeObject(startedAt: start)
    }

    private mutating func append(
        _ sets: IdentityState.Capabilities, whereTheyDifferFrom other: IdentityState.Capabilities?
    ) {
        if sets == other { return }
        append(",\"capabilities\":")
        let start = bytes.count
        append(set: ",\"permitted\":\"", sets.permitted, other?.permitted)
        append(set: ",\"effective\":\"", sets.effective, other?.effective)
        append(set: ",\"inheritable\":\"", sets.inheritable, other?.inheritable)
        append(set: ",\"bounding\":\"", sets.bounding, other?.bounding)
        append(set: ",\"ambient\":\"", sets.ambient, other?.ambient)
        closeObject(startedAt: start)
    }

    private mutating func append(
        _ namespaces: IdentityState.Namespaces, whereTheyDifferFrom other: IdentityState.Namespaces?
    ) {
        if namespaces == other { return }
        append(",\"namespaces\":")
        let start = bytes.count
        append(namespace: ",\"pid\":", namespaces.pid, other?.pid)
        append(namespace: ",\"mount\":", namespaces.mount, other?.mount)
        append(namespace: ",\"network\":", namespaces.network, other?.network)
        append(namespace: ",\"user\":", namespaces.user, other?.user)
        append(namespace: ",\"uts\":", namespaces.uts, other?.uts)
        append(namespace: ",\"ipc\":", namespaces.ipc, other?.ipc)
        append(namespace: ",\"cgroup\":", namespaces.cgroup, other?.cgroup)
        closeObject(startedAt: start)
    }

    private mutating func append(id name: StaticString, _ id: UInt32, _ other: UInt32?) {
        if id == other { return }
        append(name)
        append(decimal: UInt64(id))
    }

    private mutating func append(groups: [UInt32]) {
        if groups.isEmpty { return }
        append(",\"groups\":[")
        for (index, group) in groups.enumerated() {
            if index > 0 { append(",") }
            append(decimal: UInt64(group))
        }
        append("]")
    }

    private mutating func append(set name: StaticString, _ set: UInt64, _ other: UInt64?) {
        if set == other { return }
        append(name)
        append(hexadecimal: set, width: 16)
        append("\"")
    }

    private mutating func append(namespace name: StaticString, _ inode: UInt32, _ other: UInt32?) {
        if inode == 0 || inode == other { return }
        append(name)
        append(decimal: UInt64(inode))
    }

    private mutating func append(names name: StaticString, _ names: [String]) {
        if names.isEmpty { return }
        append(name)
        append(strings: names)
    }
}
