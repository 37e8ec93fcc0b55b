// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
package import Logging
package import NIOCore
internal import ServiceLifecycle

/// Knows the pods of this node, and whom they belong to, by the API server; tells every change of that.
package struct ClusterWatch: Service {
    private let endpoint: APIEndpoint
    private let settings: ClusterSettings
    private let status: ClusterStatusBoard
    private let group: any EventLoopGroup
    private let log: Logger
    private let handle: @Sendable ([ClusterChange]) -> Void

    /// - Parameters:
    ///   - status: is kept up to date while it runs.
    ///   - group: whose one thread does the network's work; outlives `run`.
    ///   - handle: gets every change in order, one call at a time, from threads of Swift concurrency: it must not block.
    package init(
        _ endpoint: APIEndpoint, _ settings: ClusterSettings, status: ClusterStatusBoard, group: any EventLoopGroup,
        log: Logger, handle: @escaping @Sendable ([ClusterChange]) -> Void
    ) {
        self.endpoint = endpoint
        self.settings = settings
        self.status = status
        self.group = group
        self.log = log
        self.handle = handle
    }

    /// Until it is told to stop (by graceful shutdown or cancellation). Whatever the API server does, it goes on.
    package func run() async throws {
        await cancelWhenGracefulShutdown { await watch() }
    }

    private func watch() async {
        status.set(.syncing)
        let tracker = PodTracker(settings, status: status, log: log, handle: handle)
        let endpoint = endpoint
        let server = await Worker.value("identity-cache") { endpoint.mark } ?? endpoint.url
        let cache = settings.cacheFile.map { IdentityCache(path: $0, status: status, log: log) }
        if let cache,
            let content = await Worker.value("identity-cache", { cache.read(node: settings.node, server: server) })
                ?? nil
        {
            await tracker.restore(content)
        }
        // Each with connections of its own: owners that hang must not hold up the list and the watch.
        let client = APIClient(endpoint, limits: settings.limits, status: status, group: group)
        var limits = settings.limits
        limits.request = min(limits.request, settings.ownerTimeout)
        let ownerClient = APIClient(endpoint, limits: limits, status: status, group: group)
        let reader = ObjectReader(
            ownerClient, RequestGate(settings.requests), choices: settings.choices, times: settings.readerTimes,
            log: log)
        let settler = OwnerSettler(
            tracker: tracker, reader: reader, resolver: OwnerResolver(reader: reader, status: status, log: log),
            settings: settings, status: status)
        let grace = Task { [time = settings.identityWait] in _ = try? await Task.sleep(for: time, clock: .continuous) }
        await tracker.wait(for: grace)
        await withDiscardingTaskGroup { group in
            group.addTask { await settler.run() }
            group.addTask { await keepIdentified(reader, tracker, grace) }
            group.addTask {
                var reflector = PodReflector(client, settings, tracker, log: log)
                await reflector.run()
            }
            group.addTask { await keepFresh(settler, tracker) }
            group.addTask { await keepAsking(tracker) }
            group.addTask { await keep(cache, tracker, server) }
        }
        // Waited for, since they may not outlive the group; a TLS close has 200 ms.
        async let end: Void = client.shutdown()
        await ownerClient.shutdown()
        await end
    }

    /// Knows the cluster's id, and looks again after each list: another cluster may have taken this one's place.
    ///
    /// - Parameter grace: is ended with the first attempt.
    private func keepIdentified(_ reader: ObjectReader, _ tracker: PodTracker, _ grace: Task<Void, Never>) async {
        var trouble = await identify(reader, tracker)
        grace.cancel()
        if let trouble { await keepIdentifying(reader, tracker, after: trouble) }
        for await _ in tracker.relists {
            trouble = await identify(reader, tracker)
            if let trouble { await keepIdentifying(reader, tracker, after: trouble) }
        }
    }

    /// Reads the cluster's id; nil: it is known.
    private func identify(_ reader: ObjectReader, _ tracker: PodTracker) async -> APIError? {
        do throws(APIError) {
            guard let uid = try await reader.namespace("kube-system").uid, !uid.isEmpty else {
                throw APIError(.malformed, "the namespace has no UID")
            }
            await tracker.setCluster(id: uid)
            return nil
        } catch {
            return error
        }
    }

    /// - Parameter trouble: why the id could not be read.
    private func keepIdentifying(_ reader: ObjectReader, _ tracker: PodTracker, after trouble: APIError) async {
        var backoff = Backoff(settings.backoff)
        var trouble = trouble
        while trouble.kind != .cancelled {
            do {
                if trouble.isTransient {
                    try await backoff.wait(atLeast: trouble.retryAfter)
                } else {
                    log.warning(
                        "namespace kube-system cannot be read: the cluster has no id", metadata: ["error": "\(trouble)"]
                    )
                    try await Task.sleep(for: settings.refreshInterval, clock: .continuous)
                }
            } catch { return }
            guard let again = await identify(reader, tracker) else { return }
            trouble = again
        }
    }

    /// Looks again, slowly, at what no watch tells of.
    private func keepFresh(_ settler: OwnerSettler, _ tracker: PodTracker) async {
        while (try? await sleep(about: settings.refreshInterval)) != nil {
            var labels: [String: [String: String]] = [:]
            for name in await tracker.namespaces {
                do throws(APIError) { labels[name] = try await settler.namespaceLabels(name) } catch { continue }
            }
            await tracker.refresh(namespaces: labels)
        }
    }

    /// Asks again for ReplicaSets and Jobs that could not be read: a role may have been granted meanwhile.
    private func keepAsking(_ tracker: PodTracker) async {
        while (try? await sleep(about: settings.retryInterval)) != nil { await tracker.retry() }
    }

    /// A tenth more or less by chance, so that not all nodes ask at once.
    private func sleep(about time: Duration) async throws {
        try await Task.sleep(for: time * Double.random(in: 0.9...1.1), clock: .continuous)
    }

    /// Writes the cache where there is news, and once more at the end; gives back what a list took.
    private func keep(_ cache: IdentityCache?, _ tracker: PodTracker, _ server: String) async {
        var written: UInt64 = 0
        var lists: UInt64 = 0
        var isRunning = true
        while isRunning {
            isRunning = (try? await Task.sleep(for: settings.cacheInterval, clock: .continuous)) != nil
            let revision = await tracker.revision
            if let cache, revision != written {
                let content = await tracker.content(server: server)
                await Worker.value("identity-cache") { cache.write(content) }
                written = revision
            }
            let listed = status.snapshot.counters.lists
            if listed != lists {
                // Many times what is kept of it: megabytes, which the heap holds on to in pieces.
                sensor_trim_heap()
                lists = listed
            }
        }
    }
}
