// SPDX-License-Identifier: Apache-2.0

internal import Logging

/// Who a pod belongs to for good.
struct OwnerResolution: Sendable, Equatable {
    var controller: PodIdentity.Owner
    var source: PodIdentity.Source
    /// Above the controller, nearest first.
    var chain: [PodIdentity.Owner] = []
    /// Empty: the pod's own labels say it.
    var revision = ""
    /// Whether nothing is left to ask for again.
    var isComplete = true
}

/// Climbs from a pod's owner to the first one that lasts, and notes what stands above.
///
/// A ReplicaSet passes on to its owner, whatever that is, and a Job to its CronJob. Everything else lasts: an operator's
/// custom resource above a Deployment is in the chain and does not swallow it.
struct OwnerResolver: Sendable {
    /// More owners on top of each other than anybody has.
    private static let maximumDepth = 8

    let reader: ObjectReader
    let status: ClusterStatusBoard
    let log: Logger

    /// - Throws: when the controller itself cannot be told for now.
    func resolve(_ owner: ObjectReference, namespace: String) async throws(APIError) -> OwnerResolution {
        let kind = Kind(owner)
        if kind == .lasting {
            return await climb(
                from: owner, namespace, [owner.uid], OwnerResolution(controller: owner.owner, source: .reference))
        }
        guard case .found(let observed) = try await reader.look(owner, namespace: namespace) else {
            return OwnerResolution(controller: owner.owner, source: .reference)
        }
        if let above = observed.controller, kind == .replicaSet || Kind(above) == .cronJob {
            var resolution = OwnerResolution(controller: above.owner, source: .reference, revision: observed.revision)
            if above.uid == owner.uid {
                tellLoop(owner, namespace)
                resolution.source = .get
                return resolution
            }
            return await climb(from: above, namespace, [owner.uid, above.uid], resolution)
        }
        var lasting = OwnerResolution(controller: owner.owner, source: .get, revision: observed.revision)
        if kind == .job, let name = observed.lastingName { lasting.controller.name = name }
        return await climb(from: owner, namespace, [owner.uid], lasting)
    }

    private enum Kind {
        case replicaSet, job, cronJob, lasting

        init(_ reference: ObjectReference) {
            self =
                switch (reference.group, reference.kind) {
                case ("apps", "ReplicaSet"), ("extensions", "ReplicaSet"): .replicaSet
                case ("batch", "Job"): .job
                case ("batch", "CronJob"): .cronJob
                default: .lasting
                }
        }
    }

    /// Reads the controller and what stands above it.
    private func climb(
        from controller: ObjectReference, _ namespace: String, _ visited: Set<String>, _ start: OwnerResolution
    ) async -> OwnerResolution {
        var resolution = start
        var visited = visited
        var current = controller
        do throws(APIError) {
            while case .found(let observed) = try await reader.look(current, namespace: namespace) {
                if current == controller { resolution.source = .get }
                guard let above = observed.controller else { break }
                guard visited.insert(above.uid).inserted, resolution.chain.count < Self.maximumDepth else {
                    tellLoop(controller, namespace)
                    break
                }
                resolution.chain.append(above.owner)
                current = above
            }
        } catch {
            resolution.isComplete = false
        }
        return resolution
    }

    private func tellLoop(_ owner: ObjectReference, _ namespace: String) {
        status.count(\.ownerLoops)
        log.warning(
            "objects that own each other, or too many on top of each other: what stands above is not told",
            metadata: ["kind": "\(owner.kind)", "name": "\(owner.name)", "namespace": "\(namespace)"])
    }
}
