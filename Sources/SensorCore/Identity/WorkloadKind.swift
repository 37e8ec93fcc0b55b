// SPDX-License-Identifier: Apache-2.0

/// Kinds of workloads as people write them.
enum WorkloadKind {
    /// What a written kind stands for: a pattern, in either case, or one of the short names of `kubectl`.
    static func pattern(_ written: String) -> Glob {
        Glob(shortNames[written.lowercased()] ?? written, ignoringCase: true)
    }

    private static let shortNames = [
        "deploy": "Deployment", "deployments": "Deployment", "ds": "DaemonSet", "daemonsets": "DaemonSet",
        "sts": "StatefulSet", "statefulsets": "StatefulSet", "rs": "ReplicaSet", "replicasets": "ReplicaSet",
        "rc": "ReplicationController", "cj": "CronJob", "cronjobs": "CronJob", "jobs": "Job", "po": "Pod",
        "pods": "Pod",
    ]
}
