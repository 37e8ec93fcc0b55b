// SPDX-License-Identifier: Apache-2.0

/// What posture is of: the same over rollouts, restarts, replicas and nodes.
package struct SubjectKey: Hashable, Sendable, Comparable {
    /// The cluster's UID; empty off Kubernetes, and where it is not known.
    package var cluster: String
    package var namespace: String
    /// API group of the kind.
    package var group: String
    package var kind: String
    package var name: String
    package var container: String
    package var containerType: String

    package init(
        cluster: String = "", namespace: String = "", group: String = "", kind: String, name: String = "",
        container: String = "", containerType: String = ""
    ) {
        self.cluster = cluster
        self.namespace = namespace
        self.group = group
        self.kind = kind
        self.name = name
        self.container = container
        self.containerType = containerType
    }

    init(_ identity: WorkloadIdentity) {
        self.init(
            cluster: identity.clusterID, namespace: identity.namespace, group: identity.group, kind: identity.kind,
            name: identity.name, container: identity.container?.name ?? "",
            containerType: identity.container?.type ?? "")
    }

    /// It will not come back: nobody gives this name again.
    package var isPassing: Bool { kind == "Container" && namespace.isEmpty }

    /// The same in every process.
    var stableHash: UInt64 { StableHash.of(Array(parts.joined(separator: "\0").utf8)) }

    private var parts: [String] { [cluster, namespace, group, kind, name, container, containerType] }

    package static func < (one: Self, other: Self) -> Bool { one.parts.lexicographicallyPrecedes(other.parts) }
}
