// SPDX-License-Identifier: Apache-2.0

import SensorTestSupport
import Testing

@testable import SensorCore

/// What leads to a list, how often, and what a list may take.
@Suite(.timeLimit(.minutes(2))) struct ReflectorTests {
    private static let bookmark =
        #"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"150"}}}"# + "\n"
    private static let broken = #"{"type":"MODIFIED","object":{"kind":"Pod"}}"# + "\n"
    private static let expired =
        #"{"type":"ERROR","object":{"kind":"Status","reason":"Expired","message":"too old","code":410}}"# + "\n"
    private static let ahead =
        #"{"kind":"Status","status":"Failure","message":"Timeout","reason":"Timeout","code":504,"details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"Too large resource version"}],"retryAfterSeconds":1}}"#

    private let ledger = ClusterLedger()

    /// A server with so many pods of one Deployment.
    private func serving(_ pods: Int = 1, _ body: (TestAPIServer) async throws -> Void) async throws {
        try await TestAPIServer.run { server in
            server.cluster.set(PodFixture.kubeSystem)
            for index in 0..<pods {
                let (pod, objects) = PodFixture.deployment(index)
                server.cluster.set(objects)
                server.cluster.put(pod.uid, pod.json)
            }
            try await body(server)
        }
    }

    /// The same, with a watch on it that is in sync.
    private func synced(_ settings: ClusterSettings = .fast(), _ body: (TestAPIServer) async throws -> Void)
        async throws
    {
        try await serving { server in
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("in sync") { $0.isSynced && ledger.counters.watches >= 1 }
                try await body(server)
            }
        }
    }

    @Test(arguments: [bookmark + broken, bookmark + expired])
    func `watches that tell something and then fail are opened ever less often`(_ watch: String) async throws {
        try await serving { server in
            server.cluster.keepFailing(.watch, .body(watch))
            let settings = ClusterSettings.fast {
                $0.backoff = Backoff.Bounds(first: .milliseconds(50), ceiling: .seconds(600))
                $0.shortWatch = .seconds(600)
                $0.staleAfter = .seconds(600)
            }
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("the first watch") { _ in !server.cluster.watches.isEmpty }
                let end = ContinuousClock.now + .seconds(1)
                try await ledger.wait("a second, and another watch") { _ in
                    ContinuousClock.now > end && server.cluster.watches.count >= 2
                }
                // Without growth there would be some forty; that twelve waits that double, from 50 ms on and each of any
                // part of that, fit into it is as good as impossible.
                #expect(server.cluster.watches.count <= 12 && server.cluster.lists.count <= 12)
            }
        }
    }

    @Test func `an event that cannot be read is skipped, and made up for when the watch is over`() async throws {
        try await synced(.fast { $0.backoff.steady = .zero }) { server in
            server.cluster.step(.bytes(Self.broken))
            server.cluster.bookmark()
            try await ledger.wait("the bookmark") { _ in ledger.counters.bookmarks == 1 }
            #expect(ledger.counters.malformed == 1)
            #expect(ledger.counters.lists == 1 && ledger.counters.watches == 1 && ledger.now.isSynced)
            server.cluster.step(.end)
            try await ledger.wait("the second list") { _ in ledger.counters.lists == 2 }
            #expect(server.cluster.lists.last?.contains("resourceVersion=0") == true)
        }
    }

    @Test func `several events that cannot be read lead to a list out of the server's cache, and more do not at once`()
        async throws
    {
        try await synced(.fast { $0.backoff.ceiling = .seconds(36000) }) { server in
            for _ in 0..<3 { server.cluster.step(.bytes("{broken\n")) }
            try await ledger.wait("the second watch") { _ in ledger.counters.watches == 2 }
            #expect(ledger.counters.lists == 2 && ledger.counters.relists == 1)
            #expect(server.cluster.lists.last?.contains("resourceVersion=0") == true)
            for _ in 0..<6 { server.cluster.step(.bytes(Self.broken)) }
            server.cluster.bookmark()
            try await ledger.wait("the bookmark") { $0.isSynced && ledger.counters.bookmarks == 1 }
            #expect(ledger.counters.lists == 2 && ledger.counters.watches == 2)
            #expect(ledger.counters.malformed == 9)
            #expect(ledger.now.pods.count == 1)
        }
    }

    @Test(arguments: [true, false])
    func `a version that the server has not come to leads to a new list`(inStream: Bool) async throws {
        try await synced { server in
            if inStream {
                server.cluster.step(.bytes(#"{"type":"ERROR","object":\#(Self.ahead)}"# + "\n"))
            } else {
                server.cluster.fail(.watch, .answer(504, Self.ahead))
                server.cluster.step(.end)
            }
            try await ledger.wait("the second watch") { $0.isSynced && ledger.counters.watches == 2 }
            #expect(ledger.counters.relists == 1 && ledger.counters.lists == 2)
            #expect(server.cluster.lists.last?.contains("resourceVersion") == false)
        }
    }

    @Test func `a version from which no watch can be had is given up`() async throws {
        try await synced { server in
            for _ in 0..<5 { server.cluster.fail(.watch, .status(500)) }
            server.cluster.step(.end)
            try await ledger.wait("the second watch") { $0.isSynced && ledger.counters.watches == 2 }
            #expect(ledger.counters.relists == 1 && ledger.counters.lists == 2)
        }
    }

    @Test func `that there is no connection, however often, is no reason to list anew`() async throws {
        try await synced { server in
            for _ in 0..<8 { server.cluster.fail(.watch, .hangUp) }
            server.cluster.step(.drop)
            try await ledger.wait("the second watch") { $0.isSynced && ledger.counters.watches == 2 }
            #expect(ledger.counters.lists == 1)
        }
    }

    @Test func `a list ends with as many pods as there is room for`() async throws {
        try await serving(10) { server in
            // The first list comes without pages.
            server.cluster.fail(.list, .status(410))
            let settings = ClusterSettings.fast {
                $0.pageSize = 2
                $0.maximumPods = 5
            }
            try await ledger.watching(.test(server), settings) {
                let now = try await ledger.wait("in sync") { $0.isSynced }
                #expect(now.pods.count == 5)
                #expect(server.cluster.lists.count == 4)
                #expect(ledger.counters.overflow == 1)
            }
        }
    }

    @Test func `a list of too many pages is given up`() async throws {
        try await serving(10) { server in
            server.cluster.fail(.list, .status(410))
            let settings = ClusterSettings.fast {
                $0.pageSize = 1
                $0.limits.pageCount = 5
            }
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("the error") {
                    !$0.isSynced && ledger.status.snapshot.lastError == "a list without an end: 5 pods in 5 pages"
                }
            }
        }
    }

    @Test func `a list that takes too long on the whole is given up`() async throws {
        try await serving(10) { server in
            try await ledger.watching(.test(server), .fast { $0.limits.pages = .zero }) {
                try await ledger.wait("the error") { _ in
                    ledger.status.snapshot.lastError.hasPrefix("a list without an end")
                }
            }
        }
    }

    @Test func `a list whose next page is the same one again is given up`() async throws {
        try await serving { server in
            server.cluster.keepFailing(
                .list, .body(#"{"metadata":{"resourceVersion":"5","continue":"abc"},"items":[]}"#))
            try await ledger.watching(.test(server), .fast { $0.backoff.ceiling = .seconds(600) }) {
                try await ledger.wait("the error") { _ in
                    ledger.status.snapshot.lastError == "a list whose next page is the same one"
                }
                server.cluster.keepFailing(.list, nil)
                try await ledger.wait("in sync") { $0.isSynced }
            }
        }
    }
}
