// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import NIOCore

/// Keeps a `PodTracker` as the API server has this node's pods: by one list, and then by watching what changes.
///
/// A watch that ends, however it ends, goes on from the last version that was told. Only where the server does not know
/// that version any more (410), or has sent what cannot be read, everything is listed anew and compared.
struct PodReflector {
    private let client: APIClient
    private let settings: ClusterSettings
    private let tracker: PodTracker
    private let log: Logger
    private var backoff: Backoff
    /// Up to where everything has been told; nil: a list comes first.
    private var version: String?
    /// Objects in a page: fewer, once a page was too long to be read.
    private var pageSize: Int
    /// Malformed objects and fields that the log has told of, and when.
    private var told: (count: UInt64, at: ContinuousClock.Instant?) = (0, nil)
    /// Whether a list may be as old as the server's cache, which costs the server's store nothing but comes in one page.
    /// Only the first, and only while one page can be read.
    private var mayBeCached = true
    /// Since when a watch is open; nil: none has been opened since the last list or watch ended.
    private var openedAt: ContinuousClock.Instant?

    init(_ client: APIClient, _ settings: ClusterSettings, _ tracker: PodTracker, log: Logger) {
        self.client = client
        self.settings = settings
        self.tracker = tracker
        self.log = log
        backoff = Backoff(settings.backoff)
        pageSize = settings.pageSize
    }

    /// Until the task is cancelled.
    mutating func run() async {
        while !Task.isCancelled {
            var trouble: APIError?
            openedAt = nil
            do throws(APIError) {
                if version == nil { try await list() }
                try await watch()
            } catch {
                if error.kind == .cancelled { return }
                trouble = error
                await recover(error)
            }
            // That a list is answered, or a watch opened, says nothing: the next may fail at once, and so on for ever.
            if openedAt.map({ ContinuousClock.now - $0 >= settings.shortWatch }) ?? false {
                backoff.reset()
                if trouble == nil { continue }
            }
            do { try await backoff.wait(atLeast: trouble?.retryAfter) } catch { return }
        }
    }

    private mutating func recover(_ error: APIError) async {
        client.status.count(error)
        client.status.count(\.failures)
        switch error.kind {
        case .gone, .malformed:
            client.status.count(\.relists)
            version = nil
            mayBeCached = false
            log.notice("listing the pods anew", metadata: ["reason": "\(error)"])
        case .tooLarge:
            // Real servers answer from their cache without pages.
            mayBeCached = false
            pageSize = max(1, pageSize / 2)
        default: break
        }
        await tracker.lostContact(error)
    }

    private mutating func list() async throws(APIError) {
        var pods: [ObservedPod] = []
        var page: PodPage
        var next = ""
        repeat {
            page = try await self.page(next)
            pods += page.pods
            next = page.next
        } while !next.isEmpty
        client.status.count(\.lists)
        tellMalformed()
        await tracker.replace(with: pods)
        version = page.version
    }

    private func page(_ next: String) async throws(APIError) -> PodPage {
        var query = [("limit", "\(pageSize)")]
        if !next.isEmpty {
            query.append(("continue", next))
        } else if mayBeCached {
            query.append(("resourceVersion", "0"))
        }
        let body = try await client.get(APIPath.pods(node: settings.node, query: query), isList: true)
        return try PodPage(body, choices: settings.choices, status: client.status)
    }

    /// Until the stream ends.
    private mutating func watch() async throws(APIError) {
        // By chance, so that not all nodes come back at once.
        let seconds = Int(settings.watchSeconds * Double.random(in: 1...2))
        var stream = try await client.stream(
            APIPath.pods(
                node: settings.node,
                query: [
                    ("watch", "1"), ("allowWatchBookmarks", "true"), ("resourceVersion", version ?? ""),
                    ("timeoutSeconds", "\(max(1, seconds))"),
                ]))
        client.status.count(\.watches)
        openedAt = .now
        // A quiet watch is as good as one that tells something, once it lasts.
        let contact = Task { [tracker, time = settings.shortWatch] in
            try await Task.sleep(for: time, clock: .continuous)
            await tracker.madeContact()
        }
        defer { contact.cancel() }
        while let line = try await stream.next() {
            if stream.dropped > 0 { throw APIError(.malformed, "an event that is too long") }
            try await take(WatchEvent(line, choices: settings.choices, status: client.status))
            await tracker.madeContact()
            backoff.reset()
        }
        if Task.isCancelled { throw APIError(.cancelled, "cancelled") }
        if stream.dropped > 0 { throw APIError(.malformed, "an event that is too long") }
    }

    private mutating func take(_ event: WatchEvent) async throws(APIError) {
        client.status.count(\.events)
        switch event {
        case .pod(let pod?, let version):
            await tracker.set(pod)
            advance(version)
        case .pod(nil, let version), .other(let version):
            client.status.count(\.malformed)
            advance(version)
        case .deleted(let uid, let version):
            await tracker.remove(uid)
            advance(version)
        case .bookmark(let version):
            client.status.count(\.bookmarks)
            advance(version)
        case .failed(let error): throw error
        }
        tellMalformed()
    }

    /// Once a minute at most: what is wrong in one object is wrong in it each time it changes.
    private mutating func tellMalformed() {
        let status = client.status.snapshot
        let count = status.counters.malformed + status.counters.malformedFields
        let now = ContinuousClock.now
        guard count > told.count, told.at.map({ now - $0 > .seconds(60) }) ?? true else { return }
        told = (count, now)
        log.warning(
            "the API server sends what cannot be read: objects without UID, name or namespace are left out, fields of another type are empty",
            metadata: [
                "objects": "\(status.counters.malformed)", "fields": "\(status.counters.malformedFields)",
                "lastField": "\(status.malformedField)",
            ])
    }

    private mutating func advance(_ version: String?) {
        if let version, !version.isEmpty { self.version = version }
    }
}
