// SPDX-License-Identifier: Apache-2.0

import NIOCore
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite struct PodParsingTests {
    private let status = ClusterStatusBoard()

    private func pod(_ fixture: PodFixture, _ choices: WorkloadChoices = WorkloadChoices()) throws -> ObservedPod {
        try #require(try parse(fixture.json, choices))
    }

    private func parse(_ json: String, _ choices: WorkloadChoices = WorkloadChoices()) throws -> ObservedPod? {
        let line = ByteBuffer(string: #"{"type":"ADDED","object":\#(json)}"#)
        guard case .pod(let pod, _) = try WatchEvent(line, choices: choices, status: status) else { return nil }
        return pod
    }

    @Test func `a pod tells its containers with their roles, ids, images and digests`() throws {
        var fixture = PodFixture("u1", "p1")
        fixture.spec = """
            "hostNetwork":true,"hostPID":true,"serviceAccountName":"sa","runtimeClassName":"gvisor",
            "initContainers":[{"name":"prepare","image":"init:1"},{"name":"proxy","image":"proxy:2","restartPolicy":"Always"}],
            "containers":[{"name":"main","image":"app:3"},{"name":"waiting","image":"late:1"}],
            "ephemeralContainers":[{"name":"debugger","image":"busybox","targetContainerName":"main"}]
            """
        fixture.status = """
            "initContainerStatuses":[{"name":"prepare","state":{"terminated":{"exitCode":0,"containerID":"cri-o://aaa"}},\
            "imageID":"sha256:11","containerID":"cri-o://aaa"},{"name":"proxy","containerID":"containerd://bbb",\
            "imageID":"docker.io/proxy@sha256:22","lastState":{"terminated":{"containerID":"containerd://bb0"}}}],\
            "containerStatuses":[{"name":"main","containerID":"docker://ccc","imageID":"docker-pullable://app@sha256:33"},\
            {"name":"waiting","state":{"waiting":{"reason":"ContainerCreating"}},"imageID":"","containerID":""}],\
            "ephemeralContainerStatuses":[{"name":"debugger","containerID":"containerd://ddd","imageID":"busybox:latest"}]
            """
        let identity = try pod(fixture).identity
        #expect(
            identity.containers == [
                .init(name: "main", role: .main, ids: ["ccc"], image: "app:3", imageDigest: "sha256:33"),
                .init(name: "waiting", role: .main, image: "late:1"),
                .init(name: "prepare", role: .initial, ids: ["aaa"], image: "init:1", imageDigest: "sha256:11"),
                .init(name: "proxy", role: .sidecar, ids: ["bbb", "bb0"], image: "proxy:2", imageDigest: "sha256:22"),
                .init(name: "debugger", role: .ephemeral, ids: ["ddd"], image: "busybox"),
            ])
        #expect(identity.usesHostNetwork && identity.usesHostPID)
        #expect(identity.serviceAccount == "sa" && identity.runtimeClass == "gvisor")
    }

    @Test func `an image that was changed in place is the new one when the container runs it, as its digest`() throws {
        var fixture = PodFixture("u1", "p1")
        let running = #""image":"registry.test/planner:1.4","imageID":"registry.test/planner@sha256:0a1b""#
        fixture.spec = fixture.spec.replacing("planner:1.4", with: "planner:1.5")
        var container = try #require(try pod(fixture).identity.containers.first)
        #expect(container.image == "registry.test/planner:1.4" && container.imageDigest == "sha256:0a1b")
        fixture.status = fixture.status.replacing(running, with: #""image":"sha256:77","imageID":"sha256:0a1c""#)
        container = try #require(try pod(fixture).identity.containers.first)
        #expect(container.image == "registry.test/planner:1.5" && container.imageDigest == "sha256:0a1c")
    }

    @Test func `a token that a container mounts is told with audience and path`() throws {
        var fixture = PodFixture("u1", "p1")
        #expect(
            try pod(fixture).identity.tokens == [
                .init(audience: "", path: "/var/run/secrets/kubernetes.io/serviceaccount/token", container: "main")
            ])
        fixture.spec = """
            "volumes":[{"name":"t","projected":{"sources":[{"serviceAccountToken":{"audience":"vault","path":"vault/token"}}]}},\
            {"name":"unused","projected":{"sources":[{"serviceAccountToken":{"audience":"x","path":"y"}}]}}],\
            "containers":[{"name":"a","volumeMounts":[{"name":"t","mountPath":"/tokens/"}]},\
            {"name":"b","volumeMounts":[{"name":"t","mountPath":"/only","subPath":"vault"}]},\
            {"name":"c","volumeMounts":[{"name":"t","mountPath":"/file","subPath":"vault/token"}]},\
            {"name":"d","volumeMounts":[{"name":"t","mountPath":"/none","subPath":"other"}]}]
            """
        #expect(
            try pod(fixture).identity.tokens == [
                .init(audience: "vault", path: "/tokens/vault/token", container: "a"),
                .init(audience: "vault", path: "/only/token", container: "b"),
                .init(audience: "vault", path: "/file", container: "c"),
            ])
    }

    /// As the kubelet of node n1 makes it of the manifest with this hash.
    private func mirror(_ hash: String = "3f1d9c0a7be24c558e60d1f2a3b4c5d6") -> PodFixture {
        var fixture = PodFixture(
            "mirror-uid", "etcd-n1", owner: .init(apiVersion: "v1", kind: "Node", name: "n1", uid: "node"))
        fixture.namespace = "kube-system"
        fixture.annotations = [
            "kubernetes.io/config.hash": hash, "kubernetes.io/config.mirror": hash,
            "kubernetes.io/config.seen": "2026-11-21T09:58:11.305Z", "kubernetes.io/config.source": "file",
        ]
        fixture.spec = """
            "volumes":[{"name":"data","hostPath":{"path":"/var/lib/etcd","type":"DirectoryOrCreate"}}],"hostNetwork":true,\
            "containers":[{"name":"etcd","image":"registry.k8s.io/etcd:3.5"}],"priorityClassName":"system-node-critical",\
            "tolerations":[{"operator":"Exists","effect":"NoExecute"}]
            """
        return fixture
    }

    @Test func `a static pod is its own, known to the kubelet by its manifest's hash`() throws {
        let pod = try pod(mirror())
        #expect(pod.owner == nil)
        #expect(!pod.isFalseMirror)
        #expect(pod.identity.cgroupUID == "3f1d9c0a7be24c558e60d1f2a3b4c5d6")
        #expect(pod.identity.controller == .init(group: "", kind: "Pod", name: "etcd", uid: "mirror-uid"))
    }

    private static let victim = "0c3f2f5e-6c34-4ba7-9f4c-1f5d6f2f0a11"

    @Test(arguments: [
        // What anybody may write on a pod of his own.
        ["kubernetes.io/config.source": "file", "kubernetes.io/config.hash": victim],
        ["kubernetes.io/config.source": "http", "kubernetes.io/config.hash": victim],
        ["kubernetes.io/config.mirror": victim, "kubernetes.io/config.hash": victim],
        ["kubernetes.io/config.mirror": "3f1d9c0a7be24c558e60d1f2a3b4c5d6", "kubernetes.io/config.hash": victim],
        ["kubernetes.io/config.mirror": "3f1d9c0a7be24c558e60d1f2a3b4c5d6"],
    ])
    func `a pod that only calls itself static has its own cgroups and no others`(_ annotations: [String: String]) throws
    {
        var fixture = mirror()
        fixture.annotations = annotations
        let pod = try pod(fixture)
        #expect(pod.identity.cgroupUID == "mirror-uid")
        #expect(pod.isFalseMirror)
    }

    @Test func `a pod with a ServiceAccount is no mirror, and an owner of kind Node makes none`() throws {
        var fixture = mirror()
        fixture.spec = PodFixture.plainSpec
        #expect(try pod(fixture).identity.cgroupUID == "mirror-uid")
        #expect(try pod(fixture).isFalseMirror)
        fixture.annotations = ["kubernetes.io/config.hash": "3f1d9c0a7be24c558e60d1f2a3b4c5d6"]
        #expect(try pod(fixture).identity.cgroupUID == "mirror-uid")
        #expect(try pod(fixture).owner?.kind == "Node")
        #expect(try !pod(fixture).isFalseMirror)
    }

    @Test func `a bare pod goes by a chosen label, else by what its name was generated from, else by its name`() throws
    {
        var fixture = PodFixture("u1", "runner-x7k2p")
        #expect(try pod(fixture).identity.controller.name == "runner-x7k2p")
        fixture.generateName = "runner-"
        #expect(try pod(fixture).identity.controller.name == "runner")
        fixture.labels = ["app.kubernetes.io/name": "ci"]
        var choices = WorkloadChoices()
        choices.subjectLabel = "app.kubernetes.io/name"
        #expect(try pod(fixture, choices).identity.controller.name == "ci")
        #expect(try pod(fixture).identity.controller.name == "runner")
    }

    @Test func `only chosen labels and annotations are told, and long values are cut`() throws {
        var fixture = PodFixture("u1", "p1")
        fixture.labels = ["team": "blue", "app.kubernetes.io/name": "x", "other": "y"]
        fixture.annotations = ["cost": "7", "team": "red", "long": String(repeating: "é", count: 200)]
        #expect(try pod(fixture).identity.labels.isEmpty)
        var choices = WorkloadChoices()
        choices.podLabels = [Glob("team"), Glob("app.*")]
        choices.podAnnotations = [Glob("cost"), Glob("team"), Glob("long")]
        let labels = try pod(fixture, choices).identity.labels
        #expect(labels["team"] == "blue" && labels["cost"] == "7" && labels["app.kubernetes.io/name"] == "x")
        #expect(labels["other"] == nil && labels["long"]?.utf8.count == 256)
    }

    @Test func `a revision is the controller's, else the template's hash`() throws {
        var fixture = PodFixture("u1", "p1")
        fixture.labels = ["pod-template-hash": "7c9d"]
        #expect(try pod(fixture).identity.revision == "7c9d")
        fixture.labels["controller-revision-hash"] = "web-5f"
        #expect(try pod(fixture).identity.revision == "web-5f")
    }

    @Test func `a field of another type costs that field and is counted`() throws {
        var fixture = PodFixture("u1", "p1")
        fixture.spec =
            #""serviceAccountName":7,"hostNetwork":"yes","containers":[{"name":"a"},"b",{"name":"c","image":null}]"#
        let identity = try pod(fixture).identity
        #expect(identity.containers.map(\.name) == ["a", "c"])
        #expect(identity.serviceAccount.isEmpty && !identity.usesHostNetwork)
        #expect(status.snapshot.counters.malformedFields == 3)
        #expect(status.snapshot.malformedField.hasPrefix("object.spec."))
    }

    @Test(arguments: [
        #"{"metadata":{"name":"p","namespace":"n"}}"#, #"{"metadata":{"uid":"","name":"p","namespace":"n"}}"#,
        #"{"metadata":{"uid":"u","namespace":"n"}}"#, #"{"metadata":{"uid":7,"name":"p","namespace":"n"}}"#,
        #"{"metadata":{}}"#,
    ])
    func `a pod without UID, name or namespace is none`(_ json: String) throws {
        #expect(try parse(json) == nil)
    }

    @Test(arguments: [
        "", "{", "[]", "null", #"{"type":"ADDED"}"#, #"{"type":"ADDED","object":{}}"#, #"{"type":7}"#, "\u{0}",
    ])
    func `what is no event is an error`(_ line: String) {
        #expect(throws: APIError.self) {
            try WatchEvent(ByteBuffer(string: line), choices: WorkloadChoices(), status: status)
        }
    }

    @Test func `an event of a type that nobody knows is passed over`() throws {
        let event = try WatchEvent(
            ByteBuffer(string: #"{"type":"FUTURE","object":[1]}"#), choices: WorkloadChoices(), status: status)
        guard case .other = event else {
            Issue.record("\(event)")
            return
        }
    }

    @Test(arguments: [
        #""x""#, "7", #"["x"]"#, "[null]",
        #"[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","controller":true}]"#,
        #"[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","uid":7,"controller":true}]"#,
        #"[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"rs","uid":"s","controller":"true"}]"#,
    ])
    func `a pod that does not say readably who manages it is not one that nobody manages`(_ owners: String) throws {
        let json = PodFixture("u1", "p1").json.replacing(
            #""resourceVersion""#, with: #""ownerReferences":\#(owners),"resourceVersion""#)
        let pod = try #require(try parse(json))
        #expect(pod.manager == .unreadable && pod.owner == nil)
    }

    @Test(arguments: ["null", "[]", #"[{"apiVersion":"v1","kind":"ConfigMap","name":"c","uid":"c"}]"#])
    func `a pod without an owner that manages it is its own`(_ owners: String) throws {
        let json = PodFixture("u1", "p1").json.replacing(
            #""resourceVersion""#, with: #""ownerReferences":\#(owners),"resourceVersion""#)
        #expect(try #require(try parse(json)).manager == .nobody)
    }
}
