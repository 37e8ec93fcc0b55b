// SPDX-License-Identifier: Apache-2.0

/// Pods and their owners as real clusters show them, cut down to what a reader could trip over.
package struct PodFixture: Sendable {
    package struct Owner: Sendable {
        package var apiVersion: String
        package var kind: String
        package var name: String
        package var uid: String

        package init(apiVersion: String, kind: String, name: String, uid: String) {
            self.apiVersion = apiVersion
            self.kind = kind
            self.name = name
            self.uid = uid
        }

        package static func replicaSet(_ name: String, _ uid: String) -> Owner {
            Owner(apiVersion: "apps/v1", kind: "ReplicaSet", name: name, uid: uid)
        }

        package var json: String {
            #"{"apiVersion":"\#(apiVersion)","kind":"\#(kind)","name":"\#(name)","uid":"\#(uid)","controller":true,"blockOwnerDeletion":true}"#
        }
    }

    package var uid: String
    package var name: String
    package var namespace = "agents"
    package var generateName: String?
    package var labels: [String: String] = [:]
    package var annotations: [String: String] = [:]
    package var owner: Owner?
    /// The whole of `spec` but for the node, and of `status`.
    package var spec = PodFixture.plainSpec
    package var status = PodFixture.plainStatus

    package static let plainSpec = """
        "volumes":[{"name":"kube-api-access-x7k2p","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,\
        "path":"token"}},{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt","path":"ca.crt"}]}},{"downwardAPI":\
        {"items":[{"path":"namespace","fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}],"defaultMode":420}}],\
        "containers":[{"name":"main","image":"registry.test/planner:1.4","ports":[{"containerPort":8080,"protocol":"TCP"}],\
        "resources":{},"volumeMounts":[{"name":"kube-api-access-x7k2p","readOnly":true,\
        "mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}],"imagePullPolicy":"IfNotPresent"}],\
        "restartPolicy":"Always","serviceAccountName":"planner","serviceAccount":"planner","schedulerName":"default-scheduler",\
        "tolerations":[{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute","tolerationSeconds":300}]
        """

    package static let plainStatus = """
        "phase":"Running","podIP":"10.244.1.7","qosClass":"BestEffort","containerStatuses":[{"name":"main",\
        "state":{"running":{"startedAt":"2026-11-21T10:00:00Z"}},"lastState":{},"ready":true,"restartCount":0,\
        "image":"registry.test/planner:1.4","imageID":"registry.test/planner@sha256:0a1b","containerID":"containerd://c0ffee",\
        "started":true}]
        """

    package init(_ uid: String, _ name: String, owner: Owner? = nil) {
        self.uid = uid
        self.name = name
        self.owner = owner
    }

    package var json: String {
        func map(_ entries: [String: String]) -> String {
            "{" + entries.sorted { $0.key < $1.key }.map { #""\#($0.key)":"\#($0.value)""# }.joined(separator: ",")
                + "}"
        }
        let generated = generateName.map { #""generateName":"\#($0)","# } ?? ""
        let owners = owner.map { #","ownerReferences":[\#($0.json)]"# } ?? ""
        return """
            {"metadata":{"name":"\(name)",\(generated)"namespace":"\(namespace)","uid":"\(uid)","resourceVersion":"VERSION",\
            "creationTimestamp":"2026-11-21T10:00:00Z","labels":\(map(labels)),"annotations":\(map(annotations))\(owners),\
            "managedFields":[{"manager":"kubelet","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1",\
            "fieldsV1":{"f:status":{"f:conditions":{}}}}]},"spec":{"nodeName":"n1",\(spec)},"status":{\(status)}}
            """
    }

    /// An object as its metadata alone.
    package static func metadata(
        _ uid: String, _ name: String, owner: Owner? = nil, generateName: String? = nil,
        annotations: [String: String] = [:], labels: [String: String] = [:]
    ) -> String {
        func map(_ entries: [String: String]) -> String {
            "{" + entries.sorted { $0.key < $1.key }.map { #""\#($0.key)":"\#($0.value)""# }.joined(separator: ",")
                + "}"
        }
        let generated = generateName.map { #","generateName":"\#($0)""# } ?? ""
        let owners = owner.map { #","ownerReferences":[\#($0.json)]"# } ?? ""
        return """
            {"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"\(name)","uid":"\(uid)",\
            "resourceVersion":"7","creationTimestamp":"2026-11-21T09:00:00Z"\(generated),"labels":\(map(labels)),\
            "annotations":\(map(annotations))\(owners)}}
            """
    }

    /// A Deployment's pod with the objects above it.
    package static func deployment(_ index: Int = 0, name: String = "planner") -> (
        pod: PodFixture, objects: [String: String]
    ) {
        var pod = PodFixture(
            "pod-\(name)-\(index)", "\(name)-7c9d-\(index)", owner: .replicaSet("\(name)-7c9d", "rs-\(name)"))
        pod.generateName = "\(name)-7c9d-"
        pod.labels = ["app": name, "pod-template-hash": "7c9d"]
        let objects = [
            "/apis/apps/v1/namespaces/agents/replicasets/\(name)-7c9d": metadata(
                "rs-\(name)", "\(name)-7c9d",
                owner: Owner(apiVersion: "apps/v1", kind: "Deployment", name: name, uid: "dep-\(name)"),
                annotations: ["deployment.kubernetes.io/revision": "3"]),
            "/apis/apps/v1/namespaces/agents/deployments/\(name)": metadata("dep-\(name)", name),
        ]
        return (pod, objects)
    }

    package static let kubeSystem = ["/api/v1/namespaces/kube-system": metadata("cluster-uid", "kube-system")]
}
