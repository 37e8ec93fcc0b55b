// SPDX-License-Identifier: Apache-2.0

import Glibc
import Logging
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(2))) struct IdentityCacheTests {
    private let directory: TestDirectory
    private let ledger = ClusterLedger()
    private var file: String { directory.path + "/state/identity.json" }

    init() throws { directory = try TestDirectory() }

    private func cache() -> IdentityCache {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return IdentityCache(path: file, status: ledger.status, log: log)
    }

    private func pod(_ uid: String) -> PodIdentity {
        PodIdentity(
            uid: uid, namespace: "agents", name: "p-\(uid)",
            controller: .init(group: "apps", kind: "Deployment", name: "planner", uid: "dep-planner"),
            controllerSource: .get)
    }

    @Test func `what is known outlives the agent while the API server is away`() async throws {
        try await TestAPIServer.run { server in
            let (pod, objects) = PodFixture.deployment()
            server.cluster.set(objects)
            server.cluster.set(PodFixture.kubeSystem)
            server.cluster.put(pod.uid, pod.json)
            let settings = ClusterSettings.fast { $0.cacheFile = file }
            try await ledger.watching(.test(server), settings) { try await ledger.wait("in sync") { $0.isSynced } }
            #expect(ledger.counters.cacheWrites > 0)

            var details = stat()
            #expect(stat(file, &details) == 0 && details.st_mode & 0o777 == 0o600)
            #expect(stat(directory.path + "/state", &details) == 0 && details.st_mode & 0o777 == 0o700)

            // The next run finds no server, and then a cluster in which the pod is gone.
            let next = ClusterLedger()
            server.cluster.delete(pod.uid, isTold: false)
            let (other, _) = PodFixture.deployment(1)
            server.cluster.put(other.uid, other.json)
            server.cluster.keepFailing(.list, .hangUp)
            server.cluster.keepFailing(.get("/api/v1/namespaces/kube-system"), .hangUp)
            try await next.watching(.test(server), settings) {
                let now = try await next.wait("stale") { $0.isStale }
                #expect(now.cluster == "cluster-uid")
                let told = try #require(now.pods[pod.uid])
                #expect(told.source == .cache && told.controllerSource == .cache && told.controller.name == "planner")
                #expect(next.status.snapshot.state == .stale)
                server.cluster.keepFailing(.list, nil)
                let after = try await next.wait("in sync") { $0.isSynced }
                #expect(after.pods[pod.uid] == nil && after.pods[other.uid]?.source == .watch)
            }
        }
    }

    /// Runs a watch on a server after an earlier run has kept a Deployment's pod.
    private func restarted(
        _ fixture: PodFixture, _ objects: [String: String] = [:], from owner: String = "rs-planner",
        isLasting: Bool = true, failing: (String, TestCluster.Fault)? = nil,
        _ body: (TestAPIServer) async throws -> Void
    ) async throws {
        try await TestAPIServer.run { server in
            let origin = IdentityCache.Content.Origin(owner: owner, isLasting: isLasting)
            cache().write(
                .init(
                    node: "n1", server: try APIEndpoint.test(server).mark, cluster: "cluster-uid",
                    pods: [pod(fixture.uid)], origins: [fixture.uid: origin]))
            server.cluster.set(objects)
            server.cluster.put(fixture.uid, fixture.json)
            if let failing { server.cluster.keepFailing(.get(failing.0), failing.1) }
            let settings = ClusterSettings.fast {
                $0.cacheFile = file
                $0.retryInterval = .milliseconds(20)
                $0.readerTimes.missing = .milliseconds(1)
            }
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("in sync") { $0.isSynced }
                try await body(server)
            }
        }
    }

    private static let replicaSet = "/apis/apps/v1/namespaces/agents/replicasets/planner-7c9d"

    @Test func `pods that are still there are told again with their new source`() async throws {
        let fixture = PodFixture.deployment()
        try await restarted(fixture.pod, fixture.objects) { _ in
            try await ledger.wait("the owner") { $0.pods[fixture.pod.uid]?.controllerSource == .get }
            let now = ledger.now
            #expect(now.pods[fixture.pod.uid]?.source == .watch)
            #expect(!now.changes.contains(.removed(uid: fixture.pod.uid)))
            #expect(ledger.status.snapshot.unsettledPods == 0)
        }
    }

    @Test(arguments: [404, 403])
    func `an owner that cannot be read does not take the place of the controller that is known`(_ code: Int)
        async throws
    {
        let fixture = PodFixture.deployment()
        try await restarted(fixture.pod, fixture.objects, failing: (Self.replicaSet, .status(code))) { server in
            let told = try #require(ledger.now.pods[fixture.pod.uid])
            #expect(told.controller.kind == "Deployment" && told.controller.name == "planner")
            #expect(told.controllerSource == .cache && told.source == .watch)
            #expect(told.containers.first?.ids == ["c0ffee"])
            let status = ledger.status.snapshot
            #expect(status.unsettledPods == 1 && status.forbiddenOwners == (code == 403 ? 1 : 0))
            server.cluster.keepFailing(.get(Self.replicaSet), nil)
            try await ledger.wait("the Deployment") { $0.pods[fixture.pod.uid]?.controllerSource == .get }
            try await ledger.wait("settled") { _ in ledger.status.snapshot.unsettledPods == 0 }
            #expect(ledger.status.snapshot.forbiddenOwners == 0)
        }
    }

    @Test(arguments: [("another", true), ("rs-planner", false)])
    func `what was kept of another owner, or of one that could not be read, is no better`(
        _ owner: String, _ isLasting: Bool
    ) async throws {
        let fixture = PodFixture.deployment()
        try await restarted(fixture.pod, from: owner, isLasting: isLasting) { _ in
            let told = try #require(ledger.now.pods[fixture.pod.uid])
            #expect(told.controller.kind == "ReplicaSet" && told.controllerSource == .reference)
        }
    }

    @Test func `while the owner cannot be asked for, the pod is told as it is now with the controller that is known`()
        async throws
    {
        var fixture = PodFixture.deployment()
        fixture.pod.status = fixture.pod.status.replacing("c0ffee", with: "beef")
        try await restarted(fixture.pod, fixture.objects, failing: (Self.replicaSet, .status(503))) { server in
            let told = try #require(ledger.now.pods[fixture.pod.uid])
            #expect(told.containers.first?.ids == ["beef"])
            #expect(told.controller.name == "planner" && told.controllerSource == .cache)
            #expect(ledger.status.snapshot.unsettledPods == 1)
            server.cluster.keepFailing(.get(Self.replicaSet), nil)
            try await ledger.wait("the Deployment") { $0.pods[fixture.pod.uid]?.controllerSource == .get }
        }
    }

    @Test func `another server, or another CA, has another mark`() {
        var endpoint = APIEndpoint(url: "https://10.96.0.1:443")
        endpoint.authority = .bytes(Array("one".utf8))
        let mark = endpoint.mark
        #expect(endpoint.mark == mark)
        endpoint.authority = .bytes(Array("two".utf8))
        #expect(endpoint.mark != mark)
        endpoint.authority = .bytes(Array("one".utf8))
        endpoint.url = "https://10.96.0.2:443"
        #expect(endpoint.mark != mark)
    }

    @Test(arguments: [
        "", "{", "null", "{}", #"{"version":1,"node":"n1","cluster":"","pods":[]}"#,
        #"{"version":3,"node":"n1","server":"s","cluster":"","pods":[]}"#,
        #"{"version":2,"node":"n1","server":"s","cluster":"","pods":7}"#,
        #"{"version":2,"node":"another","server":"s","cluster":"","pods":[]}"#,
        #"{"version":2,"node":"n1","server":"another","cluster":"","pods":[]}"#, "\u{0}\u{1}",
    ])
    func `a file that is damaged, of another version, another node's or another server's is not used`(_ text: String)
        throws
    {
        SmallFile.makeDirectory(of: file)
        try SmallFile.replace(file, with: Array(text.utf8))
        #expect(cache().read(node: "n1", server: "s") == nil)
    }

    @Test(arguments: [
        "chmod g+w identity.json", "chmod o+w identity.json", "chmod o+w .",
    ])
    func `a file that somebody else can have written is not used`(_ change: String) throws {
        cache().write(.init(node: "n1", server: "s", cluster: "c", pods: [pod("u1")]))
        #expect(cache().read(node: "n1", server: "s") != nil)
        try Child.shell("cd '\(directory.path)/state' && { \(change); }")
        #expect(cache().read(node: "n1", server: "s") == nil)
        #expect(ledger.counters.cacheFailures == 1)
    }

    @Test(.enabled(if: getuid() == 0, "only root gives files away"))
    func `a file that belongs to somebody else is not used`() throws {
        cache().write(.init(node: "n1", server: "s", cluster: "c", pods: [pod("u1")]))
        #expect(chown(file, 65534, 0) == 0)
        #expect(cache().read(node: "n1", server: "s") == nil)
    }

    @Test func `one damaged pod does not take the others along`() throws {
        cache().write(.init(node: "n1", server: "s", cluster: "c", pods: [pod("u1"), pod("u2")]))
        let text = String(decoding: try SmallFile.read(file, limit: 1 << 20), as: UTF8.self)
        try SmallFile.replace(file, with: Array(text.replacing(#""uid":"u1""#, with: #""uid":1"#).utf8))
        #expect(cache().read(node: "n1", server: "s")?.pods.map(\.uid) == ["u2"])
    }

    @Test func `what is written comes back as it was`() {
        var full = pod("u1")
        full.tokens = [.init(audience: "vault", path: "/t", container: "main")]
        full.containers = [.init(name: "main", role: .initial, ids: ["a"], image: "i", imageDigest: "sha256:1")]
        full.ownerChain = [.init(group: "g", kind: "K", name: "n", uid: "u")]
        full.labels = ["a": "b"]
        let content = IdentityCache.Content(
            node: "n1", server: "s", cluster: "c", pods: [full, pod("u2")],
            origins: ["u1": .init(owner: "rs", isLasting: true)])
        cache().write(content)
        #expect(cache().read(node: "n1", server: "s") == content)
    }

    @Test func `a directory that cannot be written to is counted`() {
        let cache = IdentityCache(path: "/proc/none/identity.json", status: ledger.status, log: cache().log)
        cache.write(.init(node: "n1", server: "s", cluster: "c", pods: []))
        #expect(ledger.counters.cacheFailures == 1)
        #expect(cache.read(node: "n1", server: "s") == nil)
    }
}
