// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// A pod of this node and the lasting controller that it belongs to: all that attribution wants to know of it.
///
/// Made by the side that talks to the API server, complete with its owner, and handed to the collecting thread, to
/// the cache on disk and to recordings as it is. Strings that the API leaves out are empty.
package struct PodIdentity: Sendable, Equatable, Codable {
    /// An object that owns another, as an owner reference names it.
    package struct Owner: Sendable, Equatable, Codable {
        /// API group without the version; empty for the core group.
        package var group: String
        package var kind: String
        package var name: String
        package var uid: String

        package init(group: String, kind: String, name: String, uid: String) {
            self.group = group
            self.kind = kind
            self.name = name
            self.uid = uid
        }
    }

    /// Where a piece of an identity was read.
    package enum Source: String, Sendable, Codable {
        /// A list or watch of this node's pods.
        case watch = "api_watch"
        /// A request for one object.
        case get = "api_get"
        /// The owner reference alone: the object that it names could not be read (gone, or not permitted).
        case reference = "owner_reference"
        /// What an earlier run kept on disk; the API server has not said it again.
        case cache
    }

    /// What runs in a pod beside others, each a subject of its own.
    package struct Container: Sendable, Equatable, Codable {
        package enum Role: String, Sendable, Codable {
            case main
            case initial = "init"
            /// An init container that restarts always, and so runs beside the main ones.
            case sidecar
            case ephemeral
        }

        package var name: String
        package var role: Role
        /// The ids without the runtime's scheme (`containerd://`): the running one first, then those it had before a
        /// restart as far as the status tells. Empty until the kubelet has reported one.
        package var ids: [String]
        /// As the status names the image of what runs, else as the spec does.
        package var image: String
        /// `sha256:…` of what really runs; empty until reported.
        package var imageDigest: String

        package init(name: String, role: Role, ids: [String] = [], image: String = "", imageDigest: String = "") {
            self.name = name
            self.role = role
            self.ids = ids
            self.image = image
            self.imageDigest = imageDigest
        }
    }

    /// A ServiceAccount token that the spec mounts.
    package struct ProjectedToken: Sendable, Equatable, Codable {
        /// Empty: the API server's own.
        package var audience: String
        /// Absolute, as the container sees it.
        package var path: String
        /// The container that mounts it.
        package var container: String

        package init(audience: String, path: String, container: String) {
            self.audience = audience
            self.path = path
            self.container = container
        }
    }

    package var uid: String
    package var namespace: String
    package var name: String
    /// What the kubelet calls the pod in cgroup paths: its UID, but for static pods the hash of their manifest
    /// (annotation `kubernetes.io/config.hash`), since the API server's mirror has a UID of its own.
    package var cgroupUID: String
    /// The subject: the first lasting controller. A bare pod is its own, with a name that lasts.
    package var controller: Owner
    package var controllerSource: Source
    /// What stands above the controller, nearest first.
    package var ownerChain: [Owner] = []
    /// Which rollout of the controller: `deployment.kubernetes.io/revision`, or its `controller-revision-hash` or
    /// `pod-template-hash`.
    package var revision = ""
    package var serviceAccount = ""
    package var usesHostNetwork = false
    package var usesHostPID = false
    /// Name of its RuntimeClass; nil: it has none, or is known from a time in which nobody asked.
    package var runtimeClass: String?
    package var tokens: [ProjectedToken] = []
    /// Labels and annotations that the configuration chose, of the pod and, with the prefix `namespace/`, of its
    /// namespace.
    package var labels: [String: String] = [:]
    package var containers: [Container] = []
    package var source: Source

    package init(
        uid: String, namespace: String, name: String, cgroupUID: String? = nil, controller: Owner,
        controllerSource: Source = .watch, source: Source = .watch
    ) {
        self.uid = uid
        self.namespace = namespace
        self.name = name
        self.cgroupUID = cgroupUID ?? uid
        self.controller = controller
        self.controllerSource = controllerSource
        self.source = source
    }
}

/// What the side that talks to the API server tells the collecting thread, in order.
package enum ClusterChange: Sendable, Equatable, Codable {
    /// Display name and id (the kube-system namespace's UID) of the cluster; empty what is not known.
    case cluster(name: String, id: String)
    /// A pod is new, or something of it has changed.
    case pod(PodIdentity)
    /// A pod is gone from the API server; its processes may outlive that for a while.
    case removed(uid: String)
    /// All pods that the API server knows of this node have been told.
    case synced
    /// The API server cannot be reached: what is known is used on.
    case stale
}

extension ClusterChange {
    /// As the cache on disk and recordings keep them.
    static func json(_ changes: [ClusterChange]) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Strings, numbers and arrays always have JSON.
        return (try? encoder.encode(changes)).map { Array($0) } ?? Array("[]".utf8)
    }

    /// nil for content of another shape.
    static func all(json: [UInt8]) -> [ClusterChange]? {
        try? JSONDecoder().decode([ClusterChange].self, from: Data(json))
    }
}
