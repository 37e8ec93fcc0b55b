// SPDX-License-Identifier: Apache-2.0

/// Who an event is credited to, in all the words that are known of it. What is not known is empty.
package struct WorkloadIdentity: Sendable, Equatable {
    package struct Pod: Sendable, Equatable {
        package var name: String
        package var uid: String
        /// Its processes are in the node's own network, or process, namespace.
        package var usesHostNetwork = false
        package var usesHostPID = false
        /// Name of its RuntimeClass; empty: it has none, or nobody knows.
        package var runtimeClass = ""

        package init(name: String = "", uid: String) {
            self.name = name
            self.uid = uid
        }
    }

    /// A ServiceAccount token, as a file of a container.
    package struct Token: Sendable, Equatable {
        /// Empty: the API server's own.
        package var audience: String
        /// Absolute, as the container sees it.
        package var path: String

        package init(audience: String, path: String) {
            self.audience = audience
            self.path = path
        }
    }

    /// The container that the process runs in.
    package struct Container: Sendable, Equatable {
        package var id: String
        /// What runs it: `docker`, `podman`, `containerd`, `crio`.
        package var runtime: String
        package var name: String
        /// `main`, `init`, `sidecar`, `ephemeral`, or `pause` for the one that only holds a pod's namespaces.
        package var type: String
        package var image: String
        /// `sha256:…`
        package var imageDigest: String
        /// That the pod's spec has it mount.
        package var tokens: [Token] = []

        package init(
            id: String, runtime: String = "", name: String = "", type: String = "", image: String = "",
            imageDigest: String = ""
        ) {
            self.id = id
            self.runtime = runtime
            self.name = name
            self.type = type
            self.image = image
            self.imageDigest = imageDigest
        }
    }

    /// Display name of the cluster.
    package var cluster = ""
    /// UID of the cluster's kube-system namespace: with it subjects are told apart, whatever clusters are called.
    package var clusterID = ""
    package var namespace = ""
    /// API group of the kind.
    package var group = ""
    /// Of the first lasting controller; off Kubernetes `SystemdUnit`, `Container` or `Host`; `Unknown`.
    package var kind: String
    /// With `kind`, what `--workload KIND/NAME` matches; empty for the host and the unknown.
    package var name = ""
    package var uid = ""
    package var revision = ""
    /// What stands above the workload, nearest first: `KIND.GROUP/NAME`.
    package var ownerChain: [String] = []
    package var pod: Pod?
    package var container: Container?
    package var serviceAccount = ""
    package var spiffeID = ""
    /// How the SPIFFE id was found: `derived`, or read from where it was issued.
    package var spiffeIDSource = ""
    package var node = ""
    package var labels: [String: String] = [:]
    /// Path in the cgroup hierarchy.
    package var cgroup: ByteString = ""
    /// Where each part comes from, by the part's name: `cgroup`, `container`, `pod`, `owner`.
    package var sources: [String: String] = [:]

    package init(kind: String) { self.kind = kind }
}
