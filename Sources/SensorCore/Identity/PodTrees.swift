// SPDX-License-Identifier: Apache-2.0

/// Which trees of pods are a kubelet's own.
///
/// Whoever was given a cgroup, a service with `Delegate=` or the root of a container, can make a tree below it that reads
/// like a kubelet's, with the UID of any pod. Above all containers and units only root can.
package struct PodTrees: Sendable, Equatable {
    /// All that read like one.
    package static let all = PodTrees(own: nil, below: [Glob("*")])

    /// The cgroup of the sensor itself, below the hierarchy's root; nil if not known.
    private let own: ByteString?
    private let below: [Glob]

    /// Those above all containers and units, those of services that run kubelets and runtimes, and those in what the
    /// sensor itself runs in: the container that is a node of kind.
    ///
    /// - Parameters:
    ///   - own: the sensor's own cgroup, below the hierarchy's root; nil if not known.
    ///   - below: cgroups of other containers and units that are nodes.
    package init(own: ByteString?, below: [Glob] = []) {
        self.own = own
        self.below = below
    }

    /// - Parameter holder: the outermost container, service or scope that the tree lies in; nil: it lies in none.
    func believes(holder: ByteString?) -> Bool {
        guard let holder else { return true }
        if below.contains(where: { $0.matches(holder.bytes) }) { return true }
        if let own, own == holder || own.bytes.starts(with: holder.bytes + [UInt8(ascii: "/")]) { return true }
        return Self.services.contains(holder.text)
    }

    /// A runtime that drives cgroups itself but is given systemd's names makes the pods' cgroups below its own.
    private static let services = Set(
        [
            "containerd", "crio", "docker", "kubelet", "k3s", "k3s-agent", "rke2-server", "rke2-agent", "k0scontroller",
            "k0sworker", "snap.microk8s.daemon-containerd", "snap.microk8s.daemon-kubelite",
        ].map { "/system.slice/\($0).service" })
}
