// SPDX-License-Identifier: Apache-2.0

/// What an event is credited to: the thing that someone deployed, started or runs.
///
/// Immutable, and its JSON is rendered once, when it is made.
package final class WorkloadDescription: Sendable {
    package typealias Container = WorkloadIdentity.Container

    package let identity: WorkloadIdentity

    /// `"workload":{` … `}`
    let fragment: [UInt8]
    /// Whose it is cannot be told (yet).
    package let isUnknown: Bool

    /// It is known whose it is, and of a pod's container which one: both are what a workload is known by.
    package let isAttributed: Bool
    package let attribution: AttributionMethod

    package init(_ identity: WorkloadIdentity) {
        self.identity = identity
        isUnknown = identity.kind == Self.unknownKind
        let isNameless = identity.pod != nil && identity.container?.name.isEmpty ?? false
        let isNamed = !isNameless || identity.kind == "Container" || identity.container?.type == "pause"
        isAttributed = !isUnknown && isNamed
        attribution = isAttributed ? AttributionMethod(identity) : .none
        fragment = Self.render(identity)
    }

    package convenience init(
        kind: String, name: String = "", cgroup: ByteString = "", container: Container? = nil, node: String = ""
    ) {
        var identity = WorkloadIdentity(kind: kind)
        identity.name = name
        identity.cgroup = cgroup
        identity.container = container
        identity.node = node
        self.init(identity)
    }

    /// Bytes of it, about: its JSON, and what that was made of.
    var bytes: Int { 512 + 2 * fragment.count }

    package var kind: String { identity.kind }
    package var name: String { identity.name }
    package var cgroup: ByteString { identity.cgroup }
    package var container: Container? { identity.container }
    package var node: String { identity.node }

    /// For what cannot be told (yet) whose it is.
    package static func unknown(cgroup: ByteString = "") -> WorkloadDescription {
        WorkloadDescription(kind: unknownKind, cgroup: cgroup)
    }

    private static let unknownKind = "Unknown"

    private static func render(_ identity: WorkloadIdentity) -> [UInt8] {
        var json = JSONText()
        json.append("\"workload\":")
        let start = json.bytes.count
        json.append(text: ",\"cluster\":", identity.cluster)
        json.append(text: ",\"clusterId\":", identity.clusterID)
        json.append(text: ",\"namespace\":", identity.namespace)
        json.append(text: ",\"group\":", identity.group)
        json.append(text: ",\"kind\":", identity.kind)
        json.append(text: ",\"name\":", identity.name)
        json.append(text: ",\"uid\":", identity.uid)
        json.append(text: ",\"revision\":", identity.revision)
        if !identity.ownerChain.isEmpty {
            json.append(",\"ownerChain\":")
            json.append(strings: identity.ownerChain)
        }
        if let pod = identity.pod {
            json.append(",\"pod\":")
            let start = json.bytes.count
            json.append(text: ",\"name\":", pod.name)
            json.append(text: ",\"uid\":", pod.uid)
            if pod.usesHostNetwork { json.append(",\"hostNetwork\":true") }
            if pod.usesHostPID { json.append(",\"hostPid\":true") }
            json.closeObject(startedAt: start)
        }
        if let container = identity.container { append(container, to: &json) }
        json.append(text: ",\"serviceAccount\":", identity.serviceAccount)
        json.append(text: ",\"spiffeId\":", identity.spiffeID)
        json.append(text: ",\"spiffeIdSource\":", identity.spiffeIDSource)
        json.append(text: ",\"node\":", identity.node)
        append(map: ",\"labels\":", identity.labels, to: &json)
        json.append(field: ",\"cgroup\":", orBytes: ",\"cgroupBytes\":", identity.cgroup)
        append(map: ",\"sources\":", identity.sources, to: &json)
        json.closeObject(startedAt: start)
        return json.bytes.array
    }

    private static func append(_ container: Container, to json: inout JSONText) {
        json.append(",\"container\":")
        let start = json.bytes.count
        json.append(text: ",\"name\":", container.name)
        json.append(text: ",\"type\":", container.type)
        json.append(text: ",\"id\":", container.id)
        json.append(text: ",\"image\":", container.image)
        json.append(text: ",\"imageDigest\":", container.imageDigest)
        json.append(text: ",\"runtime\":", container.runtime)
        append(container.tokens, to: &json)
        json.closeObject(startedAt: start)
    }

    private static func append(_ tokens: [WorkloadIdentity.Token], to json: inout JSONText) {
        if tokens.isEmpty { return }
        json.append(",\"tokens\":[")
        for (index, token) in tokens.enumerated() {
            if index > 0 { json.append(",") }
            let start = json.bytes.count
            json.append(text: ",\"audience\":", token.audience)
            json.append(text: ",\"path\":", token.path)
            json.closeObject(startedAt: start)
        }
        json.append("]")
    }

    /// In the order of the keys, so that equal workloads read equal.
    private static func append(map name: StaticString, _ map: [String: String], to json: inout JSONText) {
        if map.isEmpty { return }
        json.append(name)
        json.append("{")
        for (index, entry) in map.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { json.append(",") }
            json.append(string: entry.key)
            json.append(":")
            json.append(string: entry.value)
        }
        json.append("}")
    }
}
