// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import NIOCore

/// Keeps a `PodTracker` as the API server has this node's pods: by one list, and then by watching what changes.
///
/// A watch that ends, however it ends, goes on from the last version that was told. Only where the server does not know
/// that version any more (410), or not at all (restored from a backup), or has sent several events that cannot be read,
/// everything is listed anew and compared.
struct PodReflector {
    /// So many unreadable events lead to a list; fewer wait for the end of a watch that lasted.
    private static let maximumSkipped = 3
    /// So many watches in a row that the server answers with an error say that it cannot watch from this version.
    private static let maximumFailedWatches = 5

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
    /// Whether a list in one page was too long to be read.
    private var needsPages = false
    /// Whether a list may be as old as the server's cache, which costs the server's store nothing.
    private var mayBeCached = true
    /// Since when a watch is open; nil: none has been opened since the last list or watch ended.
    private var openedAt: ContinuousClock.Instant?
    /// Since when watches are open and all is well; nil: it is not.
    private var wellSince: ContinuousClock.Instant?
    /// Watches in a row that the server has answered with an error.
    private var failedWatches = 0
    /// Events since the last list that could not be read: what they told is missing.
    private var skipped = 0
    private var skippedAt: ContinuousClock.Instant?
    /// Between two lists for what was skipped. It begins where `backoff` ends: a server that sends such events once will
    /// do so again.
    private var relists: Backoff
    /// Before, none is made for what was skipped; nil: none has been made so far.
    private var relistAt: ContinuousClock.Instant?

