// SPDX-License-Identifier: Apache-2.0

import Logging
import NIOConcurrencyHelpers
import NIOPosix
import SensorCore
import SensorTestSupport
import Testing

@testable import SensorCore

/// What a `ClusterWatch` has told, put together as its reader would.
final class ClusterLedger: Sendable {
    struct State: Sendable {
        var changes: [ClusterChange] = []
        var pods: [String: PodIdentity] = [:]
        var cluster = ""
        var isSynced = false
        var isStale = false

        mutating func take(_ change: ClusterChange) {
            changes.append(change)
            switch change {
            case .cluster(_, let id): cluster = id
            case .pod(let pod): pods[pod.uid] = pod
            case .removed(let uid): pods[uid] = nil
            case .synced: (isSynced, isStale) = (true, false)
            case .stale: (isSynced, isStale) = (false, true)
            }
        }
    }

    struct TimeOut: Error {}

    private let state = NIOLockedValueBox(State())
    let status = ClusterStatusBoard()

    var now: State { state.withLockedValue { $0 } }
    var counters: ClusterStatus.Counters { status.snapshot.counters }

    func take(_ changes: [ClusterChange]) {
        state.withLockedValue { state in
            for change in changes { state.take(change) }
        }
    }

    /// Until it is as the test wants it.
    @discardableResult
    func wait(
        _ what: String, _ location: SourceLocation = #_sourceLocation, _ condition: (State) -> Bool
    ) async throws -> State {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let now = now
            if condition(now) { return now }
            try await Task.sleep(for: .milliseconds(2))
        }
        Issue.record("\(what): in vain; \(now.changes.suffix(8)) \(status.snapshot)", sourceLocation: location)
        throw TimeOut()
    }

    /// Runs a watch while `body` does.
    ///
    /// - Parameter handOn: told every change too.
    func watching(
        _ endpoint: APIEndpoint, _ settings: ClusterSettings = .fast(),
        handOn: @escaping @Sendable ([ClusterChange]) -> Void = { _ in }, _ body: () async throws -> Void
    ) async throws {
        var log = Logger(label: "test")
        log.logLevel = .critical
        let watch = ClusterWatch(
            endpoint, settings, status: status, group: MultiThreadedEventLoopGroup.singleton, log: log,
            handle: {
                handOn($0)
                self.take($0)
            })
        let running = Task { try await watch.run() }
        let outcome: Result<Void, any Error>
        do {
            try await body()
            outcome = .success(())
        } catch {
            outcome = .failure(error)
        }
        running.cancel()
        try await running.value
        try outcome.get()
    }
}

extension ClusterSettings {
    /// With waits that a test can wait for.
    static func fast(_ change: (inout ClusterSettings) -> Void = { _ in }) -> ClusterSettings {
        var settings = ClusterSettings(node: "n1")
        settings.cluster = "c1"
        settings.backoff = Backoff.Bounds(first: .milliseconds(1), ceiling: .milliseconds(20))
        settings.requests.pause = settings.backoff
        settings.shortWatch = .zero
        settings.staleAfter = .zero
        settings.cacheInterval = .milliseconds(10)
        change(&settings)
        return settings
    }
}

extension APIEndpoint {
    /// As a pod would get to the server, with a token file of the test's own.
    static func test(_ server: TestAPIServer, tokenFile: String? = nil) throws -> APIEndpoint {
        var endpoint = APIEndpoint(url: server.url)
        endpoint.authority = .file(try TestCertificates.shared.get().path("ca.crt"))
        endpoint.token = tokenFile.map { BearerToken(file: $0) } ?? BearerToken("first-token")
        return endpoint
    }
}
