// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
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

    // MARK: Pods that go

    /// A watch on a server that cannot say who owns a pod, which is deleted.
    private func deleted(
        _ settings: ClusterSettings = .fast(), _ body: (TestAPIServer, PodFixture) async throws -> Void
    ) async throws {
        try await TestAPIServer.run { server in
            let (pod, objects) = PodFixture.deployment()
            server.cluster.set(objects)
            server.cluster.keepFailing(.get(Self.apps + "/replicasets/planner-7c9d"), .status(503))
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("in sync") { $0.isSynced && ledger.counters.watches >= 1 }
                server.cluster.put(pod.uid, pod.json)
                try await ledger.wait("a request") { _ in ledger.counters.retries > 0 }
                server.cluster.delete(pod.uid)
                try await ledger.wait("the deletion") { _ in ledger.counters.events == 2 }
                try await body(server, pod)
            }
        }
    }

    @Test func `a pod that is deleted before its owner is known is told when it is, and then its removal`() async throws
    {
        try await deleted { server, pod in
            #expect(ledger.status.snapshot.pods == 0)
            server.cluster.keepFailing(.get(Self.apps + "/replicasets/planner-7c9d"), nil)
            let now = try await ledger.wait("the removal") { $0.changes.contains(.removed(uid: pod.uid)) }
            let told = now.changes.suffix(2).first
            guard case .pod(let identity) = told else { throw Wrong(told) }
            #expect(identity.controller.name == "planner" && identity.containers.first?.ids == ["c0ffee"])
            #expect(now.changes.last == .removed(uid: pod.uid))
            #expect(ledger.counters.abandonedPods == 0)
        }
    }

    @Test func `a deleted pod whose owner nobody can tell is given up`() async throws {
        try await deleted(.fast { $0.leavingTime = .milliseconds(50) }) { _, pod in
            let now = try await ledger.wait("the end") { _ in ledger.counters.abandonedPods == 1 }
            #expect(now.pods.isEmpty && !now.changes.contains(.removed(uid: pod.uid)))
        }
    }

    @Test func `a deleted pod is told as the server has last seen it`() async throws {
        var log = Logger(label: "test")
        log.logLevel = .critical
        let ledger = ledger
        let tracker = PodTracker(.fast(), status: ledger.status, log: log) { ledger.take($0) }
        var fixture = PodFixture.deployment().pod
        let last = try Self.observed(fixture)
        fixture.status = ""
        await tracker.set(try Self.observed(fixture))
        await tracker.remove(fixture.uid, last: last)
        #expect(ledger.now.changes.isEmpty)
        let question = try #require(await tracker.question(fixture.uid))
        let owner = OwnerResolution(
            from: "rs-planner", controller: .init(group: "apps", kind: "Deployment", name: "planner", uid: "d"),
            source: .get)
        #expect(await tracker.settle(fixture.uid, question, owner, labels: nil, isDone: true))
        guard case .pod(let identity) = ledger.now.changes.first else { throw Wrong(ledger.now.changes.first) }
        #expect(identity.containers.first?.ids == ["c0ffee"])
        #expect(ledger.now.changes.last == .removed(uid: fixture.uid))
    }

    private struct Wrong: Error {
        var change: ClusterChange?

        init(_ change: ClusterChange?) { self.change = change }
    }

    private static func observed(_ fixture: PodFixture) throws -> ObservedPod {
        let pod = try JSONDecoder().decode(PodObject.self, from: Data(fixture.json.utf8))
        return try #require(ObservedPod(pod, choices: WorkloadChoices()))
    }

    // MARK: Owners that cannot be read

    @Test func `an owner that is not to be seen is asked for again soon, and told as a number until then`() async throws
    {
        let (_, objects) = PodFixture.deployment()
        let path = Self.apps + "/replicasets/planner-7c9d"
        let settings = ClusterSettings.fast {
            $0.retryInterval = .milliseconds(20)
            $0.readerTimes.missing = .milliseconds(1)
        }
        try await TestAPIServer.run { server in
            server.cluster.set(objects)
            server.cluster.keepFailing(.get(path), .status(403))
            let pod = PodFixture("u1", "p1", owner: .replicaSet("planner-7c9d", "rs-planner"))
            server.cluster.put(pod.uid, pod.json)
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("in sync") { $0.isSynced }
                #expect(ledger.status.snapshot.forbiddenOwners == 1)
                #expect(ledger.status.snapshot.unsettledPods == 1)
                server.cluster.keepFailing(.get(path), nil)
                try await ledger.wait("the Deployment") { $0.pods["u1"]?.controller.kind == "Deployment" }
                #expect(ledger.status.snapshot.forbiddenOwners == 0)
            }
        }
    }

    @Test func `a pod that does not say readably who manages it keeps what is known, and is else not told`()
        async throws
    {
        let (pod, objects) = PodFixture.deployment()
        let damaged = pod.json.replacing(#","uid":"rs-planner""#, with: "")
        let new = damaged.replacing("pod-planner-0", with: "new").replacing("c0ffee", with: "beef")
        try await TestAPIServer.run { server in
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            server.cluster.put("new", new)
            try await ledger.watching(.test(server)) {
                try await ledger.wait("in sync") { $0.isSynced && ledger.counters.watches >= 1 }
                server.cluster.put(pod.uid, damaged.replacing("c0ffee", with: "f00d"))
                let now = try await ledger.wait("the change") { $0.pods[pod.uid]?.containers.first?.ids == ["f00d"] }
                #expect(now.pods[pod.uid]?.controller.name == "planner")
                #expect(now.pods["new"] == nil)
                #expect(ledger.status.snapshot.unsettledPods == 2)
                #expect(ledger.counters.unreadableOwners == 2)
            }
        }
    }

    // MARK: What the server is asked

    @Test func `while owners cannot be had, one request of all pods tries again, ever less often`() async throws {
        try await TestAPIServer.run { server in
            for index in 0..<40 {
                let pod = PodFixture.deployment(index, name: "app\(index)").pod
                server.cluster.put(pod.uid, pod.json)
                server.cluster.keepFailing(.get(Self.apps + "/replicasets/app\(index)-7c9d"), .status(503))
            }
            let settings = ClusterSettings.fast {
                $0.requests.pause = Backoff.Bounds(first: .milliseconds(100), ceiling: .seconds(600))
            }
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("in sync") { $0.isSynced }
                try await ledger.wait("attempts of all") { _ in ledger.counters.retries >= 80 }
                // Two that are under way at a time, and one after each pause: 0.1 s, 0.2 s and so on, or half of it.
                #expect((2...9).contains(server.cluster.requests("/apis/").count))
            }
        }
    }

    @Test func `a group that hangs keeps no other pod, nor the watch, from being told`() async throws {
        try await TestAPIServer.run { server in
            for index in 0..<24 {
                let group = "dead\(index % 6).io"
                let owner = Owner(apiVersion: group + "/v1", kind: "Foo", name: "foo\(index)", uid: "foo\(index)")
                let pod = PodFixture("u\(index)", "p\(index)", owner: owner)
                server.cluster.put(pod.uid, pod.json)
                server.cluster.keepFailing(.get("/apis/\(group)/v1"), .silence)
            }
            let settings = ClusterSettings.fast { $0.ownerTimeout = .milliseconds(500) }
            let start = ContinuousClock.now
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("the watch") { _ in ledger.counters.watches >= 1 }
                let (pod, objects) = PodFixture.deployment()
                server.cluster.set(objects)
                server.cluster.put(pod.uid, pod.json)
                try await ledger.wait("the pod") { $0.pods[pod.uid]?.controller.name == "planner" }
                server.cluster.step(.end)
                try await ledger.wait("another watch") { _ in ledger.counters.watches >= 2 }
                try await ledger.wait("in sync") { $0.isSynced }
                #expect(ContinuousClock.now - start < .seconds(20))
                // By reference, since nothing more is to be had of a custom resource.
                #expect(ledger.now.pods["u0"]?.controller.name == "foo0")
            }
        }
    }

    @Test func `an owner that hangs keeps none of its own group from being told`() async throws {
        try await TestAPIServer.run { server in
            let (hanging, hidden) = PodFixture.deployment(0, name: "hanging")
            server.cluster.set(hidden)
            server.cluster.put(hanging.uid, hanging.json)
            server.cluster.keepFailing(.get(Self.apps + "/replicasets/hanging-7c9d"), .silence)
            let settings = ClusterSettings.fast { $0.ownerTimeout = .milliseconds(200) }
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("an attempt that failed") { _ in ledger.counters.retries >= 1 }
                for index in 1...7 {
                    let (pod, objects) = PodFixture.deployment(index, name: "app\(index)")
                    server.cluster.set(objects)
                    server.cluster.put(pod.uid, pod.json)
                }
                try await ledger.wait("the others") { now in
                    (1...7).allSatisfy { now.pods["pod-app\($0)-\($0)"]?.controller.name == "app\($0)" }
                }
                #expect(ledger.now.pods[hanging.uid]?.controller.name != "hanging")
            }
        }
    }

    @Test func `what stands above a controller keeps nobody from knowing it`() async throws {
        try await TestAPIServer.run { server in
            let (pod, objects) = PodFixture.deployment()
            server.cluster.set(objects)
            server.cluster.put(pod.uid, pod.json)
            server.cluster.keepFailing(.get(Self.apps + "/deployments/planner"), .silence)
            let settings = ClusterSettings.fast { $0.ownerTimeout = .seconds(3600) }
            try await ledger.watching(.test(server), settings) {
                try await ledger.wait("the pod") { $0.pods[pod.uid]?.controller.name == "planner" }
                #expect(ledger.now.pods[pod.uid]?.controller.kind == "Deployment")
            }
        }
    }

    @Test func `what a group holds is asked for once, however many pods wait for it`() async throws {
        try await TestAPIServer.run { server in
            let version = "argoproj.io/v1alpha1"
            for index in 0..<40 {
                let pod = PodFixture.deployment(index, name: "app\(index)").pod
                server.cluster.put(pod.uid, pod.json)
                let name = "app\(index)"
                let owner = Owner(apiVersion: version, kind: "Rollout", name: name, uid: "ro-\(name)")
                server.cluster.set([
                    Self.apps + "/replicasets/\(name)-7c9d":
                        PodFixture.metadata("rs-\(name)", "\(name)-7c9d", owner: owner),
                    "/apis/\(version)/namespaces/agents/rollouts/\(name)": PodFixture.metadata("ro-\(name)", name),
                ])
            }
            server.cluster.set(
                "/apis/\(version)",
                #"{"kind":"APIResourceList","resources":[{"name":"rollouts","kind":"Rollout","namespaced":true}]}"#)
            try await ledger.watching(.test(server)) {
                let now = try await ledger.wait("in sync") { $0.isSynced }
                #expect(now.pods.values.count { $0.controller.kind == "Rollout" && $0.controllerSource == .get } == 40)
                #expect(server.cluster.requests("/apis/\(version)").count { $0 == "/apis/\(version)" } == 1)
            }
        }
    }
}
