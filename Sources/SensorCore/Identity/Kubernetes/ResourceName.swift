// SPDX-License-Identifier: Apache-2.0

/// What a kind is called in paths.
struct ResourceName: Sendable, Equatable {
    var plural: String
    var isNamespaced = true

    /// Those that own pods as a rule: no need to ask for them.
    static func builtIn(_ reference: ObjectReference) -> ResourceName? {
        switch (reference.group, reference.kind) {
        case ("apps", "ReplicaSet"): ResourceName(plural: "replicasets")
        case ("apps", "Deployment"): ResourceName(plural: "deployments")
        case ("apps", "StatefulSet"): ResourceName(plural: "statefulsets")
        case ("apps", "DaemonSet"): ResourceName(plural: "daemonsets")
        case ("batch", "Job"): ResourceName(plural: "jobs")
        case ("batch", "CronJob"): ResourceName(plural: "cronjobs")
        case ("", "ReplicationController"): ResourceName(plural: "replicationcontrollers")
        case ("", "Pod"): ResourceName(plural: "pods")
        case ("", "Node"): ResourceName(plural: "nodes", isNamespaced: false)
        default: nil
        }
    }
}

/// What the server says that a group and version holds.
struct APIResourceList: Decodable, Sendable {
    struct Resource: Decodable, Sendable {
        @Lenient var name: String?
        @Lenient var kind: String?
        @Lenient var namespaced: Bool?
    }

    @Lenient var resources: LenientList<Resource>?

    /// The kinds by name. Subresources (`rollouts/status`) are no kinds of their own.
    var names: [String: ResourceName] {
        let pairs = (resources?.elements ?? []).compactMap { resource -> (String, ResourceName)? in
            guard let name = resource.name, let kind = resource.kind, !name.contains("/") else { return nil }
            return (kind, ResourceName(plural: name, isNamespaced: resource.namespaced ?? true))
        }
        return Dictionary(pairs) { first, _ in first }
    }
}
