// SPDX-License-Identifier: Apache-2.0

internal import Logging

/// Finds out the owners of the pods that a `PodTracker` has waiting, each for itself and as long as it takes.
struct OwnerSettler: Sendable {
    let tracker: PodTracker
    let reader: ObjectReader
    let resolver: OwnerResolver
    let settings: ClusterSettings
    let status: ClusterStatusBoard

    /// Until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await uid in tracker.unsettled {
                group.addTask { await settle(uid) }
            }
        }
    }

    private func settle(_ uid: String) async {
        var backoff = Backoff(settings.backoff)
        while !Task.isCancelled, let question = await tracker.question(uid) {
            var resolution: OwnerResolution?
            var labels: [String: String]?
            var trouble: APIError?
            do throws(APIError) {
                if let owner = question.owner {
                    resolution = try await resolver.resolve(owner, namespace: question.namespace) { known in
                        _ = await tracker.settle(uid, question, known, labels: nil, isDone: false)
                    }
                }
            } catch {
                trouble = error
            }
            if trouble == nil, await tracker.lacksLabels(of: question.namespace) {
                do throws(APIError) {
                    labels = try await namespaceLabels(question.namespace)
                } catch {
                    trouble = error
                }
            }
            let isDone = trouble == nil && resolution?.isComplete ?? true
            let isCurrent = await tracker.settle(uid, question, resolution, labels: labels, isDone: isDone)
            if isDone, isCurrent { return }
            if isDone { continue }
            status.count(\.retries)
            do { try await backoff.wait(atLeast: trouble?.retryAfter) } catch { return }
        }
    }

    /// The chosen ones; none where the namespace is gone or not to be seen.
    func namespaceLabels(_ namespace: String) async throws(APIError) -> [String: String] {
        do throws(APIError) {
            let metadata = try await reader.namespace(namespace)
            return settings.choices.labels(ofNamespace: metadata)
        } catch  where !error.isTransient && error.kind != .cancelled {
            return [:]
        }
    }
}
