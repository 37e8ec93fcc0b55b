// SPDX-License-Identifier: Apache-2.0

/// How it is known whose an event is: the source of what says most, as `WorkloadIdentity.sources` has it.
package enum AttributionMethod: UInt8, Sendable, CaseIterable {
    /// It is not known.
    case none
    /// The path of the cgroup.
    case cgroupPath
    /// What the container's runtime keeps on disk.
    case runtimeState
    /// What an earlier run kept on disk of the API server's word.
    case cache
    /// The pod's owner reference alone.
    case ownerReference
    /// A request to the API server for the pod's owner.
    case apiGet
    /// A list or watch of this node's pods.
    case apiWatch
    /// The operator's own map.
    case workloadMap

    package var name: String {
        switch self {
        case .none: "none"
        case .cgroupPath: "cgroup_path"
        case .runtimeState: "runtime_state"
        case .cache: "cache"
        case .ownerReference: "owner_reference"
        case .apiGet: "api_get"
        case .apiWatch: "api_watch"
        case .workloadMap: "workload_map"
        }
    }

    init(_ identity: WorkloadIdentity) {
        let source = identity.sources["owner"] ?? identity.sources["pod"] ?? identity.sources["container"]
        self = Self.allCases.first { $0.name == source } ?? .cgroupPath
    }
}
