// SPDX-License-Identifier: Apache-2.0

/// What one pod object says by itself: all of its identity but who owns its owner.
struct ObservedPod: Sendable, Equatable {
    /// Its `controller` is the pod itself until the owner is resolved.
    var identity: PodIdentity
    /// Whom the pod says it is managed by; nobody for bare and static pods, which are their own.
    var manager: ObjectMetadata.Manager
    /// Where it runs; empty where it does not say.
    var node: String
    /// It has the marks of a static pod's mirror and is none: taken for what it is besides, a pod like others.
    var isFalseMirror: Bool

    /// nil: nobody, or it is not to be read who.
    var owner: ObjectReference? { if case .object(let reference) = manager { reference } else { nil } }

    /// nil: no pod that can be attributed (no UID, name or namespace).
    init?(_ pod: PodObject, choices: WorkloadChoices) {
        let metadata = pod.metadata
        guard let uid = metadata.uid, let name = metadata.name, let namespace = metadata.namespace,
            !uid.isEmpty, !name.isEmpty, !namespace.isEmpty
        else { return nil }
        let hash = Self.manifestHash(pod)
        let isStatic = hash != nil
        let node = pod.spec?.nodeName ?? ""
        let ownName = isStatic ? Self.name(name, withoutNode: node) : Self.lastingName(metadata, choices) ?? name
        var identity = PodIdentity(
            uid: uid, namespace: namespace, name: name, cgroupUID: hash,
            controller: PodIdentity.Owner(group: "", kind: "Pod", name: ownName, uid: uid))
        identity.revision = metadata.label("controller-revision-hash") ?? metadata.label("pod-template-hash") ?? ""
        identity.serviceAccount = pod.spec?.serviceAccountName ?? ""
        identity.usesHostNetwork = pod.spec?.hostNetwork ?? false
        identity.usesHostPID = pod.spec?.hostPID ?? false
        identity.runtimeClass = pod.spec?.runtimeClassName
        identity.tokens = pod.tokens
        identity.labels = choices.labels(of: metadata)
        identity.containers = pod.containers
        self.identity = identity
        manager = isStatic ? .nobody : metadata.manager
        self.node = node
        isFalseMirror = !isStatic && Self.hasMarksOfMirror(metadata)
    }

    /// What an object that somebody made anew is called each time: by a chosen label, else by the name it was
    /// generated from; nil where it has neither.
    static func lastingName(_ metadata: ObjectMetadata, _ choices: WorkloadChoices) -> String? {
        if !choices.subjectLabel.isEmpty, let name = metadata.label(choices.subjectLabel) { return name }
        guard var name = metadata.generateName else { return nil }
        while name.hasSuffix("-") { name.removeLast() }
        return name.isEmpty ? nil : name
    }

    /// What the kubelet calls a pod that it made from a manifest of its own, where this is the mirror of one; else nil.
    ///
    /// Whoever may make pods may annotate them as he likes, and would have another's cgroups. So the hash has the form
    /// of one, which no pod's UID has, and there is no ServiceAccount: the API server admits no mirror with one, and
    /// none that becomes a mirror later.
    private static func manifestHash(_ pod: PodObject) -> String? {
        guard let hash = pod.metadata.annotation("kubernetes.io/config.mirror"),
            hash == pod.metadata.annotation("kubernetes.io/config.hash"), hash.utf8.count == 32,
            hash.utf8.allSatisfy({ isHexadecimal($0) }), pod.spec?.serviceAccountName?.isEmpty ?? true
        else { return nil }
        return hash
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    private static func hasMarksOfMirror(_ metadata: ObjectMetadata) -> Bool {
        let source = metadata.annotation("kubernetes.io/config.source")
        return source == "file" || source == "http" || metadata.annotation("kubernetes.io/config.mirror") != nil
    }

    /// The kubelet puts the node's name behind a static pod's.
    private static func name(_ name: String, withoutNode node: String) -> String {
        let suffix = "-" + node.lowercased()
        guard !node.isEmpty, name.hasSuffix(suffix), name.utf8.count > suffix.utf8.count else { return name }
        return String(name.dropLast(suffix.count))
    }
}
