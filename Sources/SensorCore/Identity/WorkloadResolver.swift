// SPDX-License-Identifier: Apache-2.0

/// Puts together who a cgroup's owner is: from the cgroup's path, from the pods that the API server told of, and from
/// what is fixed for this node.
///
/// Nothing is guessed: what no source says stays empty, and each part tells its source.
struct WorkloadResolver: ~Copyable {
    private let node: String
    private let trustDomain: String
    private(set) var pods: PodTable
    /// Pods are followed at all: what belongs to one that is not known may become known.
    private(set) var followsPods = false
    private var cluster = ""

    init(node: String, trustDomain: String, gonePods: Int) {
        self.node = node
        self.trustDomain = trustDomain
        pods = PodTable(goneLimit: gonePods)
    }

    /// - Returns: the pod, as cgroup paths call it, of which other things are known now; nil if it is about none.
    mutating func apply(_ change: ClusterChange) -> String? {
        followsPods = true
        switch change {
        case .cluster(let name, let id):
            cluster = name.isEmpty ? id : name
            return nil
        case .pod(let pod):
            pods.set(pod)
            return pod.cgroupUID
        case .removed(let uid):
            pods.remove(uid: uid)
            return nil
        case .synced, .stale:
            return nil
        }
    }

    /// Who owns a cgroup, and whether that is all there will be to know.
    ///
    /// - Parameter source: how the path was learnt.
    func resolve(_ path: CgroupPath, source: CgroupSource) -> (identity: WorkloadIdentity, isComplete: Bool) {
        var identity = WorkloadIdentity(kind: "Host")
        identity.cgroup = ByteString(path.ownerPath)
        identity.node = node
        identity.sources["cgroup"] = source.rawValue
        switch path.owner {
        case .host:
            return (identity, true)
        case .systemdUnit(let unit):
            identity.kind = "SystemdUnit"
            identity.name = unit.name
            return (identity, true)
        case .pod(let uid):
            guard followsPods else {
                identity.kind = "Unknown"
                identity.pod = .init(uid: uid)
                return (identity, true)
            }
            return resolve(identity, pod: uid, containerID: nil)
        case .container(let container):
            identity.container = .init(id: container.id, runtime: container.runtime?.rawValue ?? "")
            identity.sources["container"] = "cgroup_path"
            guard let uid = container.podUID, followsPods else {
                identity.kind = "Container"
                identity.name = container.id
                identity.pod = container.podUID.map { .init(uid: $0) }
                return (identity, true)
            }
            return resolve(identity, pod: uid, containerID: container.id)
        }
    }

    private func resolve(
        _ known: WorkloadIdentity, pod uid: String, containerID: String?
    ) -> (identity: WorkloadIdentity, isComplete: Bool) {
        var identity = known
        identity.sources["pod"] = "cgroup_path"
        guard let pod = pods.find(cgroupUID: uid) else {
            identity.kind = "Unknown"
            identity.pod = .init(uid: uid)
            return (identity, false)
        }
        identity.cluster = cluster
        identity.namespace = pod.namespace
        identity.group = pod.controller.group
        identity.kind = pod.controller.kind
        identity.name = pod.controller.name
        identity.uid = pod.controller.uid
        identity.revision = pod.revision
        identity.ownerChain = pod.ownerChain.map(Self.text)
        identity.pod = .init(name: pod.name, uid: pod.uid)
        identity.serviceAccount = pod.serviceAccount
        if !pod.serviceAccount.isEmpty, !trustDomain.isEmpty {
            identity.spiffeID = "spiffe://\(trustDomain)/ns/\(pod.namespace)/sa/\(pod.serviceAccount)"
            identity.spiffeIDSource = "derived"
        }
        identity.labels = pod.labels
        identity.sources["pod"] = pod.source.rawValue
        identity.sources["owner"] = pod.controllerSource.rawValue
        guard let containerID else { return (identity, true) }
        guard let container = pod.containers.first(where: { $0.ids.contains(containerID) }) else {
            return (identity, false)
        }
        identity.container?.name = container.name
        identity.container?.type = container.role.rawValue
        identity.container?.image = container.image
        // The status tells of the container that runs now; one before it may have had another image.
        if container.ids.first == containerID { identity.container?.imageDigest = container.imageDigest }
        identity.sources["container"] = pod.source.rawValue
        return (identity, true)
    }

    private static func text(_ owner: PodIdentity.Owner) -> String {
        owner.group.isEmpty ? "\(owner.kind)/\(owner.name)" : "\(owner.kind).\(owner.group)/\(owner.name)"
    }
}

/// How a cgroup's path was learnt.
package enum CgroupSource: String, Sendable {
    /// The kernel told when it was made.
    case created = "cgroup_mkdir"
    /// It was there when the sensor started.
    case scan = "cgroup_scan"
    /// A process was found in it.
    case process = "proc"
}
