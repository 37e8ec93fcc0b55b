// SPDX-License-Identifier: Apache-2.0

/// What an event is credited to: the thing that someone deployed, started or runs.
///
/// Immutable, and its JSON is rendered once, when it is made.
package final class WorkloadDescription: Sendable {
    /// The container that the process runs in.
    package struct Container: Sendable, Equatable {
        package var id: String
        /// What runs it, as its cgroup path tells: `docker`, `podman`, `containerd`, `crio`; empty if it does not.
        package var runtime: String
        package var name: String

        package init(id: String, runtime: String = "", name: String = "") {
            self.id = id
            self.runtime = runtime
            self.name = name
        }
    }

    /// `SystemdUnit`, `Container`, `Host`, `Unknown`; in a cluster the kind of the owner.
    package let kind: String
    /// With `kind`, what `--workload KIND/NAME` matches; empty for the host and the unknown.
    package let name: String
    /// Path in the cgroup hierarchy; empty if unknown.
    package let cgroup: ByteString
    package let container: Container?
    package let node: String

    /// `"workload":{` … `}`
    let fragment: [UInt8]

    package init(
        kind: String, name: String = "", cgroup: ByteString = "", container: Container? = nil, node: String = ""
    ) {
        self.kind = kind
        self.name = name
        self.cgroup = cgroup
        self.container = container
        self.node = node

        var json = JSONText()
        json.append("\"workload\":{\"kind\":")
        json.append(string: kind)
        json.append(text: ",\"name\":", name)
        if let container {
            json.append(",\"container\":")
            let start = json.bytes.count
            json.append(text: ",\"name\":", container.name)
            json.append(text: ",\"id\":", container.id)
            json.append(text: ",\"runtime\":", container.runtime)
            json.closeObject(startedAt: start)
        }
        json.append(text: ",\"node\":", node)
        json.append(field: ",\"cgroup\":", orBytes: ",\"cgroupBytes\":", cgroup)
        json.append("}")
        fragment = json.bytes.array
    }

    /// For what cannot be told (yet) whose it is.
    package static func unknown(cgroup: ByteString = "") -> WorkloadDescription {
        WorkloadDescription(kind: "Unknown", cgroup: cgroup)
    }
}
