// SPDX-License-Identifier: Apache-2.0

/// What a cgroup's path says about who lives there: runtimes and systemd name their cgroups after what they run.
///
/// The words are only as good as the path: whoever may make cgroups can imitate a runtime's names. So it is read from
/// the root down, and what stands higher wins, since it was made by whom more was entrusted:
///
/// 1. The outermost pod of a kubelet, with the first container below it. All cgroups below that container are its
///    own, whatever their names: systemd in a container, docker in docker, a kubelet in a pod (kind in CI) and a
///    program that makes itself a `kubepods` tree all stay with the container that holds them.
/// 2. Outside of pods the outermost container, for the same reason.
/// 3. Else a unit of systemd.
///
/// A tree of pods below a container or a unit is believed only where `PodTrees` says so: the nodes of kind, k3d and
/// minikube are made so, and so can be what anybody makes who was given a cgroup of his own.
///
/// What stands below the cgroups of an unprivileged user (`user-1000.slice`, `user@1000.service`) was made by that
/// user, who may call it as he likes: it is never a pod (a kubelet that runs rootless is seen as its own unit or
/// container), and a container there has the user's id.
///
/// Nothing here looks at the machine. Takes time in proportion to the path's length.
package struct CgroupPath: Sendable, Equatable {
    package enum Owner: Sendable, Equatable {
        /// Neither a container's nor a unit's: the root, or a cgroup that somebody made by hand.
        case host
        case systemdUnit(SystemdUnit)
        /// A pod's own cgroup, or one in it that is no container's: of its sandbox as a whole, or of a monitor.
        /// The UID is written as in `Container.podUID`.
        case pod(uid: String)
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
        /// As the kubelet writes it: the API server's UID with dashes, or the hash of a static pod's manifest, 32
        /// digits without. nil outside Kubernetes, and where the kubelet makes no cgroups of pods
        /// (`--cgroups-per-qos=false`).
        package var podUID: String?
        /// The unprivileged user whose cgroups it lies in: a rootless container, or what this user calls one.
        package var userID: UInt32?

        package init(id: String, runtime: Runtime?, podUID: String? = nil, userID: UInt32? = nil) {
            self.id = id
            self.runtime = runtime
            self.podUID = podUID
            self.userID = userID
        }
    }

    package typealias Runtime = ContainerRuntime

    package var owner: Owner
    /// The pod that the owner is or belongs to, as the kubelet calls it in paths.
    package var podUID: String? {
        switch owner {
        case .container(let container): container.podUID
        case .pod(let uid): uid
        case .host, .systemdUnit: nil
        }
    }

    /// The cgroup that the owner begins at: the path itself, or an ancestor of it.
    package var ownerBytes: ByteString
    /// `ownerBytes` for people.
    package var ownerPath: String { ownerBytes.text }

    package init(_ path: String, trees: PodTrees = .all) {
        self.init(ByteString(path), trees: trees)
    }

    /// Reads an absolute path below the hierarchy's root: bytes, of which any but `/` may be in a name.
    package init(_ path: ByteString, trees: PodTrees = .all) {
        let components = path.bytes.split(separator: UInt8(ascii: "/"))
        var user: UInt32?
        var outermost: (index: Int, container: Container)?

        for index in components.indices {
            let name = components[index]
            if let below = Self.user(name, isFirst: index == 0) { user = user ?? below }
            if user == nil, let uid = Self.podUID(components[...index]) {
                // What it was given to is what all of it is.
                guard trees.believes(holder: Self.holder(components[..<index])) else { break }
                let inside = Self.podOwner(uid, at: index, in: components)
                owner = inside.owner
                ownerBytes = Self.joined(components[...inside.end])
                return
            }
            if outermost == nil, var container = Self.container(components[...index]) {
                container.userID = user
                outermost = (index, container)
            }
        }

        if let outermost {
            owner = .container(outermost.container)
            ownerBytes = Self.joined(components[...outermost.index])
        } else if let unit = Self.unit(components) {
            owner = .systemdUnit(unit.unit)
            ownerBytes = Self.joined(components[...unit.index])
        } else {
            owner = .host
            ownerBytes = Self.joined(components[...])
        }
    }

    private typealias Name = ArraySlice<UInt8>

    private static func joined(_ components: ArraySlice<Name>) -> ByteString {
        components.isEmpty ? "/" : ByteString(components.flatMap { [UInt8(ascii: "/")] + $0 })
    }

    // MARK: Pods

    /// The first cgroup on the way down that was given to somebody: a container, a service or a scope; nil if none.
    private static func holder(_ components: ArraySlice<Name>) -> ByteString? {
        for index in components.indices {
            let name = components[index]
            if name.hasSuffix(".service") || name.hasSuffix(".scope") || container(components[...index]) != nil {
                return joined(components[...index])
            }
        }
        return nil
    }

    /// The UID of the pod whose cgroup is the last of `path`: in a slice of its own
    /// (`kubepods-burstable-pod<uid with underscores>.slice`, which carries its parents' names, a `--cgroup-root`'s
    /// among them) or in a directory (`kubepods/burstable/pod<uid>`; Guaranteed pods have no level of their own).
    private static func podUID(_ path: ArraySlice<Name>) -> String? {
        guard let last = path.last else { return nil }
        // "<slice>:<prefix>:<id>" names slice and container at once.
        let name = last.prefix { $0 != UInt8(ascii: ":") }
        if let slice = name.dropping(suffix: ".slice") {
            if let uid = uuid(slice.suffix(36), separator: UInt8(ascii: "_")) {
                return isKubepods(slice.dropLast(36)) ? uid : nil
            }
            let hash = slice.suffix(32)
            return hash.count == 32 && isHexadecimal(hash) && isKubepods(slice.dropLast(32)) ? hash.text : nil
        }
        guard let uid = last.dropping(prefix: "pod"), path.count >= 2 else { return nil }
        var parents = path.dropLast()
        if let level = parents.last, level.isEqual("burstable") || level.isEqual("besteffort") {
            parents = parents.dropLast()
        }
        guard parents.last?.isEqual("kubepods") == true else { return nil }
        if uid.count == 32, isHexadecimal(uid) { return uid.text }
        return uuid(uid, separator: UInt8(ascii: "-"))
    }

    /// Of a pod's slice, what stands before the UID: `kubepods`, after a cgroup root `<root>-kubepods`, with the level
    /// of its quality of service.
    private static func isKubepods(_ name: Name) -> Bool {
        guard let slice = name.dropping(suffix: "-pod") else { return false }
        let top = slice.dropping(suffix: "-burstable") ?? slice.dropping(suffix: "-besteffort") ?? slice
        return top.isEqual("kubepods") || top.dropping(suffix: "-kubepods")?.isEmpty == false
    }

    /// With dashes; nil if it is none.
    private static func uuid(_ text: Name, separator: UInt8) -> String? {
        guard text.count == 36 else { return nil }
        var dashed = Array(text)
        for index in dashed.indices {
            switch index {
            case 8, 13, 18, 23:
                guard dashed[index] == separator else { return nil }
                dashed[index] = UInt8(ascii: "-")
            default:
                guard isHexadecimal(dashed[index]) else { return nil }
            }
        }
        return String(decoding: dashed, as: UTF8.self)
    }

    /// The first container in the pod's cgroup at `index`, or else the pod.
    private static func podOwner(
        _ uid: String, at index: Int, in components: [Name]
    ) -> (owner: Owner, end: Int) {
        // The pod's own component is the first to look at: the notation with colons names the container, too.
        for end in index..<components.count {
            guard var container = container(components[...end]) else { continue }
            container.podUID = uid
            return (.container(container), end)
        }
        return (.pod(uid: uid), index)
    }

    // MARK: Containers

    /// The container whose cgroup is the last of `path`. The monitors beside one (`libpod-conmon-<id>.scope`,
    /// `crio-conmon-<id>.scope`, `lxc.monitor.<name>`) are not in it.
    private static func container(_ path: ArraySlice<Name>) -> Container? {
        guard let name = path.last else { return nil }
        let parents = path.dropLast()
        let parent = parents.last

        // "<slice>:<prefix>:<id>": what a runtime makes of systemd's notation when it drives cgroupfs itself.
        let notation = name.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        if notation.count == 3, isID(notation[2], atLeast: 12), !isMonitor(notation[1]) {
            return Container(id: notation[2].text, runtime: runtime(ofPrefix: notation[1]))
        }
        let stem = name.dropping(suffix: ".scope") ?? name
        if let dash = stem.lastIndex(of: UInt8(ascii: "-")), isID(stem[(dash + 1)...], atLeast: 12),
            let runtime = runtime(ofPrefix: stem[..<dash])
        {
            return Container(id: stem[(dash + 1)...].text, runtime: runtime)
        }
        // Below podman's parent a bare id is a pod's, and its containers have their prefix.
        if isID(name, atLeast: 64), parent?.isEqual("libpod_parent") != true {
            return Container(id: name.text, runtime: parent.flatMap(runtime(ofDirectory:)))
        }
        if let payload = name.dropping(prefix: "lxc.payload.") ?? lxcName(name, parent: parent), !payload.isEmpty {
            return Container(id: payload.text, runtime: .lxc)
        }
        guard let first = path.first else { return nil }
        // Amazon ECS on Fargate: the task's id and a number.
        if first.isEqual("ecs"), path.count >= 3, let dash = name.lastIndex(of: UInt8(ascii: "-")),
            isID(name[..<dash], atLeast: 32), name[(dash + 1)...].allSatisfy(isDigit)
        {
            return Container(id: name.text, runtime: nil)
        }
        // The namespace that containerd's clients use when they are told none, and where people name containers.
        if first.isEqual("default"), path.count == 2, isContainerdName(name) {
            return Container(id: name.text, runtime: .containerd)
        }
        // A step of a build: 25 letters and digits.
        if path.count >= 3, parent?.isEqual("buildkit") == true, parents.dropLast().last?.isEqual("docker") == true,
            name.count == 25, name.allSatisfy({ isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) })
        {
            return Container(id: name.text, runtime: .docker)
        }
        return nil
    }

    private static func lxcName(_ name: Name, parent: Name?) -> Name? {
        parent?.isEqual("lxc") == true || parent?.isEqual("lxc.payload") == true ? name : nil
    }

    /// Of "<prefix>-<id>.scope".
    private static func runtime(ofPrefix prefix: Name) -> Runtime? {
        switch prefix.text {
        case "docker": .docker
        // "libpod-payload-<id>" in a service that keeps its containers with it: what Quadlet makes.
        case "libpod", "libpod-payload": .podman
        case "cri-containerd", "nerdctl", "containerd": .containerd
        case "crio": .crio
        case "runc": .runc
        case "crun": .crun
        default: nil
        }
    }

    private static func isMonitor(_ prefix: Name) -> Bool { prefix.dropping(suffix: "conmon") != nil }

    /// Of "<directory>/<id>".
    private static func runtime(ofDirectory directory: Name) -> Runtime? {
        switch directory.text {
        case "docker", "actions_job": .docker
        case "k8s.io": .containerd
        default: nil
        }
    }

    private static func isID(_ text: Name, atLeast length: Int) -> Bool {
        text.count >= length && text.count <= 64 && isHexadecimal(text)
    }

    /// Letters and digits, and between them single dots, dashes and underscores.
    private static func isContainerdName(_ name: Name) -> Bool {
        guard name.count <= 76 else { return false }
        var isBetween = true
        for byte in name {
            let isAlphanumeric =
                isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) && byte & 0x40 != 0
            let isSeparator = byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            guard isAlphanumeric || (isSeparator && !isBetween) else { return false }
            isBetween = isSeparator
        }
        return !isBetween
    }

    private static func isHexadecimal(_ text: Name) -> Bool { text.allSatisfy { isHexadecimal($0) } }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    // MARK: Units

    /// The first service or scope on the way down: what is below was made by it, unless it is a user's own manager,
    /// whose units are named in the same way. Without one it is the innermost slice.
    private static func unit(_ components: [Name]) -> (unit: SystemdUnit, index: Int)? {
        var found: Int?
        var manager: UInt32?
        var user: UInt32?
        for index in components.indices {
            let name = components[index]
            if manager == nil, let id = userManager(name) {
                (found, manager) = (index, id)
            } else if name.hasSuffix(".service") || name.hasSuffix(".scope") {
                (found, user) = (index, manager)
                break
            }
        }
        if found == nil { found = components.lastIndex { $0.hasSuffix(".slice") } }
        guard let found else { return nil }
        // systemd puts an underscore before names that the kernel would take for its own files.
        let name = components[found]
        return (SystemdUnit(name: (name.dropping(prefix: "_") ?? name).text, userID: user), found)
    }

    /// Of "user@<uid>.service".
    private static func userManager(_ name: Name) -> UInt32? {
        name.dropping(prefix: "user@")?.dropping(suffix: ".service").flatMap { UInt32($0.text) }
    }

    /// The unprivileged user below whose cgroup everything is that user's. Where a session manager without systemd
    /// gives users cgroups (`/user/<name>/0`), it does not say whose; nobody's id stands for them.
    private static func user(_ name: Name, isFirst: Bool) -> UInt32? {
        if isFirst, name.isEqual("user") { return 65534 }
        let id =
            userManager(name) ?? name.dropping(prefix: "user-")?.dropping(suffix: ".slice").flatMap { UInt32($0.text) }
        return id == 0 ? nil : id
    }
}

extension ArraySlice<UInt8> {
    /// For people, and for what is known to be ASCII.
    fileprivate var text: String { String(decoding: self, as: UTF8.self) }

    fileprivate func isEqual(_ text: StaticString) -> Bool { elementsEqual(text.bytes) }

    fileprivate func hasSuffix(_ suffix: StaticString) -> Bool {
        self.suffix(suffix.utf8CodeUnitCount).elementsEqual(suffix.bytes)
    }

    fileprivate func dropping(prefix: StaticString) -> ArraySlice<UInt8>? {
        starts(with: prefix.bytes) ? dropFirst(prefix.utf8CodeUnitCount) : nil
    }

    fileprivate func dropping(suffix: StaticString) -> ArraySlice<UInt8>? {
        hasSuffix(suffix) ? dropLast(suffix.utf8CodeUnitCount) : nil
    }
}

extension StaticString {
    fileprivate var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount)
    }
}
