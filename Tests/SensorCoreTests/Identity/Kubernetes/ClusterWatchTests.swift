// SPDX-License-Identifier: Apache-2.0

import NIOPosix
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(2))) struct ClusterWatchTests {
    private let ledger = ClusterLedger()

    /// A server with one Deployment's pod, and a watch on it that is in sync.
    private func synced(
        _ settings: ClusterSettings = .fast(), _ body: (TestAPIServer) async throws -> Void
    ) async throws {
        try await TestAPIServer.run { server in
            let (pod, objects) = PodFixture.deployment()
            server.cluster.set(objects)
            server.cluster.set(PodFixture.kubeSystem)
            server.cluster.put(pod.uid, pod.json)
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("in sync") { $0.isSynced && ledger.counters.watches >= 1 }
                try await body(server)
            }
        }
    }

    @Test func `pods are told with their Deployment, after the cluster and before being in sync`() async throws {
        try await synced { server in
            let now = ledger.now
            #expect(now.changes.first == .cluster(name: "c1", id: "cluster-uid"))
            #expect(now.changes.last == .synced)
            let pod = try #require(now.pods["pod-planner-0"])
            #expect(pod.controller == .init(group: "apps", kind: "Deployment", name: "planner", uid: "dep-planner"))
            #expect(pod.controllerSource == .get && pod.source == .watch)
            #expect(pod.revision == "3" && pod.namespace == "agents" && pod.serviceAccount == "planner")
            #expect(pod.containers.first?.ids == ["c0ffee"])
            #expect(server.cluster.lists.first?.contains("resourceVersion=0") == true)
            let status = ledger.status.snapshot
            #expect(status.state == .synced && status.clusterID == "cluster-uid" && status.pods == 1)
        }
    }

    @Test func `what changes is told, and what does not is not`() async throws {
        try await synced { server in
            var (pod, _) = PodFixture.deployment()
            pod.status = pod.status.replacing("c0ffee", with: "beef")
            server.cluster.put(pod.uid, pod.json)
            try await ledger.wait("the restarted container") { $0.pods[pod.uid]?.containers.first?.ids == ["beef"] }
            let told = ledger.now.changes.count
            server.cluster.put(pod.uid, pod.json)
            let (other, objects) = PodFixture.deployment(1, name: "writer")
            server.cluster.set(objects)
            server.cluster.put(other.uid, other.json)
            try await ledger.wait("the new pod") { $0.pods[other.uid]?.controller.name == "writer" }
            server.cluster.delete(pod.uid)
            try await ledger.wait("the removal") { $0.pods[pod.uid] == nil }
            #expect(ledger.now.changes.count == told + 2)
            #expect(server.cluster.lists.count == 1)
        }
    }

    @Test func `a watch that ends goes on from the last version, bookmarks included`() async throws {
        try await synced { server in
            server.cluster.bookmark()
            try await ledger.wait("the bookmark") { _ in ledger.counters.bookmarks == 1 }
            // Older events are gone: only who took the bookmark can go on.
            server.cluster.step(.end)
            try await ledger.wait("another watch") { _ in ledger.counters.watches == 2 }
            let (pod, objects) = PodFixture.deployment(1, name: "writer")
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            try await ledger.wait("the new pod") { $0.pods[pod.uid] != nil }
            #expect(server.cluster.watches.last?.contains("resourceVersion=102") == true)
            #expect(server.cluster.watches.last?.contains("allowWatchBookmarks=true") == true)
            #expect(server.cluster.lists.count == 1)
        }
    }

    @Test func `a connection that breaks within a line loses nothing`() async throws {
        try await synced { server in
            server.cluster.step(.bytes(#"{"type":"ADDED","object":{"metadata":{"na"#))
            server.cluster.step(.drop)
            try await ledger.wait("another watch") { _ in ledger.counters.watches == 2 }
            let (pod, objects) = PodFixture.deployment(1, name: "writer")
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            try await ledger.wait("the new pod") { $0.pods[pod.uid] != nil }
            #expect(server.cluster.lists.count == 1)
            #expect(ledger.counters.malformed == 0)
        }
    }

    @Test func `events that come in pieces are put together`() async throws {
        try await synced { server in
            let (pod, objects) = PodFixture.deployment(1, name: "writer")
            server.cluster.set(objects)
            let line = #"{"type":"ADDED","object":\#(pod.json.replacing("VERSION", with: "150"))}"# + "\n"
            for piece in stride(from: 0, to: line.count, by: 100) {
                server.cluster.step(.bytes(String(line.dropFirst(piece).prefix(100))))
            }
            try await ledger.wait("the pod") { $0.pods[pod.uid] != nil }
        }
    }

    @Test(arguments: [true, false])
    func `a version that is too old leads to a new list, and what it lacks is told as removed`(inStream: Bool)
        async throws
    {
        try await synced { server in
            let (pod, objects) = PodFixture.deployment(1, name: "writer")
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            try await ledger.wait("the new pod") { $0.pods[pod.uid] != nil }
            server.cluster.delete("pod-planner-0", isTold: false)
            server.cluster.compact()
            if inStream {
                server.cluster.step(
                    .bytes(
                        #"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version: 101 (102)","reason":"Expired","code":410}}"#
                            + "\n"))
            } else {
                server.cluster.step(.end)
            }
            try await ledger.wait("the removal") { $0.pods["pod-planner-0"] == nil }
            #expect(ledger.now.pods[pod.uid] != nil)
            #expect(ledger.counters.relists == 1)
            #expect(server.cluster.lists.last?.contains("resourceVersion") == false)
        }
    }

    @Test func `a line that never ends is cut off and skipped`() async throws {
        try await synced(.fast { $0.limits.lineBytes = 16384 }) { server in
            for _ in 0..<8 { server.cluster.step(.bytes(String(repeating: "x", count: 8192))) }
            server.cluster.step(.bytes("\n"))
            server.cluster.bookmark()
            try await ledger.wait("the bookmark") { _ in ledger.counters.bookmarks == 1 }
            #expect(ledger.counters.malformed == 1 && ledger.counters.lists == 1)
        }
    }

    @Test func `a stream that says nothing is given up and taken up again`() async throws {
        try await synced(.fast { $0.limits.silence = .milliseconds(500) }) { server in
            try await ledger.wait("further watches") { _ in ledger.counters.watches >= 3 }
            #expect(ledger.counters.lists == 1)
        }
    }

    @Test func `pages are put together, and an expired one restarts the list`() async throws {
        try await TestAPIServer.run { server in
            for index in 0..<25 {
                let (pod, objects) = PodFixture.deployment(index)
                server.cluster.set(objects)
                server.cluster.put(pod.uid, pod.json)
            }
            // The first list comes without pages.
            server.cluster.fail(.list, .status(410))
            server.cluster.expirePages(1)
            try await ledger.watching(.test(server), .fast { $0.pageSize = 10 }) {
                let now = try await ledger.wait("in sync") { $0.isSynced }
                #expect(now.pods.count == 25)
                #expect(server.cluster.lists.count == 6)
                #expect(ledger.counters.relists == 2)
                // All of one ReplicaSet: one request for it, one for the Deployment.
                #expect(server.cluster.requests("/apis/").count == 2)
                #expect(ledger.counters.cacheHits >= 48)
            }
        }
    }

    @Test func `a list that is too long is asked for in pages, and in smaller ones`() async throws {
        try await TestAPIServer.run { server in
            for index in 0..<8 {
                let (pod, objects) = PodFixture.deployment(index)
                server.cluster.set(objects)
                server.cluster.put(pod.uid, pod.json)
            }
            let settings = ClusterSettings.fast {
                $0.pageSize = 16
                $0.limits.listBytes = 8000
            }
            try await ledger.watching(.test(server), settings) {
                let now = try await ledger.wait("in sync") { $0.isSynced }
                #expect(now.pods.count == 8)
                #expect(server.cluster.lists.count { $0.contains("resourceVersion=0") } == 1)
                #expect(ledger.counters.failures == 0)
            }
        }
    }

    @Test(arguments: [
        [TestCluster.Fault.status(500), .status(503, retryAfter: 0), .hangUp], [.status(429, retryAfter: 0)],
        [.status(403)],
        [.body("{"), .body("[]"), .body(#"{"items":[]}"#), .body("")],
    ])
    func `a list that fails is tried again until it is there`(_ faults: [TestCluster.Fault]) async throws {
        try await TestAPIServer.run { server in
            let (pod, objects) = PodFixture.deployment()
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            for fault in faults { server.cluster.fail(.list, fault) }
            try await ledger.watching(.test(server)) {
                let now = try await ledger.wait("in sync") { $0.isSynced }
                #expect(now.pods.count == 1)
                #expect(ledger.counters.failures == UInt64(faults.count))
                #expect(now.changes.contains(.stale))
                #expect(!ledger.status.snapshot.lastError.isEmpty)
            }
        }
    }

    @Test func `an answer that does not come is given up`() async throws {
        try await TestAPIServer.run { server in
            server.cluster.fail(.list, .silence)
            try await ledger.watching(.test(server), .fast { $0.limits.list = .seconds(1) }) {
                try await ledger.wait("in sync") { $0.isSynced }
            }
        }
    }

    @Test func `the server's Retry-After is kept to`() async throws {
        try await TestAPIServer.run { server in
            server.cluster.fail(.list, .status(429, retryAfter: 1))
            let start = ContinuousClock.now
            try await ledger.watching(.test(server)) {
                try await ledger.wait("in sync") { $0.isSynced }
                #expect(ContinuousClock.now - start >= .seconds(1))
                #expect(ledger.counters.throttled == 1)
            }
        }
    }

    @Test(arguments: [
        TestCluster.Fault.status(410),
        .body(
            #"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"too old resource version","code":410}}"#
                + "\n"),
    ])
    func `a server whose lists are good and whose watches are not is asked ever less often, and is not in sync`(
        _ fault: TestCluster.Fault
    ) async throws {
        try await TestAPIServer.run { server in
            let (pod, objects) = PodFixture.deployment()
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            server.cluster.keepFailing(.watch, fault)
            let settings = ClusterSettings.fast {
                $0.backoff = Backoff.Bounds(first: .milliseconds(50), ceiling: .seconds(600))
                $0.shortWatch = .seconds(600)
                $0.staleAfter = .seconds(1)
            }
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("stale") { $0.isStale && $0.pods.count == 1 }
                #expect(ledger.status.snapshot.state == .stale)
                // Without growth there would be some forty in that second; that twelve waits that double, from 50 ms on and
                // each of any part of that, fit into it is as good as impossible.
                #expect((2...12).contains(server.cluster.lists.count))
            }
        }
    }

    @Test(arguments: [TestCluster.Request.list, .watch])
    func `a server that does not permit it is told as such, until it does`(_ request: TestCluster.Request) async throws
    {
        try await TestAPIServer.run { server in
            let (pod, objects) = PodFixture.deployment()
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            server.cluster.keepFailing(
                request, .status(403, reason: "pods is forbidden: User cannot watch resource at the cluster scope"))
            try await ledger.watching(.test(server)) {
                // The status comes first, then the change.
                try await ledger.wait("refused") { $0.isStale && ledger.status.snapshot.state == .refused }
                let report = HealthReport(collector: CollectorSummary(), identity: ledger.status.snapshot)
                let readiness = report.readiness()
                #expect(!readiness.ready && readiness.identity.state == "refused")
                let reason = readiness.reasons.first { $0.contains("rbac.yaml") }
                #expect(reason?.contains("status 403: pods is forbidden: User") == true)
                #expect(ledger.counters.forbidden >= 1)
                server.cluster.keepFailing(request, nil)
                try await ledger.wait("in sync") { $0.isSynced }
                #expect(ledger.status.snapshot.state == .synced)
            }
        }
    }

    @Test func `while the server is away the state is stale, and afterwards in sync without a new list`() async throws {
        try await synced { server in
            server.cluster.fail(.watch, .hangUp, .status(500), .hangUp)
            server.cluster.step(.drop)
            try await ledger.wait("stale") { $0.changes.contains(.stale) }
            let (pod, objects) = PodFixture.deployment(1, name: "writer")
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            try await ledger.wait("in sync again") { $0.isSynced && $0.pods.count == 2 }
            #expect(ledger.status.snapshot.state == .synced)
            #expect(server.cluster.lists.count == 1)
        }
    }

    /// The servers in these tests and the client are one debug build on busy processors; `Benchmarks/ClusterBenchmark`
    /// measures how long it really takes.
    @Test func `250 pods of a full node, each of a Deployment of its own, are known within 15 seconds, at worst`()
        async throws
    {
        try await TestAPIServer.run { server in
            server.cluster.set(PodFixture.kubeSystem)
            for index in 0..<250 {
                let (pod, objects) = PodFixture.deployment(index, name: "app\(index)")
                server.cluster.set(objects)
                server.cluster.put(pod.uid, pod.json)
            }
            let start = ContinuousClock.now
            try await ledger.watching(.test(server)) {
                let now = try await ledger.wait("in sync") { $0.isSynced }
                let time = ContinuousClock.now - start
                #expect(now.pods.count == 250)
                #expect(time < .seconds(15))
            }
        }
    }

    @Test func `more pods than there is room for are counted`() async throws {
        try await TestAPIServer.run { server in
            for index in 0..<10 {
                let (pod, objects) = PodFixture.deployment(index)
                server.cluster.set(objects)
                server.cluster.put(pod.uid, pod.json)
            }
            try await ledger.watching(.test(server), .fast { $0.maximumPods = 7 }) {
                let now = try await ledger.wait("in sync") { $0.isSynced }
                #expect(now.pods.count == 7)
                #expect(ledger.counters.overflow == 3)
            }
        }
    }

    @Test func `a pod without a UID keeps nobody else from being told`() async throws {
        try await synced { server in
            server.cluster.put("none", #"{"metadata":{"name":"odd","namespace":"agents","resourceVersion":"VERSION"}}"#)
            let (pod, objects) = PodFixture.deployment(1, name: "writer")
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            try await ledger.wait("the new pod") { $0.pods[pod.uid] != nil }
            #expect(ledger.counters.malformed == 1)
            #expect(server.cluster.lists.count == 1)
        }
    }

    /// Leads to a list.
    private static let gone =
        #"{"type":"ERROR","object":{"kind":"Status","message":"too old resource version","code":410}}"# + "\n"

    @Test func `pods of other nodes are left out and counted`() async throws {
        try await synced { server in
            let foreign = PodFixture("u2", "p2").json.replacing(#""nodeName":"n1""#, with: #""nodeName":"n2""#)
            server.cluster.put("u2", foreign)
            try await ledger.wait("the event") { _ in ledger.counters.foreignPods == 1 }
            server.cluster.step(.bytes(Self.gone))
            try await ledger.wait("the second list") { _ in ledger.counters.foreignPods == 2 }
            #expect(ledger.now.pods.count == 1 && ledger.status.snapshot.pods == 1)
        }
    }

    @Test func `a cluster's id that does not come holds the pods up for a moment only`() async throws {
        try await TestAPIServer.run { server in
            let (pod, objects) = PodFixture.deployment()
            server.cluster.set(objects)
            server.cluster.set(PodFixture.kubeSystem)
            server.cluster.put(pod.uid, pod.json)
            server.cluster.keepFailing(.get("/api/v1/namespaces/kube-system"), .silence)
            let settings = ClusterSettings.fast {
                $0.ownerTimeout = .seconds(15)
                $0.identityWait = .milliseconds(500)
            }
            let start = ContinuousClock.now
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("in sync") { $0.isSynced }
                #expect(ContinuousClock.now - start < .seconds(10))
                #expect(ledger.status.snapshot.clusterID.isEmpty)
            }
        }
    }

    @Test func `another cluster behind the same address is recognised with the next list`() async throws {
        try await synced { server in
            server.cluster.set("/api/v1/namespaces/kube-system", PodFixture.metadata("other-uid", "kube-system"))
            server.cluster.step(.bytes(Self.gone))
            try await ledger.wait("the other id") { $0.cluster == "other-uid" }
            #expect(ledger.status.snapshot.clusterID == "other-uid")
        }
    }

    /// `openssl` begins an answer and is then stopped, as a machine that has lost its power would be.
    @Test func `a server that does not take leave holds up the end for a moment only`() async throws {
        let certificates = try TestCertificates.shared.get()
        let server = try SilentServer(certificates)
        defer { server.end() }
        var endpoint = APIEndpoint(url: "https://127.0.0.1:\(server.port)")
        endpoint.authority = .file(certificates.path("ca.crt"))
        let client = APIClient(
            endpoint, limits: .init(), status: ledger.status, group: MultiThreadedEventLoopGroup.singleton)
        var stream: LineStream? = try await client.stream("/")
        #expect(try await stream?.next() != nil)
        server.stop()
        let start = ContinuousClock.now
        stream = nil
        await client.shutdown()
        #expect(ContinuousClock.now - start < .seconds(3))
    }
}
