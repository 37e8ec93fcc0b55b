// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

private let a = String(repeating: "a1", count: 32)
private let b = String(repeating: "0b", count: 32)
private let uid = "0f4c2f1e-8b0d-4a52-9c3b-5d1e7a9b6c2d"

@Suite struct RuntimeStateDocumentTests {
    private func bundle(_ annotations: [String: String], _ runtime: CgroupPath.Runtime?, id: String = a) throws
        -> RuntimeContainer
    {
        let members = annotations.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\"\($0.value)\"" }
        let text = """
            {"ociVersion":"1.1.0","process":{"env":["TOKEN=hunter2"],"args":["/app"]},"root":{"path":"rootfs"},
             "annotations":{\(members.joined(separator: ","))}}
            """
        return try RuntimeStateDocument.container(Array(text.utf8), format: .bundle, runtime: runtime, id: id)
    }

    @Test func `containerd's annotations name a container and its pod`() throws {
        let container = try bundle(
            [
                "io.kubernetes.cri.container-name": "main", "io.kubernetes.cri.container-type": "container",
                "io.kubernetes.cri.image-name": "docker.io/library/nginx:1.27", "io.kubernetes.cri.sandbox-id": b,
                "io.kubernetes.cri.sandbox-name": "planner-7c", "io.kubernetes.cri.sandbox-namespace": "agents",
                "io.kubernetes.cri.sandbox-uid": uid,
            ], .containerd)
        var expected = RuntimeContainer(id: a, runtime: .containerd)
        expected.image = "docker.io/library/nginx:1.27"
        expected.containerName = "main"
        expected.pod = .init(uid: uid, namespace: "agents", name: "planner-7c")
        #expect(container == expected)
    }

    @Test(arguments: [
        ["io.kubernetes.cri.sandbox-uid": uid],
        ["io.kubernetes.cri.sandbox-log-directory": "/var/log/pods/agents_planner-7c_\(uid)"],
    ])
    func `containerd's sandbox is told apart`(_ more: [String: String]) throws {
        let container = try bundle(
            [
                "io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": a,
                "io.kubernetes.cri.sandbox-name": "planner-7c", "io.kubernetes.cri.sandbox-namespace": "agents",
            ].merging(more) { $1 }, .containerd)
        #expect(container.isSandbox)
        #expect(container.pod == .init(uid: uid, namespace: "agents", name: "planner-7c"))
        #expect(container.containerName.isEmpty)
    }

    @Test func `CRI-O's annotations name a container, its pod and its image's digest`() throws {
        let container = try bundle(
            [
                "io.container.manager": "cri-o", "io.kubernetes.cri-o.ContainerType": "container",
                "io.kubernetes.cri-o.Name": "k8s_main_planner-7c_agents_\(uid)_0",
                "io.kubernetes.cri-o.ImageName": "quay.io/agents/planner:3",
                "io.kubernetes.cri-o.ImageRef": "quay.io/agents/planner@sha256:\(b)",
                "io.kubernetes.container.name": "main", "io.kubernetes.pod.name": "planner-7c",
                "io.kubernetes.pod.namespace": "agents", "io.kubernetes.pod.uid": uid,
            ], nil)
        var expected = RuntimeContainer(id: a, runtime: .crio)
        expected.name = "k8s_main_planner-7c_agents_\(uid)_0"
        expected.image = "quay.io/agents/planner:3"
        expected.imageDigest = "sha256:\(b)"
        expected.containerName = "main"
        expected.pod = .init(uid: uid, namespace: "agents", name: "planner-7c")
        #expect(container == expected)
    }

    @Test func `annotations of an engine count only in its own state`() throws {
        let containerd = [
            "io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-uid": uid,
            "io.kubernetes.cri.sandbox-name": "p", "io.kubernetes.cri.image-name": "i",
        ]
        let crio = [
            "io.container.manager": "cri-o", "io.kubernetes.cri-o.ContainerType": "sandbox",
            "io.kubernetes.pod.uid": uid, "io.kubernetes.cri-o.Name": "n",
        ]
        for runtime in [ContainerRuntime.docker, .podman, .crio, .runc, .crun] {
            #expect(try bundle(containerd, runtime) == RuntimeContainer(id: a, runtime: runtime))
        }
        for runtime in [ContainerRuntime.docker, .podman, .containerd, .runc, .crun] {
            #expect(try bundle(crio, runtime) == RuntimeContainer(id: a, runtime: runtime))
        }
        #expect(try bundle(["nerdctl/name": "web"], .podman).name.isEmpty)
    }

    @Test func `CRI-O's sandbox is told apart`() throws {
        let container = try bundle(
            [
                "io.container.manager": "cri-o", "io.kubernetes.cri-o.ContainerType": "sandbox",
                "io.kubernetes.container.name": "POD", "io.kubernetes.pod.name": "p",
                "io.kubernetes.pod.namespace": "n", "io.kubernetes.pod.uid": uid,
            ], .crio)
        #expect(container.isSandbox)
        #expect(container.containerName.isEmpty)
        #expect(container.pod?.name == "p")
    }

    @Test func `without an orchestrator a container has the name that a person gave it`() throws {
        #expect(try bundle(["nerdctl/name": "web"], .containerd).name == "web")
        #expect(try bundle([:], .containerd, id: "web1").name == "web1")
        #expect(try bundle([:], .containerd).name.isEmpty)
        #expect(try bundle([:], .docker, id: "web1").name.isEmpty)
        #expect(try bundle(["io.container.manager": "libpod"], nil).runtime == .podman)
        #expect(try bundle(["nerdctl/name": "web"], .containerd).pod == nil)
    }

    @Test func `runc's state carries the annotations as labels`() throws {
        let text = """
            {"id":"web","init_process_pid":7,"config":{"labels":["bundle=/run/x","nerdctl/name=we=b","odd"]}}
            """
        let container = try RuntimeStateDocument.container(Array(text.utf8), format: .runc, runtime: .runc, id: "web")
        #expect(container.name == "we=b")
        #expect(throws: RuntimeStateFault.malformed) {
            try RuntimeStateDocument.container(Array(text.utf8), format: .runc, runtime: .runc, id: "other")
        }
    }

    @Test func `crun's status leads to the bundle`() throws {
        #expect(
            try RuntimeStateDocument.bundle(ofStatus: Array(#"{"pid":7,"bundle":"/b","rootfs":"/r"}"#.utf8)) == "/b")
        for text in [#"{"bundle":"b"}"#, #"{"bundle":"/b\u0000"}"#, "{}", "{"] {
            #expect(throws: RuntimeStateFault.malformed) {
                try RuntimeStateDocument.bundle(ofStatus: Array(text.utf8))
            }
        }
    }

    @Test func `Docker's file names the container and its image`() throws {
        let text = """
            {"ID":"\(a)","Name":"/web","Image":"sha256:\(b)","Driver":"overlay2",
             "Config":{"Image":"nginx:1","Labels":null,"Env":["TOKEN=hunter2"]}}
            """
        var (container, driver) = try RuntimeStateDocument.docker(Array(text.utf8), id: a)
        #expect(driver == "overlay2")
        #expect(container.name == "web")
        #expect(container.image == "nginx:1")
        #expect(container.imageID == "sha256:\(b)")
        #expect(container.imageDigest.isEmpty)
        #expect(container.pod == nil)
        let repositories = """
            {"Repositories":{"other":{"other@sha256:\(String(repeating: "1", count: 64))":"sha256:\(b)"},
             "nginx":{"nginx:1":"sha256:\(b)","nginx@sha256:\(a)":"sha256:\(b)"}}}
            """
        try RuntimeStateDocument.complete(&container, repositories: Array(repositories.utf8))
        #expect(container.imageDigest == "sha256:\(a)")
        #expect(throws: RuntimeStateFault.malformed) { try RuntimeStateDocument.docker(Array(text.utf8), id: b) }
    }

    @Test(arguments: [("container", false), ("podsandbox", true)])
    func `Docker's labels name the pod`(_ type: String, _ isSandbox: Bool) throws {
        let text = """
            {"Name":"/k8s_main_planner_agents","Config":{"Image":"sha256:\(b)","Labels":{
             "io.kubernetes.container.name":"main","io.kubernetes.docker.type":"\(type)","io.kubernetes.pod.name":"planner",
             "io.kubernetes.pod.namespace":"agents","io.kubernetes.pod.uid":"\(uid)"}},"ImageManifest":{"digest":"sha256:\(a)"}}
            """
        let container = try RuntimeStateDocument.docker(Array(text.utf8), id: a).container
        #expect(container.isSandbox == isSandbox)
        #expect(container.containerName == (isSandbox ? "" : "main"))
        #expect(container.pod == .init(uid: uid, namespace: "agents", name: "planner"))
        #expect(container.imageDigest == "sha256:\(a)")
    }

    @Test func `the lists of containers-storage name container and image`() throws {
        var container = RuntimeContainer(id: a, runtime: .podman)
        let containers = #"""
            [{"id":"\#(b)","names":["\#(a)"],"metadata":"{\"name\":\"no\"}"},
             {"id":"\#(a)","names":["agent"],"image":"\#(b)",
              "metadata":"{\"image-name\":\"docker.io/library/alpine:3\",\"image-id\":\"\#(b)\",\"name\":\"agent\",\"x\":1}",
              "flags":{"a":["}",{"\"":"]"}]}}]
            """#
        try RuntimeStateDocument.complete(&container, storageContainers: Array(containers.utf8))
        #expect(container.name == "agent")
        #expect(container.image == "docker.io/library/alpine:3")
        #expect(container.imageID == "sha256:\(b)")
        let images = #"[{"id":"\#(b)","digest":"sha256:\#(a)","names":["docker.io/library/alpine:3"]}]"#
        try RuntimeStateDocument.complete(&container, storageImages: Array(images.utf8))
        #expect(container.imageDigest == "sha256:\(a)")
    }

    @Test(arguments: ["", "{}", "[", "]", "[{\"id\":\"\(a)\"", "[{\"id\":\"\(a)\" 1}]", "[{\"id\":[\"\(a)\"]}]"])
    func `a broken list leaves the container as it was`(_ text: String) {
        var container = RuntimeContainer(id: a)
        #expect(throws: RuntimeStateFault.malformed) {
            try RuntimeStateDocument.complete(&container, storageContainers: Array(text.utf8))
        }
        #expect(container == RuntimeContainer(id: a))
    }

    @Test func `what is too long for a name is none`() throws {
        #expect(try bundle(["nerdctl/name": String(repeating: "x", count: 1025)], .containerd, id: a).name.isEmpty)
    }

    @Test func `an answer is the same bytes for the same container, and holds no more of the file`() throws {
        var container = try bundle(["nerdctl/name": "é\\n\\\""], .containerd)
        container.pod = .init(uid: uid, namespace: "n", name: "p")
        container.isSandbox = true
        #expect(container.encoded == container.encoded)
        #expect(RuntimeContainer(encoded: container.encoded) == container)
        #expect(!String(decoding: container.encoded, as: UTF8.self).contains("hunter2"))
        #expect(RuntimeContainer(encoded: Array("{".utf8)) == nil)
        #expect(try HostAnswer.bytes(container.encoded).runtimeContainer() == container)
        #expect(throws: RuntimeStateFault.malformed) { try HostAnswer.bytes([]).runtimeContainer() }
        for fault in RuntimeStateFault.allCases {
            #expect(throws: fault) { try HostAnswer.failure(fault.errno).runtimeContainer() }
        }
    }

    @Test func `bytes of any kind are refused, not stumbled over`() {
        var random = SplitMix(seed: 5)
        let words = [
            "[", "]", "{", "}", "\"", ",", ":", "\"id\"", "\"\(a)\"", "\"annotations\"", "\"config\"", "\"labels\"",
            "\\",
            "\"Config\"", "null", "1e999", "é", "\"a=b\"", "\"metadata\"", "\u{0}",
        ]
        for _ in 0..<5_000 {
            let text = (0..<Int(random.next() % 16)).map { _ in words[Int(random.next() % UInt64(words.count))] }
                .joined()
            let bytes = Array(text.utf8) + (random.next() % 4 == 0 ? [0xff] : [])
            for format in [RuntimeStateFile.Format.bundle, .runc, .docker, .storage(driver: "x")] {
                _ = try? RuntimeStateDocument.container(bytes, format: format, runtime: nil, id: a)
            }
            var container = RuntimeContainer(id: a)
            container.imageID = "sha256:\(a)"
            try? RuntimeStateDocument.complete(&container, storageContainers: bytes)
            try? RuntimeStateDocument.complete(&container, storageImages: bytes)
            try? RuntimeStateDocument.complete(&container, repositories: bytes)
            _ = try? RuntimeStateDocument.bundle(ofStatus: bytes)
        }
        let deep = Array(String(repeating: "[", count: 1 << 20).utf8)
        #expect(throws: RuntimeStateFault.malformed) {
            try RuntimeStateDocument.container(deep, format: .bundle, runtime: nil, id: a)
        }
    }
}
