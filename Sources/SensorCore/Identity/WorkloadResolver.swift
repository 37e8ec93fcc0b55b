// SPDX-License-Identifier: Apache-2.0

/// Puts together who a cgroup's owner is: from the cgroup's path, from what the container's runtime keeps on disk, from
/// the pods that the API server told of, and from the operator's own map, which wins.
///
/// Nothing is guessed: what no source says stays empty, and each part tells its source.
struct WorkloadResolver: ~Copyable {
    private let node: String
    private let trustDomain: String
    private let map: WorkloadMap
    private(set) var pods: PodTable
    /// Pods are followed at all: what belongs to one that is not known may become known.
    private(set) var followsPods = false
    private var cluster = (name: "", id: "")

    init(node: String, trustDomain: String, map: WorkloadMap, gonePods: Int) {
        self.node = node
        self.map = map
        self.trustDomain = trustDomain
        pods = PodTable(goneLimit: gonePods)
    }

    /// Of what other things are known after a change.
    enum Affected {
        case nothing
        /// What belongs to this pod, as cgroup paths call it.
        case pod(String)
        case everything
    }

    mutating func apply(_ change: ClusterChange) -> Affected {
        followsPods = true
        switch change {
        case .cluster(let name, let id):
            let told = (name: name.isEmpty ? id : name, id: id)
            defer { cluster = told }
            return cluster == told ? .nothing : .everything
        case .pod(let pod):
            return pods.set(pod) ? .pod(pod.cgroupUID) : .nothing
        case .removed(let uid):
            pods.remove(uid: uid)
            return .nothing
        case .synced, .stale:
            return .nothing
        }
    }

    /// Who owns a cgroup, and whether that is all there will be to know.
    ///
    /// - Parameters:
    ///   - runtime: what the container's runtime keeps of it.
    ///   - source: how the path was learnt.
    func resolve(
        _ path: CgroupPath, runtime: RuntimeContainer?, source: CgroupSource
    ) -> (identity: WorkloadIdentity, isComplete: Bool) {
        var identity = WorkloadIdentity(kind: "Host")
        identity.cgroup = path.ownerBytes
        identity.node = node
        identity.sources["cgroup"] = source.rawValue
        if let rule = map.rule(cgroup: path.ownerBytes, executable: nil) {
            return (WorkloadResolver.mapped(identity, to: rule.workload), true)
        }
        switch path.owner {
        case .host:
            return (identity, true)
        case .systemdUnit(let unit):
            identity.kind = "SystemdUnit"
            identity.name = Self.name(unit.name, of: unit.userID)
            return (identity, true)
        case .pod(let uid):
            guard followsPods else {
                identity.kind = "Unknown"
                identity.pod = .init(uid: uid)
                return (identity, true)
            }
            return resolve(identity, pod: uid, container: nil, runtime: nil)
        case .container(let container):
            let known = Self.believed(runtime, of: container)
            describe(container, known, in: &identity)
            if followsPods, let uid = container.podUID {
                return resolve(identity, pod: uid, container: container, runtime: known)
            }
            if followsPods, let uid = Self.podUID(path, runtime) {
                let containers = pods.find(cgroupUID: uid)?.containers ?? []
                guard containers.contains(where: { $0.ids.contains(container.id) }) else {
                    identity.kind = "Unknown"
                    return (identity, false)
                }
                return resolve(identity, pod: uid, container: container, runtime: known)
            }
            identity.kind = "Container"
            let name = known?.name ?? ""
            identity.name = Self.name(name.isEmpty ? container.id : name, of: container.userID)
            identity.pod = container.podUID.map { .init(name: known?.pod?.name ?? "", uid: $0) }
            return (identity, true)
        }
    }

    /// The pod that a cgroup is of, as far as its path and its runtime tell.
    ///
    /// The path alone is proof. Where the kubelet makes no cgroups of pods, the runtime's word is a claim, which the
    /// pod's status has to confirm; of what an unprivileged user runs it is not even that, since his are the files.
    static func podUID(_ path: CgroupPath, _ runtime: RuntimeContainer?) -> String? {
        guard case .container(let container) = path.owner, container.podUID == nil else { return path.podUID }
        guard container.userID == nil, let uid = runtime?.pod?.uid, !uid.isEmpty else { return nil }
        return uid
    }

    /// What a runtime keeps of a container, without what only a pod's has: outside of pods an image's labels or
    /// whoever starts a container can say so of any.
    private static func believed(
        _ runtime: RuntimeContainer?, of container: CgroupPath.Container
    ) -> RuntimeContainer? {
        guard var runtime else { return nil }
        guard let uid = container.podUID else {
            runtime.pod = nil
            runtime.containerName = ""
            runtime.isSandbox = false
            return runtime
        }
        if let told = runtime.pod?.uid, !told.isEmpty, told != uid { runtime.pod = nil }
        return runtime
    }

    /// An unprivileged user may call his units and containers like the system's: they are other subjects.
    private static func name(_ name: String, of user: UInt32?) -> String {
        user.map { "user@\($0).service/\(name)" } ?? name
    }