    init(_ client: APIClient, _ settings: ClusterSettings, _ tracker: PodTracker, log: Logger) {
        self.client = client
        self.settings = settings
        self.tracker = tracker
        self.log = log
        backoff = Backoff(settings.backoff)
        var rare = settings.backoff
        (rare.first, rare.ceiling) = (rare.ceiling, rare.ceiling * 20)
        relists = Backoff(rare)
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
            let now = ContinuousClock.now
            if trouble == nil, openedAt.map({ now - $0 >= settings.shortWatch }) ?? false { continue }
            // That a list is answered, a watch opened or an event told, says nothing: the next may fail at once, and so on
            // for ever.
            backoff.reset(after: wellSince.map { now - $0 } ?? .zero)
            wellSince = nil
            do { try await backoff.wait(atLeast: trouble?.retryAfter) } catch { return }
        }
    }

    private mutating func recover(_ error: APIError) async {
        client.status.count(error)
        client.status.count(\.failures)
        switch error.kind {
        case .gone, .ahead:
            // Its cache is what knows neither.
            mayBeCached = false
            relist(error)
        case .malformed: relist(error)
        // What stands between may say that, too; no connection, or no permission, says nothing of the version.
        case .server, .notFound:
            guard version != nil else { break }
            failedWatches += 1
            if failedWatches >= Self.maximumFailedWatches { relist(error) }
        default: break
        }
        await tracker.lostContact(error)
    }

    private mutating func relist(_ reason: APIError) {
        client.status.count(\.relists)
        version = nil
        failedWatches = 0
        log.notice("listing the pods anew", metadata: ["reason": "\(reason)"])
    }

    private mutating func list() async throws(APIError) {
        let end = ContinuousClock.now + settings.limits.pages
        var pods: [ObservedPod] = []
        var version = ""
        var next = ""
        var pages = 0
        repeat {
            guard pages < settings.limits.pageCount, ContinuousClock.now < end else {
                throw APIError(.timedOut, "a list without an end: \(pods.count) pods in \(pages) pages")
            }
            let page = try await self.page(next)
            guard page.next.isEmpty || page.next != next else {
                throw APIError(.malformed, "a list whose next page is the same one")
            }
            pods += page.pods
            (version, next) = (page.version, page.next)
            pages += 1
        } while !next.isEmpty && pods.count < settings.maximumPods
        if !next.isEmpty {
            log.warning(
                "more pods than there is room for: the rest of the list is left out",
                metadata: ["pods": "\(pods.count)"])
        }
        client.status.count(\.lists)
        tellMalformed()
        await tracker.replace(with: pods)
        self.version = version
        mayBeCached = true
        skipped = 0
    }

    /// In smaller ones, where it is too long.
    private mutating func page(_ next: String) async throws(APIError) -> PodPage {
        while true {
            let isCached = next.isEmpty && mayBeCached && !needsPages
            do throws(APIError) {
                return try await read(next, isCached: isCached)
            } catch  where error.kind == .tooLarge && (isCached || pageSize > 1) {
                // Real servers answer from their cache without pages.
                if isCached { needsPages = true } else { pageSize /= 2 }
                log.info("a list of pods is too long, asking for less at a time", metadata: ["limit": "\(pageSize)"])
            }
        }
    }

    private func read(_ next: String, isCached: Bool) async throws(APIError) -> PodPage {
        var query = [("limit", "\(pageSize)")]
        if !next.isEmpty { query.append(("continue", next)) }
        if isCached { query.append(("resourceVersion", "0")) }
        return try PodPage(
            await client.get(APIPath.pods(node: settings.node, query: query), isList: true),
            choices: settings.choices, status: client.status)
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
        wellSince = wellSince ?? .now
        // A quiet watch is as good as one that tells something, once it lasts.
        let contact = Task { [tracker, time = settings.shortWatch] in
            try await Task.sleep(for: time, clock: .continuous)
            await tracker.madeContact()
        }
        defer { contact.cancel() }
        var dropped: UInt64 = 0
        while let line = try await stream.next() {
            if stream.dropped > dropped {
                dropped = stream.dropped
                try skip(APIError(.malformed, "an event that is too long"))
            }
            let event: WatchEvent
            do throws(APIError) {
                event = try WatchEvent(line, choices: settings.choices, status: client.status)
            } catch {
                try skip(error)
                continue
            }
            try await take(event)
            failedWatches = 0
            await tracker.madeContact()
        }
        if Task.isCancelled { throw APIError(.cancelled, "cancelled") }
        if stream.dropped > dropped { try skip(APIError(.malformed, "an event that is too long")) }
        makeUp()
    }

    /// Passes over what cannot be read.
    ///
    /// - Throws: `error`, when it is time to list the pods for it.
    private mutating func skip(_ error: APIError) throws(APIError) {
        let now = ContinuousClock.now
        relists.reset(after: skippedAt.map { now - $0 } ?? .zero)
        (skippedAt, wellSince) = (now, now)
        skipped += 1
        if skipped >= Self.maximumSkipped, mayRelist(now) { throw error }
        client.status.count(error)
        tellMalformed()
    }

    /// At the end of a watch: lists the pods for what was skipped, if it was much or the watch has lasted.
    private mutating func makeUp() {
        let now = ContinuousClock.now
        let hasLasted = openedAt.map { now - $0 >= settings.backoff.steady } ?? false
        guard skipped >= Self.maximumSkipped || skipped > 0 && hasLasted, mayRelist(now) else { return }
        relist(APIError(.malformed, "\(skipped) events that could not be read"))
    }

    /// Whether a list may be made for what was skipped; if so, the next one has to wait.
    private mutating func mayRelist(_ now: ContinuousClock.Instant) -> Bool {
        if let relistAt, now < relistAt { return false }
        relistAt = now + relists.next()
        return true
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
        case .deleted(let uid, let last, let version):
            await tracker.remove(uid, last: last)
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
            "the API server sends what cannot be read: such events, and objects without UID, name or namespace, are left out, fields of another type are empty",
            metadata: [
                "objects": "\(status.counters.malformed)", "fields": "\(status.counters.malformedFields)",
                "lastField": "\(status.malformedField)",
            ])
    }

    private mutating func advance(_ version: String?) {
        if let version, !version.isEmpty { self.version = version }
    }
}
