// SPDX-License-Identifier: Apache-2.0

import SensorTestSupport
import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(2))) struct OwnerTests {
    private typealias Owner = PodFixture.Owner

    private let ledger = ClusterLedger()
    private static let apps = "/apis/apps/v1/namespaces/agents"
    private static let batch = "/apis/batch/v1/namespaces/agents"

    /// How the pod is told that `owner` manages, in a cluster of these objects.
    private func told(
        _ owner: PodFixture.Owner?, _ objects: [String: String] = [:], settings: ClusterSettings = .fast(),
        faults: [(TestCluster.Request, TestCluster.Fault)] = [], labels: [String: String] = [:],
        body: (TestAPIServer) async throws -> Void = { _ in }
    ) async throws -> PodIdentity {
        var told: PodIdentity?
        try await TestAPIServer.run { server in
            var pod = PodFixture("u1", "p1", owner: owner)
            pod.labels = labels
            server.cluster.set(objects)
            for (request, fault) in faults { server.cluster.fail(request, fault) }
            server.cluster.put(pod.uid, pod.json)
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("in sync and settled") { $0.isSynced && $0.pods["u1"] != nil }
                try await body(server)
                told = ledger.now.pods["u1"]
            }
        }
        return try #require(told)
    }

    @Test(arguments: [
        ("apps/v1", "StatefulSet", "statefulsets"), ("apps/v1", "DaemonSet", "daemonsets"),
        ("v1", "ReplicationController", "replicationcontrollers"),
    ])
    func `what manages pods itself lasts`(_ version: String, _ kind: String, _ plural: String) async throws {
        let path = (version == "v1" ? "/api/v1" : "/apis/apps/v1") + "/namespaces/agents/\(plural)/web"
        let pod = try await told(
            Owner(apiVersion: version, kind: kind, name: "web", uid: "w"), [path: PodFixture.metadata("w", "web")],
            labels: ["controller-revision-hash": "web-5f"])
        #expect(pod.controller == .init(group: version == "v1" ? "" : "apps", kind: kind, name: "web", uid: "w"))
        #expect(pod.controllerSource == .get && pod.ownerChain.isEmpty && pod.revision == "web-5f")
    }

    @Test func `a Job passes on to its CronJob`() async throws {
        let pod = try await told(
            Owner(apiVersion: "batch/v1", kind: "Job", name: "report-29400", uid: "j"),
            [
                Self.batch + "/jobs/report-29400": PodFixture.metadata(
                    "j", "report-29400", owner: Owner(apiVersion: "batch/v1", kind: "CronJob", name: "report", uid: "c")
                ),
                Self.batch + "/cronjobs/report": PodFixture.metadata("c", "report"),
            ])
        #expect(pod.controller == .init(group: "batch", kind: "CronJob", name: "report", uid: "c"))
    }

    @Test func `a one-off Job goes by what its name was generated from, or by a chosen label`() async throws {
        let owner = Owner(apiVersion: "batch/v1", kind: "Job", name: "import-x7k2p", uid: "j")
        let job = PodFixture.metadata("j", "import-x7k2p", generateName: "import-", labels: ["team/job": "importer"])
        let objects = [Self.batch + "/jobs/import-x7k2p": job]
        let pod = try await told(owner, objects)
        #expect(pod.controller == .init(group: "batch", kind: "Job", name: "import", uid: "j"))
        let labelled = try await OwnerTests().told(
            owner, objects, settings: .fast { $0.choices.subjectLabel = "team/job" })
        #expect(labelled.controller.name == "importer")
    }

    @Test func `a ReplicaSet passes on to whatever owns it, found by discovery`() async throws {
        let rollout = Owner(apiVersion: "argoproj.io/v1alpha1", kind: "Rollout", name: "web", uid: "r")
        let pod = try await told(
            .replicaSet("web-5f", "s"),
            [
                Self.apps + "/replicasets/web-5f": PodFixture.metadata(
                    "s", "web-5f", owner: rollout, annotations: ["rollout.argoproj.io/revision": "12"]),
                "/apis/argoproj.io/v1alpha1":
                    #"{"kind":"APIResourceList","resources":[{"name":"rollouts/status","kind":"Rollout","namespaced":true},{"name":"rollouts","kind":"Rollout","namespaced":true}]}"#,
                "/apis/argoproj.io/v1alpha1/namespaces/agents/rollouts/web": PodFixture.metadata("r", "web"),
            ])
        #expect(pod.controller == .init(group: "argoproj.io", kind: "Rollout", name: "web", uid: "r"))
        #expect(pod.controllerSource == .get && pod.revision == "12")
    }

    @Test func `an operator's resource above a Deployment is in the chain and does not swallow it`() async throws {
        let agent = Owner(apiVersion: "ai.test/v1", kind: "Agent", name: "planner", uid: "a")
        let (_, objects) = PodFixture.deployment()
        let changed = objects.merging([
            Self.apps + "/deployments/planner": PodFixture.metadata("dep-planner", "planner", owner: agent)
        ]) { $1 }
        let pod = try await told(.replicaSet("planner-7c9d", "rs-planner"), changed)
        #expect(pod.controller.kind == "Deployment")
        // The server knows no such kind: the reference is all there is of it.
        #expect(pod.ownerChain == [.init(group: "ai.test", kind: "Agent", name: "planner", uid: "a")])
    }

    @Test func `a ReplicaSet that nobody owns lasts itself`() async throws {
        let pod = try await told(
            .replicaSet("rs", "s"), [Self.apps + "/replicasets/rs": PodFixture.metadata("s", "rs")])
        #expect(pod.controller.kind == "ReplicaSet" && pod.controllerSource == .get)
    }

    @Test func `an owner that is gone, replaced or hidden ends the climb at the reference`() async throws {
        let gone = try await told(.replicaSet("rs", "s"))
        #expect(gone.controller == .init(group: "apps", kind: "ReplicaSet", name: "rs", uid: "s"))
        #expect(gone.controllerSource == .reference)
        #expect(ledger.counters.missingOwners == 1)
        let replaced = try await OwnerTests().told(
            .replicaSet("rs", "s"), [Self.apps + "/replicasets/rs": PodFixture.metadata("another", "rs")])
        #expect(replaced.controllerSource == .reference)
        let hidden = OwnerTests()
        let pod = try await hidden.told(
            .replicaSet("rs", "s"), faults: [(.get(Self.apps + "/replicasets/rs"), .status(403))])
        #expect(pod.controllerSource == .reference)
        #expect(hidden.ledger.counters.forbidden == 1)
    }

    @Test func `objects that own each other are found out and counted`() async throws {
        let pod = try await told(
            .replicaSet("a", "ra"),
            [
                Self.apps + "/replicasets/a": PodFixture.metadata("ra", "a", owner: .replicaSet("b", "rb")),
                Self.apps + "/replicasets/b": PodFixture.metadata("rb", "b", owner: .replicaSet("a", "ra")),
            ])
        #expect(pod.controller.name == "b")
        #expect(ledger.counters.ownerLoops == 1)
        let own = OwnerTests()
        _ = try await own.told(
            .replicaSet("a", "ra"),
            [Self.apps + "/replicasets/a": PodFixture.metadata("ra", "a", owner: .replicaSet("a", "ra"))])
        #expect(own.ledger.counters.ownerLoops == 1)
    }

    @Test func `an owner that cannot be read for now is asked for again, and keeps nobody else waiting`() async throws {
        let (_, objects) = PodFixture.deployment()
        let path = Self.apps + "/replicasets/planner-7c9d"
        let faults = Array(repeating: TestCluster.Fault.status(500), count: 3) + [.status(429, retryAfter: 0), .hangUp]
        try await TestAPIServer.run { server in
            server.cluster.set(objects)
            for fault in faults { server.cluster.fail(.get(path), fault) }
            let waiting = PodFixture("u1", "p1", owner: .replicaSet("planner-7c9d", "rs-planner"))
            server.cluster.put(waiting.uid, waiting.json)
            let bare = PodFixture("u2", "p2")
            server.cluster.put(bare.uid, bare.json)
            try await ledger.watching(.test(server)) {
                try await ledger.wait("the bare pod") { $0.pods["u2"] != nil }
                let now = try await ledger.wait("the Deployment's pod") { $0.pods["u1"] != nil }
                #expect(now.pods["u1"]?.controller.kind == "Deployment")
                #expect(now.pods["u2"]?.controller == .init(group: "", kind: "Pod", name: "p2", uid: "u2"))
                #expect(ledger.counters.retries == UInt64(faults.count))
                try await ledger.wait("settled") { _ in ledger.status.snapshot.unsettledPods == 0 }
            }
        }
    }

    @Test func `what stands above a controller may come later, and is told then`() async throws {
        let (_, objects) = PodFixture.deployment()
        let pod = try await told(
            .replicaSet("planner-7c9d", "rs-planner"), objects,
            faults: [(.get(Self.apps + "/deployments/planner"), .status(503))]
        ) { _ in
            try await ledger.wait("the Deployment itself") { $0.pods["u1"]?.controllerSource == .get }
        }
        #expect(pod.controller.kind == "Deployment")
        #expect(
            ledger.now.changes.contains {
                if case .pod(let pod) = $0 { pod.controllerSource == .reference } else { false }
            })
    }

    @Test func `an owner that could not be read is looked for again later`() async throws {
        let (_, objects) = PodFixture.deployment()
        let settings = ClusterSettings.fast {
            $0.refreshInterval = .milliseconds(20)
            $0.readerTimes.missing = .milliseconds(1)
        }
        let pod = try await told(.replicaSet("planner-7c9d", "rs-planner"), settings: settings) { server in
            server.cluster.set(objects)
            try await ledger.wait("the Deployment") { $0.pods["u1"]?.controller.kind == "Deployment" }
        }
        #expect(pod.controllerSource == .get)
    }

    @Test func `chosen labels of a namespace are part of its pods, and follow it`() async throws {
        let path = "/api/v1/namespaces/agents"
        let settings = ClusterSettings.fast {
            $0.choices.namespaceLabels = [Glob("team*")]
            $0.refreshInterval = .milliseconds(20)
        }
        let pod = try await told(
            nil, [path: PodFixture.metadata("ns", "agents", labels: ["team": "blue", "other": "x"])], settings: settings
        ) { server in
            #expect(ledger.now.pods["u1"]?.labels == ["namespace/team": "blue"])
            server.cluster.set(path, PodFixture.metadata("ns", "agents", labels: ["team": "red"]))
            try await ledger.wait("the new label") { $0.pods["u1"]?.labels == ["namespace/team": "red"] }
        }
        #expect(pod.controller.kind == "Pod")
    }
}
