// SPDX-License-Identifier: Apache-2.0

/// What a cgroup's path says about who lives there: runtimes and systemd name their cgroups after what they run.
///
/// The words are only as good as the path: whoever may make cgroups can imitate a runtime's names. Nothing here looks
/// at the machine.
package struct CgroupPath: Sendable, Equatable {
    package enum Owner: Sendable, Equatable {
        /// Neither a container's nor a unit's: the root, or a cgroup that somebody made by hand.
        case host
        case systemdUnit(SystemdUnit)
        case container(Container)
    }

    package struct SystemdUnit: Sendable, Equatable {
        /// As `systemctl` shows it: `nginx.service`, `session-3.scope`, `user-1000.slice`.
        package var name: String
        /// The user whose own manager runs it; nil for the system's.
        package var userID: UInt32?

        package init(name: String, userID: UInt32? = nil) {
            self.name = name
            self.userID = userID
        }
    }

    package struct Container: Sendable, Equatable {
        package var id: String
        /// nil where the path names none, as with a bare id in a runtime's own directory.
        package var runtime: Runtime?
        /// As the API server writes it, with dashes; nil outside Kubernetes.
        package var podUID: String?

        package init(id: String, runtime: Runtime?, podUID: String? = nil) {
            self.id = id
            self.runtime = runtime
            self.podUID = podUID
        }
    }

    package enum Runtime: String, Sendable, Equatable {
        case docker
        case podman
        case containerd
        case crio
        case lxc
    }

    package var owner: Owner
    /// The pod that the owner belongs to, as the kubelet calls it in paths.
    package var podUID: String? {
        if case .container(let container) = owner { container.podUID } else { nil }
    }

    /// The cgroup that the owner begins at: `path` itself, or an ancestor of it.
    package var ownerPath: String

    /// Reads an absolute path below the hierarchy's root. The innermost container is the owner of all cgroups below
    /// it; outside of containers it is the innermost service or scope, else the innermost slice.
    package init(_ path: String) {
        let components = path.split(separator: "/")
        owner = .host
        ownerPath = "/"

        for last in components.indices.reversed() {
            guard var container = Self.container(components[last], parents: components[..<last]) else { continue }
            container.podUID = components[...last].reversed().lazy.compactMap(Self.podUID).first
            owner = .container(container)
            ownerPath = Self.joined(components[...last])
            return
        }

        let unit =
            components.lastIndex { $0.hasSuffix(".service") || $0.hasSuffix(".scope") }
            ?? components.lastIndex { $0.hasSuffix(".slice") }
        if let unit {
            owner = .systemdUnit(
                SystemdUnit(name: Self.unescaped(components[unit]), userID: Self.userID(components[..<unit])))
            ownerPath = Self.joined(components[...unit])
        } else {
            ownerPath = components.isEmpty ? "/" : Self.joined(components[...])
        }
    }

    private static func joined(_ components: ArraySlice<Substring>) -> String {
        components.isEmpty ? "/" : "/" + components.joined(separator: "/")
    }

    // MARK: Containers

    private static func container(_ name: Substring, parents: ArraySlice<Substring>) -> Container? {
        // "<slice>:<prefix>:<id>": what a runtime makes of systemd's notation when it drives cgroupfs itself.
        let notation = name.split(separator: ":", omittingEmptySubsequences: false)
        if notation.count == 3, isID(notation[2], atLeast: 12) {
            return Container(id: String(notation[2]), runtime: runtime(ofPrefix: notation[1]))
        }
        let stem = name.hasSuffix(".scope") ? name.dropLast(6) : name
        if let dash = stem.lastIndex(of: "-") {
            let (prefix, id) = (stem[..<dash], stem[stem.index(after: dash)...])
            if let runtime = runtime(ofPrefix: prefix), isID(id, atLeast: 12) {
                return Container(id: String(id), runtime: runtime)
            }
        }
        if isID(name, atLeast: 64) {
            return Container(id: String(name), runtime: parents.last.flatMap(runtime(ofDirectory:)))
        }
        if name.hasPrefix("lxc.payload.") {
            return Container(id: String(name.dropFirst("lxc.payload.".count)), runtime: .lxc)
        }
        if parents.last == "lxc" || parents.last == "lxc.payload" {
            return Container(id: String(name), runtime: .lxc)
        }
        // Amazon ECS on Fargate: the task's id and a number.
        if parents.count >= 2, parents.first == "ecs", let dash = name.lastIndex(of: "-"),
            isID(name[..<dash], atLeast: 32), name[dash...].dropFirst().utf8.allSatisfy(isDigit)
        {
            return Container(id: String(name), runtime: nil)
        }
        return nil
    }

    /// Of "<prefix>-<id>.scope". The monitors beside a container ("libpod-conmon", "crio-conmon") are not in it.
    private static func runtime(ofPrefix prefix: Substring) -> Runtime? {
        switch prefix {
        case "docker": .docker
        case "libpod": .podman
        case "cri-containerd", "nerdctl", "containerd": .containerd
        case "crio": .crio
        default: nil
        }
    }

    /// Of "<directory>/<id>".
    private static func runtime(ofDirectory directory: Substring) -> Runtime? {
        switch directory {
        case "docker", "actions_job": .docker
        case "libpod_parent": .podman
        case "k8s.io": .containerd
        default: nil
        }
    }

    private static func isID(_ text: Substring, atLeast length: Int) -> Bool {
        let bytes = text.utf8
        return bytes.count >= length && bytes.count <= 64
            && bytes.allSatisfy { isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    // MARK: Pods

    /// The pod's UID from its directory ("pod<uid>") or slice ("kubepods-burstable-pod<uid with underscores>.slice").
    /// Static pods have the hash of their file, 32 digits without dashes.
    private static func podUID(_ component: Substring) -> String? {
        let name = component.split(separator: ":", maxSplits: 1).first ?? component
        let uid: Substring
        if name.hasPrefix("pod") {
            uid = name.dropFirst(3)
        } else if name.hasSuffix(".slice"), let marker = lastRange(of: "-pod", in: name) {
            uid = name.dropLast(6)[marker...]
        } else {
            return nil
        }
        let dashed = String(uid.map { $0 == "_" ? "-" : $0 })
        return isUID(dashed) ? dashed : nil
    }

    /// Where the text behind the last `marker` begins.
    private static func lastRange(of marker: String, in name: Substring) -> Substring.Index? {
        var index = name.endIndex
        while index > name.startIndex {
            index = name.index(before: index)
            if name[index...].hasPrefix(marker) { return name.index(index, offsetBy: marker.count) }
        }
        return nil
    }

    private static func isUID(_ text: String) -> Bool {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false).map(\.utf8.count)
        guard groups == [8, 4, 4, 4, 12] || groups == [32] else { return false }
        return text.utf8.allSatisfy {
            isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) || $0 == UInt8(ascii: "-")
        }
    }

    // MARK: Units

    /// systemd puts an underscore before names that the kernel would take for its own files.
    private static func unescaped(_ name: Substring) -> String {
        String(name.hasPrefix("_") ? name.dropFirst() : name)
    }

    /// The user of the innermost "user@<uid>.service" above a unit.
    private static func userID(_ parents: ArraySlice<Substring>) -> UInt32? {
        for parent in parents.reversed() where parent.hasPrefix("user@") && parent.hasSuffix(".service") {
            return UInt32(parent.dropFirst(5).dropLast(8))
        }
        return nil
    }
}