    /// What the path and the runtime say of a container, API server or not.
    private func describe(
        _ container: CgroupPath.Container, _ runtime: RuntimeContainer?, in identity: inout WorkloadIdentity
    ) {
        var known = WorkloadIdentity.Container(id: container.id, runtime: container.runtime?.rawValue ?? "")
        identity.sources["container"] = "cgroup_path"
        if let runtime {
            if let name = runtime.runtime?.rawValue { known.runtime = name }
            known.name = runtime.containerName.isEmpty ? runtime.name : runtime.containerName
            known.image = runtime.image
            known.imageDigest = runtime.imageDigest
            if runtime.isSandbox { known.type = "pause" }
            identity.sources["container"] = "runtime_state"
        }
        identity.container = known
    }

    private func resolve(
        _ known: WorkloadIdentity, pod uid: String, container: CgroupPath.Container?, runtime: RuntimeContainer?
    ) -> (identity: WorkloadIdentity, isComplete: Bool) {
        var identity = known
        guard let pod = pods.find(cgroupUID: uid) else {
            // Whose it is nobody has said; its runtime may have told what it is.
            identity.kind = "Unknown"
            identity.namespace = runtime?.pod?.namespace ?? ""
            identity.pod = .init(name: runtime?.pod?.name ?? "", uid: uid)
            identity.sources["pod"] = runtime?.pod == nil ? "cgroup_path" : "runtime_state"
            return (identity, false)
        }
        identity.cluster = cluster.name
        identity.clusterID = cluster.id
        identity.namespace = pod.namespace
        identity.group = pod.controller.group
        identity.kind = pod.controller.kind
        identity.name = pod.controller.name
        identity.uid = pod.controller.uid
        identity.revision = pod.revision
        identity.ownerChain = pod.ownerChain.map(Self.text)
        identity.pod = .init(name: pod.name, uid: pod.uid)
        identity.pod?.usesHostNetwork = pod.usesHostNetwork
        identity.pod?.usesHostPID = pod.usesHostPID
        identity.pod?.runtimeClass = pod.runtimeClass ?? ""
        identity.serviceAccount = pod.serviceAccount
        if !pod.serviceAccount.isEmpty, !trustDomain.isEmpty {
            identity.spiffeID = "spiffe://\(trustDomain)/ns/\(pod.namespace)/sa/\(pod.serviceAccount)"
            identity.spiffeIDSource = "derived"
        }
        identity.labels = pod.labels
        identity.sources["pod"] = pod.source.rawValue
        identity.sources["owner"] = pod.controllerSource.rawValue
        guard let container, runtime?.isSandbox != true else { return (identity, true) }
        // Its id is the surest; a container that has just begun stands in no status yet, but its runtime has its name.
        let byID = pod.containers.first { $0.ids.contains(container.id) }
        let byName = pod.containers.first { $0.name == runtime?.containerName }
        guard let found = byID ?? byName else { return (identity, false) }
        identity.container?.name = found.name
        identity.container?.type = found.role.rawValue
        identity.container?.tokens = pod.tokens.filter { $0.container == found.name }
            .map { .init(audience: $0.audience, path: $0.path) }
        // The status tells of the container that runs now; one before or after it may have another image.
        if found.ids.first == container.id {
            identity.container?.image = found.image
            identity.container?.imageDigest = found.imageDigest
        } else if identity.container?.image.isEmpty ?? false {
            identity.container?.image = found.image
        }
        if byID != nil { identity.sources["container"] = pod.source.rawValue }
        return (identity, true)
    }

    /// What the operator's map says of a process in a cgroup; nil if nothing.
    func mapped(_ workload: Workload, executable: ByteString) -> WorkloadDescription? {
        guard let rule = map.rule(cgroup: workload.path.ownerBytes, executable: executable) else { return nil }
        return WorkloadDescription(Self.mapped(workload.description.identity, to: rule.workload))
    }

    /// All workloads that the map has for programs in a workload's cgroup, whichever they are.
    func programs(of workload: Workload) -> [WorkloadDescription] {
        guard map.dependsOnExecutable else { return [] }
        return map.programRules(cgroup: workload.path.ownerBytes).map { rule in
            WorkloadDescription(Self.mapped(workload.description.identity, to: rule.workload))
        }
    }

    /// Whether the map tells a cgroup from the rest of what its owner has.
    func mapsApart(_ path: ByteString, from owner: ByteString) -> Bool { map.hasRules(below: owner, for: path) }

    /// Whether programs of one cgroup may be mapped to several workloads.
    var mapsExecutables: Bool { map.dependsOnExecutable }

    private static func mapped(_ known: WorkloadIdentity, to workload: WorkloadMap.Workload) -> WorkloadIdentity {
        var identity = WorkloadIdentity(kind: workload.kind)
        identity.cluster = workload.cluster
        identity.namespace = workload.namespace
        identity.group = workload.group
        identity.name = workload.name
        identity.pod = known.pod
        identity.container = known.container
        if !workload.container.isEmpty {
            identity.container = identity.container ?? .init(id: "")
            identity.container?.name = workload.container
        }
        identity.node = known.node
        identity.cgroup = known.cgroup
        identity.sources = known.sources
        identity.sources["owner"] = "workload_map"
        return identity
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
