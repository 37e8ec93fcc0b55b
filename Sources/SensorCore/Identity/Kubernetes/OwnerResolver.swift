// SPDX-License-Identifier: Apache-2.0

internal import Logging

/// Who a pod belongs to for good.
struct OwnerResolution: Sendable, Equatable {
    /// UID of the pod's own owner, which it was found from; empty: the pod has none.
    var from: String
    var controller: PodIdentity.Owner
    var source: PodIdentity.Source
    /// Above the controller, nearest first.
    var chain: [PodIdentity.Owner] = []
    /// Empty: the pod's own labels say it.
    var revision = ""
    /// Whether nothing is left to ask for again.
    var isComplete = true
    /// False for a ReplicaSet or Job that stands for whatever manages it, because it could not be read.
    var isLasting = true
    /// Whether that is so because the server does not let us see it.
    var isForbidden = false
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

    /// How long what is known of the controller may wait for what stands above it.
    private static let patience = Duration.milliseconds(500)

    /// - Parameter early: told the controller where it is known and what stands above it takes long; over before this
    ///   returns.
    /// - Throws: when the controller itself cannot be told for now.
    func resolve(
        _ owner: ObjectReference, namespace: String, early: @escaping @Sendable (OwnerResolution) async -> Void
    ) async throws(APIError) -> OwnerResolution {
        func climb(
            from controller: ObjectReference, _ visited: Set<String>, _ start: OwnerResolution
        ) async -> OwnerResolution {
            let telling = Task {
                do { try await Task.sleep(for: Self.patience, clock: .continuous) } catch { return }
                var known = start
                known.isComplete = false
                await early(known)
            }
            let resolution = await self.climb(from: controller, namespace, visited, start)
            telling.cancel()
            await telling.value
            return resolution
        }
        let kind = Kind(owner)
        var own = OwnerResolution(from: owner.uid, controller: owner.owner, source: .reference)
        if kind == .lasting { return await climb(from: owner, [owner.uid], own) }
        let answer = try await reader.look(owner, namespace: namespace)
        guard case .found(let observed) = answer, observed.manager != .unreadable else {
            if case .found = answer { status.count(\.unreadableOwners) }
            own.isLasting = false
            own.isForbidden = answer.isForbidden
            return own
        }
        own.revision = observed.revision
        if case .object(let above) = observed.manager, kind == .replicaSet || Kind(above) == .cronJob {
            var resolution = own
            resolution.controller = above.owner
            if above.uid == owner.uid {
                tellLoop(owner, namespace)
                resolution.source = .get
                return resolution
            }
            return await climb(from: above, [owner.uid, above.uid], resolution)
        }
        own.source = .get
        if kind == .job, let name = observed.lastingName { own.controller.name = name }
        return await climb(from: owner, [owner.uid], own)
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
                guard case .object(let above) = observed.manager else { break }
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
