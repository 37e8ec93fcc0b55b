// SPDX-License-Identifier: Apache-2.0

/// What one pod object says by itself: all of its identity but who owns its owner.
struct ObservedPod: Sendable, Equatable {
    /// Its `controller` is the pod itself until the owner is resolved.
    var identity: PodIdentity
    /// Whom the pod says it is managed by; nil for bare and static pods, which are their own.
    var owner: ObjectReference?

    /// nil: no pod that can be attributed (no UID, name or namespace).
    init?(_ pod: PodObject, choices: WorkloadChoices) {
        let metadata = pod.metadata
        guard let uid = metadata.uid, let name = metadata.name, let namespace = metadata.namespace,
            !uid.isEmpty, !name.isEmpty, !namespace.isEmpty
        else { return nil }
        let isStatic = Self.isStatic(metadata)
        let node = pod.spec?.nodeName ?? ""
        let ownName = isStatic ? Self.name(name, withoutNode: node) : Self.lastingName(metadata, choices) ?? name
        var identity = PodIdentity(
            uid: uid, namespace: namespace, name: name, cgroupUID: isStatic ? Self.manifestHash(metadata) : nil,
            controller: PodIdentity.Owner(group: "", kind: "Pod", name: ownName, uid: uid))
        identity.revision = metadata.label("controller-revision-hash") ?? metadata.label("pod-template-hash") ?? ""
        identity.serviceAccount = pod.spec?.serviceAccountName ?? ""
        identity.usesHostNetwork = pod.spec?.hostNetwork ?? false
        identity.usesHostPID = pod.spec?.hostPID ?? false
        identity.tokens = pod.tokens
        identity.labels = choices.labels(of: metadata)
        identity.containers = pod.containers
        self.identity = identity
        owner = isStatic ? nil : metadata.controller
    }

    /// What an object that somebody made anew is called each time: by a chosen label, else by the name it was
    /// generated from; nil where it has neither.
    static func lastingName(_ metadata: ObjectMetadata, _ choices: WorkloadChoices) -> String? {
        if !choices.subjectLabel.isEmpty, let name = metadata.label(choices.subjectLabel) { return name }
        guard var name = metadata.generateName else { return nil }
        while name.hasSuffix("-") { name.removeLast() }
        return name.isEmpty ? nil : name
    }

    /// Whether the kubelet made the pod from a manifest of its own, and the API server only shows its mirror.
    private static func isStatic(_ metadata: ObjectMetadata) -> Bool {
        if metadata.annotation("kubernetes.io/config.mirror") != nil { return true }
        let source = metadata.annotation("kubernetes.io/config.source")
        return source == "file" || source == "http" || metadata.controller?.kind == "Node"
    }

    private static func manifestHash(_ metadata: ObjectMetadata) -> String? {
        metadata.annotation("kubernetes.io/config.hash") ?? metadata.annotation("kubernetes.io/config.mirror")
    }

    /// The kubelet puts the node's name behind a static pod's.
    private static func name(_ name: String, withoutNode node: String) -> String {
        let suffix = "-" + node.lowercased()
        guard !node.isEmpty, name.hasSuffix(suffix), name.utf8.count > suffix.utf8.count else { return name }
        return String(name.dropLast(suffix.count))
    }
}
