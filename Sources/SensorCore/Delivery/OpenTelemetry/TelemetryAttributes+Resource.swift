// SPDX-License-Identifier: Apache-2.0

extension TelemetryAttributes {
    /// The workload that a record is of, as a resource; of a record that is of none, the node.
    init(_ record: PostureRecord) {
        self.init()
        switch record.body {
        case .toolCall(let call)?: self.init(call.workload, node: record.node)
        case .anomaly(let event)?: self.init(event.workload, node: record.node)
        default: self.init(record.subject, node: record.node)
        }
    }

    private init(_ subject: PostureSubject, node: String) {
        add("service.name", subject.name.isEmpty ? "sensord" : subject.name)
        add("k8s.cluster.uid", subject.cluster)
        add("k8s.namespace.name", subject.namespace)
        add(kind: subject.kind, subject.name)
        add("k8s.container.name", subject.container)
        add(node: node)
    }

    private init(_ workload: PostureWorkload, node: String) {
        add("service.name", workload.name.isEmpty ? "sensord" : workload.name)
        add("k8s.cluster.uid", workload.clusterID)
        add("k8s.cluster.name", workload.cluster)
        add("k8s.namespace.name", workload.namespace)
        add(kind: workload.kind, workload.name)
        add("k8s.pod.name", workload.pod.name)
        add("k8s.pod.uid", workload.pod.uid)
        add("k8s.container.name", workload.container.name)
        add("container.id", workload.container.id)
        add("container.image.name", workload.container.image)
        add(node: node)
    }

    private mutating func add(kind: String, _ name: String) {
        switch kind {
        case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob":
            add("k8s.\(kind.lowercased()).name", name)
        default: break
        }
        add("sensord.workload.kind", kind)
    }

    private mutating func add(node: String) {
        add("host.name", node)
        add("k8s.node.name", node)
    }
}
