// SPDX-License-Identifier: Apache-2.0

import SensorCore

/// The chain from an event to its tool call, to what that came from, and to its workload, in lines for a person: each link with
/// the source that it is known from.
struct Explanation {
    private var lines: [String] = []

    init(_ chain: CallChain, identifier: String) {
        let event = chain.event
        add("event", identifier, "\(event.kind.name), seen by \(event.via.name)")
        if let process = event.process {
            add("process", "\(process.executable.text) (pid \(process.pid))", process.id)
        }
        if case .syscall(let syscall) = event.detail {
            add("call", syscall.name, "")
            add("  file", syscall.path?.text ?? "", "the kernel's object")
            for string in syscall.strings { add("  \(string.name)", string.value.text, "the caller's word") }
        }
        addCall(of: chain)
        add(event.workload.identity)
    }

    /// A call with all that was done for it.
    ///
    /// - Parameter context: what the model had been shown, if it is known.
    init(_ record: ToolCallRecord, context: Event?) {
        add(record, context: context)
        add(record.workload.identity)
    }

    private mutating func add(_ identity: WorkloadIdentity) {
        let name = identity.name.isEmpty ? identity.kind : "\(identity.kind)/\(identity.name)"
        add("workload", identity.namespace.isEmpty ? name : "\(identity.namespace)/\(name)", Self.reason(identity))
        add("  cgroup", identity.cgroup.text, Self.source(identity.sources["cgroup"]))
        if let container = identity.container {
            let name = container.name.isEmpty ? container.id : "\(container.name) (\(container.id))"
            add("  container", name, Self.source(identity.sources["container"]))
            add("  image", [container.image, container.imageDigest].filter { !$0.isEmpty }.joined(separator: " "), "")
        }
        if let pod = identity.pod {
            let name = pod.name.isEmpty ? pod.uid : "\(pod.name) (\(pod.uid))"
            let network = pod.usesHostNetwork ? ", in the node's network" : ""
            let processes = pod.usesHostPID ? ", among the node's processes" : ""
            add("  pod", name + network + processes, Self.source(identity.sources["pod"]))
        }
        if let source = identity.sources["owner"] {
            let group = identity.group.isEmpty ? "" : ".\(identity.group)"
            let revision = identity.revision.isEmpty ? "" : ", revision \(identity.revision)"
            let owner = "\(identity.kind)\(group)/\(identity.name) (\(identity.uid))\(revision)"
            add("  owner", owner, Self.source(source))
        }
        for owner in identity.ownerChain { add("  above it", owner, "") }
        if !identity.serviceAccount.isEmpty { add("  acts as", identity.serviceAccount, "from the pod's spec") }
        for token in identity.container?.tokens ?? [] {
            let audience = token.audience.isEmpty ? "the API server" : token.audience
            add("  token for", "\(audience): \(token.path)", "from the pod's spec")
        }
        if !identity.spiffeID.isEmpty { add("", identity.spiffeID, identity.spiffeIDSource) }
        add("  cluster", identity.cluster, "")
        add("  node", identity.node, "")
    }

    var text: String { lines.map { $0 + "\n" }.joined() }

    mutating func add(_ name: String, _ value: String, _ source: String) {
        if value.isEmpty { return }
        let shown = String(decoding: TerminalText(value).bytes, as: UTF8.self)
        let label = name + String(repeating: " ", count: max(0, 12 - name.utf8.count))
        lines.append(source.isEmpty ? "\(label)\(shown)" : "\(label)\(shown)  [\(source)]")
    }

    static func reason(_ method: ToolCallReference.Method) -> String {
        switch method {
        case .exact: "its thread announced the call before it acted, or what did this was started within it"
        case .process: "the one call that was open in the process"
        case .argument: "several were open, and this one was called with what it names"
        case .candidates: "several were open"
        case .window: "by the time alone"
        }
    }

    private static func reason(_ identity: WorkloadIdentity) -> String {
        guard identity.kind == "Unknown" else { return "" }
        return identity.pod == nil ? "nothing tells of its cgroup" : "the API server told of no such pod in time"
    }

    private static func source(_ name: String?) -> String {
        switch name {
        case "cgroup_mkdir": "the kernel told when it was made"
        case "cgroup_scan": "it was there when sensord started"
        case "proc": "/proc told of a process in it"
        case "cgroup_path": "from the cgroup's path"
        case "runtime_state": "from the runtime's own state"
        case "workload_map": "from the workload map"
        case "api_watch": "the API server, by list and watch"
        case "api_get": "the API server, asked for the object"
        case "owner_reference": "the owner reference alone: the object could not be read"
        case "cache": "from the cache of an earlier run"
        case let other?: other
        case nil: ""
        }
    }
}
