// SPDX-License-Identifier: Apache-2.0

/// Of an object that owns others, what is needed to go on from it.
struct ObservedOwner: Sendable, Equatable {
    /// Who manages it in turn.
    var manager: ObjectMetadata.Manager
    /// What it is called each time it is made anew; nil: its name is all there is.
    var lastingName: String?
    /// Which rollout of its controller it is; empty where it does not say.
    var revision: String

    init(_ metadata: ObjectMetadata, choices: WorkloadChoices) {
        manager = metadata.manager
        lastingName = ObservedPod.lastingName(metadata, choices)
        revision =
            metadata.annotation("deployment.kubernetes.io/revision") ?? metadata.annotation(
                "rollout.argoproj.io/revision")
            ?? ""
    }
}

/// What asking for an object that a reference names has given.
enum ObjectLookup: Sendable {
    case found(ObservedOwner)
    /// It is not there, or another one of the same name is.
    case gone
    /// The server knows no such kind.
    case unknown
    /// The server does not let us see it.
    case forbidden

    var isForbidden: Bool { if case .forbidden = self { true } else { false } }
}
