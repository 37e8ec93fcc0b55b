// SPDX-License-Identifier: Apache-2.0

/// A file in which a runtime keeps what it knows of one container, or of all.
package struct RuntimeStateFile: Sendable, Hashable {
    package enum Format: Sendable, Hashable {
        /// The `config.json` of a container's bundle.
        case bundle
        /// The same, in containers/storage, whose lists know the container as well.
        case storage(driver: String)
        /// runc's `state.json`.
        case runc
        /// crun's `status`, which leads to a bundle.
        case crun
        /// Docker's `config.v2.json`.
        case docker
    }

    package var format: Format
    /// What the place tells of the runtime; the file may know better.
    package var runtime: CgroupPath.Runtime?
    /// Where the runtime keeps its state: a place that the operator chose, so links on the way to it are followed.
    package var root: String
    /// Below `root`, where there are no links.
    package var path: String

    package init(_ format: Format, _ runtime: CgroupPath.Runtime?, root: String, path: String) {
        self.format = format
        self.runtime = runtime
        self.root = root
        self.path = path
    }

    /// An unprivileged user that runs containers.
    package struct User: Sendable, Hashable {
        package var id: UInt32
        /// Absolute; nil if it is not known.
        package var home: String?

        package init(id: UInt32, home: String?) {
            self.id = id
            self.home = home
        }
    }

    /// Where a container may be described, in the order to look: absolute paths on the host.
    ///
    /// - Parameters:
    ///   - runtime: as the cgroup's path tells; nil looks in all places. A bare id below `kubepods` is containerd's,
    ///     CRI-O's or Docker's.
    ///   - id: the container's.
    ///   - user: whose container it is; nil: the system's. What a user keeps says nothing of the system's containers,
    ///     nor the other way round.
    /// - Returns: nothing for an id that could not be a file's name, and for runtimes that keep nothing of use.
    package static func candidates(
        runtime: CgroupPath.Runtime?, id: String, user: User? = nil
    ) -> [RuntimeStateFile] {
        guard isFileName(id) else { return [] }
        if let user { return rootless(runtime: runtime, id: id, user: user) }
        return switch runtime {
        case .containerd: containerd(id) + runc(id)
        case .docker: docker(id)
        case .crio, .podman: storage(runtime, id)
        case .runc: runc(id)
        case .crun: crun(id)
        case .lxc: []
        case nil:
            containerd(id) + docker(id) + storage(nil, id) + runc(id) + crun(id)
        }
    }

    private static func isFileName(_ id: String) -> Bool {
        (1...255).contains(id.utf8.count) && id != "." && id != ".." && !id.utf8.contains(UInt8(ascii: "/"))
            && !id.utf8.contains(0)
    }

    private static func containerd(_ id: String) -> [RuntimeStateFile] {
        let roots = [
            "/run/containerd", "/run/k3s/containerd", "/run/k0s/containerd",
            "/var/snap/microk8s/common/run/containerd",
        ]
        return roots.flatMap { root in
            ["k8s.io", "default"].map { namespace in
                RuntimeStateFile(
                    .bundle, .containerd, root: root,
                    path: "io.containerd.runtime.v2.task/\(namespace)/\(id)/config.json")
            }
        }
    }

    private static func docker(_ id: String) -> [RuntimeStateFile] {
        let roots = ["/var/lib/docker", "/var/snap/docker/common/var-lib-docker"]
        let described = roots.map {
            RuntimeStateFile(.docker, .docker, root: $0, path: "containers/\(id)/config.v2.json")
        }
        // With the state elsewhere there is still the bundle: it does not name the container, but whose it is.
        return described
            + ["/run/containerd", "/run/docker/containerd/daemon"].map { root in
                RuntimeStateFile(
                    .bundle, .docker, root: root, path: "io.containerd.runtime.v2.task/moby/\(id)/config.json")
            }
    }

    private static let storageDrivers = ["overlay", "vfs", "btrfs", "zfs"]

    private static func storage(
        _ runtime: CgroupPath.Runtime?, _ id: String, user: User? = nil
    ) -> [RuntimeStateFile] {
        let (lasting, running) = storageRoots(user)
        return storageDrivers.flatMap { driver in
            [running, lasting].compactMap(\.self).map { place in
                RuntimeStateFile(
                    .storage(driver: driver), runtime, root: place.root,
                    path: "\(place.path)\(driver)-containers/\(id)/userdata/config.json")
            }
        }
    }

    private static func runc(_ id: String) -> [RuntimeStateFile] {
        [
            RuntimeStateFile(.runc, .runc, root: "/run/runc", path: "\(id)/state.json"),
            RuntimeStateFile(.runc, .containerd, root: "/run/containerd/runc", path: "k8s.io/\(id)/state.json"),
            RuntimeStateFile(.runc, .containerd, root: "/run/containerd/runc", path: "default/\(id)/state.json"),
            RuntimeStateFile(.runc, .docker, root: "/run/docker/runtime-runc", path: "moby/\(id)/state.json"),
        ]
    }

    private static func crun(_ id: String) -> [RuntimeStateFile] {
        [
            RuntimeStateFile(.bundle, .crun, root: "/run/crun", path: "\(id)/config.json"),
            RuntimeStateFile(.crun, .crun, root: "/run/crun", path: "\(id)/status"),
        ]
    }

    private static func rootless(
        runtime: CgroupPath.Runtime?, id: String, user: User
    ) -> [RuntimeStateFile] {
        let run = "/run/user/\(user.id)"
        let podman = storage(.podman, id, user: user)
        let docker = [user.home].compactMap(\.self).map {
            RuntimeStateFile(.docker, .docker, root: $0, path: ".local/share/docker/containers/\(id)/config.v2.json")
        }
        let runc = [RuntimeStateFile(.runc, .runc, root: run, path: "runc/\(id)/state.json")]
        let crun = [
            RuntimeStateFile(.bundle, .crun, root: run, path: "crun/\(id)/config.json"),
            RuntimeStateFile(.crun, .crun, root: run, path: "crun/\(id)/status"),
        ]
        return switch runtime {
        case .podman: podman
        case .docker: docker
        case .runc: runc
        case .crun: crun
        // Their state is in a mount namespace of the user's.
        case .containerd, .crio, .lxc: []
        case nil: podman + docker + runc + crun
        }
    }

    // MARK: What completes it

    /// A file below a runtime's root that tells of all containers or images.
    package struct List: Sendable, Hashable {
        package var root: String
        package var path: String
    }

    /// Names and images of the containers of containers/storage: of those that last, then of those that end with the
    /// machine.
    package static func storageContainers(driver: String, user: User?) -> [List] {
        let (lasting, running) = storageRoots(user)
        return [
            lasting.map { List(root: $0.root, path: "\($0.path)\(driver)-containers/containers.json") },
            List(root: running.root, path: "\(running.path)\(driver)-containers/volatile-containers.json"),
        ].compactMap(\.self)
    }

    /// Names and digests of the images of containers/storage.
    package static func storageImages(driver: String, user: User?) -> List? {
        let (lasting, _) = storageRoots(user)
        return lasting.map { List(root: $0.root, path: "\($0.path)\(driver)-images/images.json") }
    }

    /// Docker's names and digests of images, for a container that is described by this file.
    package func repositories(driver: String) -> List? {
        guard format == .docker, Self.isFileName(driver) else { return nil }
        let directory = path.split(separator: "/").dropLast(3).map { $0 + "/" }.joined()
        return List(root: root, path: "\(directory)image/\(driver)/repositories.json")
    }

    private static func storageRoots(_ user: User?) -> (lasting: List?, running: List) {
        guard let user else {
            return (
                List(root: "/var/lib/containers/storage", path: ""), List(root: "/run/containers/storage", path: "")
            )
        }
        return (
            user.home.map { List(root: $0, path: ".local/share/containers/storage/") },
            List(root: "/run/user/\(user.id)", path: "containers/")
        )
    }
}
