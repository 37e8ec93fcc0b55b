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

    @Test func `pods that are still there are told again with their new source`() async throws {
        let fixture = PodFixture.deployment()
        cache().write(.init(node: "n1", cluster: "cluster-uid", pods: [pod(fixture.pod.uid)]))
        try await TestAPIServer.run { server in
            server.cluster.set(fixture.objects)
            server.cluster.put(fixture.pod.uid, fixture.pod.json)
            try await ledger.watching(.test(server), .fast { $0.cacheFile = file }) {
                let now = try await ledger.wait("in sync") { $0.isSynced }
                #expect(now.pods[fixture.pod.uid]?.source == .watch)
                #expect(!now.changes.contains(.removed(uid: fixture.pod.uid)))
            }
        }
    }

    @Test(arguments: [
        "", "{", "null", "{}", #"{"version":2,"node":"n1","cluster":"","pods":[]}"#,
        #"{"version":1,"node":"n1","cluster":"","pods":7}"#, #"{"version":1,"node":"another","cluster":"","pods":[]}"#,
        "\u{0}\u{1}",
    ])
    func `a file that is damaged, of another version or another node's is not used`(_ text: String) throws {
        SmallFile.makeDirectory(of: file)
        try SmallFile.replace(file, with: Array(text.utf8))
        #expect(cache().read(node: "n1") == nil)
    }

    @Test(arguments: [
        "chmod g+w identity.json", "chmod o+w identity.json", "mv identity.json other; ln -s other identity.json",
    ])
    func `a file that somebody else can have written is not used`(_ change: String) throws {
        cache().write(.init(node: "n1", cluster: "c", pods: [pod("u1")]))
        #expect(cache().read(node: "n1") != nil)
        try Child.shell("cd '\(directory.path)/state' && { \(change); }")
        #expect(cache().read(node: "n1") == nil)
        #expect(ledger.counters.cacheFailures == 1)
    }

    @Test(.enabled(if: getuid() == 0, "only root gives files away"))
    func `a file that belongs to somebody else is not used`() throws {
        cache().write(.init(node: "n1", cluster: "c", pods: [pod("u1")]))
        #expect(chown(file, 65534, 0) == 0)
        #expect(cache().read(node: "n1") == nil)
    }

    @Test func `one damaged pod does not take the others along`() throws {
        cache().write(.init(node: "n1", cluster: "c", pods: [pod("u1"), pod("u2")]))
        let text = String(decoding: try SmallFile.read(file, limit: 1 << 20), as: UTF8.self)
        try SmallFile.replace(file, with: Array(text.replacing(#""uid":"u1""#, with: #""uid":1"#).utf8))
        #expect(cache().read(node: "n1")?.pods.map(\.uid) == ["u2"])
    }

    @Test func `what is written comes back as it was`() {
        var full = pod("u1")
        full.tokens = [.init(audience: "vault", path: "/t", container: "main")]
        full.containers = [.init(name: "main", role: .initial, ids: ["a"], image: "i", imageDigest: "sha256:1")]
        full.ownerChain = [.init(group: "g", kind: "K", name: "n", uid: "u")]
        full.labels = ["a": "b"]
        let content = IdentityCache.Content(node: "n1", cluster: "c", pods: [full, pod("u2")])
        cache().write(content)
        #expect(cache().read(node: "n1") == content)
    }

    @Test func `a directory that cannot be written to is counted`() {
        let cache = IdentityCache(path: "/proc/none/identity.json", status: ledger.status, log: cache().log)
        cache.write(.init(node: "n1", cluster: "c", pods: []))
        #expect(ledger.counters.cacheFailures == 1)
        #expect(cache.read(node: "n1") == nil)
    }
}
