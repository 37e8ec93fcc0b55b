// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

private let a = String(repeating: "a1", count: 32)
private let b = String(repeating: "0b", count: 32)

/// On trees that look like a host's.
@Suite struct RuntimeStateReaderTests {
    private let host: TestDirectory

    init() throws { host = try TestDirectory() }

    private func write(_ text: String, to path: String) throws {
        try Child.shell("mkdir -p '\(host.path)/\(path.split(separator: "/").dropLast().joined(separator: "/"))'")
        let descriptor = open("\(host.path)/\(path)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        try #require(bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) } == bytes.count)
    }

    private func find(
        _ runtime: CgroupPath.Runtime?, _ id: String = a, user: UInt32? = nil
    ) throws(RuntimeStateFault) -> RuntimeContainer {
        let answer = LiveHostView(cgroupRoot: nil, hostRoot: host.path).answer(
            .runtimeState(runtime, id: id, user: user))
        return try answer.runtimeContainer()
    }

    private func named(_ name: String) -> String {
        #"{"annotations":{"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"\#(name)"}}"#
    }

    @Test(arguments: [
        "run/containerd/io.containerd.runtime.v2.task/k8s.io",
        "run/containerd/io.containerd.runtime.v2.task/default",
        "run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io",
        "run/k0s/containerd/io.containerd.runtime.v2.task/k8s.io",
        "var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task/k8s.io",
    ])
    func `containerd's bundles are found wherever distributions keep them`(_ directory: String) throws {
        try write(named("main"), to: "\(directory)/\(a)/config.json")
        #expect(try find(.containerd).containerName == "main")
        #expect(try find(nil).containerName == "main")
        #expect(throws: RuntimeStateFault.missing) { try find(.containerd, b) }
        #expect(throws: RuntimeStateFault.missing) { try find(.docker) }
    }

    @Test func `Docker's files are found, with the digest of the image`() throws {
        try write(
            #"{"ID":"\#(a)","Name":"/web","Driver":"overlay2","Image":"sha256:\#(b)","Config":{"Image":"nginx:1"}}"#,
            to: "var/lib/docker/containers/\(a)/config.v2.json")
        #expect(try find(.docker).imageDigest.isEmpty)
        try write(
            #"{"Repositories":{"nginx":{"nginx@sha256:\#(a)":"sha256:\#(b)"}}}"#,
            to: "var/lib/docker/image/overlay2/repositories.json")
        for runtime in [CgroupPath.Runtime.docker, nil] {
            let container = try find(runtime)
            #expect(container.runtime == .docker)
            #expect(container.name == "web")
            #expect(container.imageDigest == "sha256:\(a)")
        }
    }

    @Test(arguments: ["overlay", "vfs"])
    func `podman's containers are found, with name, image and digest`(_ driver: String) throws {
        let storage = "var/lib/containers/storage"
        try write(
            #"{"annotations":{"io.container.manager":"libpod"}}"#,
            to: "\(storage)/\(driver)-containers/\(a)/userdata/config.json")
        #expect(try find(.podman).name.isEmpty)
        try write(
            #"[{"id":"\#(a)","names":["agent"],"image":"\#(b)","metadata":"{\"image-name\":\"alpine:3\"}"}]"#,
            to: "\(storage)/\(driver)-containers/containers.json")
        try write(#"[{"id":"\#(b)","digest":"sha256:\#(a)"}]"#, to: "\(storage)/\(driver)-images/images.json")
        for runtime in [CgroupPath.Runtime.podman, nil] {
            let container = try find(runtime)
            #expect(container.runtime == .podman)
            #expect(container.name == "agent")
            #expect(container.image == "alpine:3")
            #expect(container.imageDigest == "sha256:\(a)")
        }
    }

    @Test func `podman's containers that end with the machine are found`() throws {
        try write(#"{}"#, to: "var/lib/containers/storage/overlay-containers/\(a)/userdata/config.json")
        try write(
            #"[{"id":"\#(a)","names":["brief"]}]"#,
            to: "run/containers/storage/overlay-containers/volatile-containers.json")
        #expect(try find(.podman).name == "brief")
    }

    @Test func `crun's status leads to the bundle, through the host's own links`() throws {
        try write(#"{"bundle":"/var/bundles/x"}"#, to: "run/crun/web/status")
        try write(#"{"annotations":{"nerdctl/name":"w"}}"#, to: "data/x/config.json")
        mkdir("\(host.path)/var", 0o755)
        symlink("/data", "\(host.path)/var/bundles")
        #expect(try find(.crun, "web").name == "w")
    }

    @Test func `a runtime's place may be a link of the operator's`() throws {
        try write(#"{"Name":"/web"}"#, to: "data/docker/containers/\(a)/config.v2.json")
        try Child.shell("mkdir -p \(host.path)/var/lib && ln -s /data/docker \(host.path)/var/lib/docker")
        #expect(try find(.docker).name == "web")
    }

    @Test func `links below a runtime's place are not followed`() throws {
        try write(named("main"), to: "elsewhere/config.json")
        let tasks = "\(host.path)/run/containerd/io.containerd.runtime.v2.task/k8s.io"
        try Child.shell("mkdir -p \(tasks)/\(b) && ln -s \(host.path)/elsewhere \(tasks)/\(a)")
        symlink("../../../../../elsewhere/config.json", "\(tasks)/\(b)/config.json")
        #expect(throws: RuntimeStateFault.link) { try find(.containerd, a) }
        #expect(throws: RuntimeStateFault.link) { try find(.containerd, b) }
    }

    @Test(arguments: [".", "..", "", "a/b", "../../k8s.io/x", "a\0b"])
    func `an id that is no name of a file is not looked for`(_ id: String) {
        #expect(throws: RuntimeStateFault.unsupported) { try find(nil, id) }
    }

    @Test func `what runtimes do not keep in files is said so`() {
        #expect(throws: RuntimeStateFault.unsupported) { try find(.lxc, "web") }
        #expect(throws: RuntimeStateFault.unsupported) { try find(.crio, user: 1000) }
        #expect(throws: RuntimeStateFault.missing) { try find(nil) }
    }

    @Test func `a file that is broken, huge, a pipe or a directory is no container`() throws {
        let path = "run/containerd/io.containerd.runtime.v2.task/k8s.io/\(a)/config.json"
        for text in ["", "{", "[]", #"{"annotations":{"a":1}}"#, "\u{0}"] {
            try write(text, to: path)
            #expect(throws: RuntimeStateFault.malformed) { try find(.containerd) }
        }
        try write(String(repeating: " ", count: (1 << 20) + 1), to: path)
        #expect(throws: RuntimeStateFault.tooLarge) { try find(.containerd) }
        unlink("\(host.path)/\(path)")
        mkfifo("\(host.path)/\(path)", 0o644)
        #expect(throws: RuntimeStateFault.unreadable) { try find(.containerd) }
        unlink("\(host.path)/\(path)")
        mkdir("\(host.path)/\(path)", 0o755)
        #expect(throws: RuntimeStateFault.unreadable) { try find(.containerd) }
    }

    @Test func `a broken file hides no whole one`() throws {
        try write("{", to: "run/containerd/io.containerd.runtime.v2.task/k8s.io/\(a)/config.json")
        #expect(throws: RuntimeStateFault.malformed) { try find(nil) }
        try write(#"{"Name":"/web"}"#, to: "var/lib/docker/containers/\(a)/config.v2.json")
        #expect(try find(nil).name == "web")
    }

    @Test(.enabled(if: getuid() == 0, "only root may give files away"))
    func `a user's containers are found where the user keeps them, and nowhere else`() throws {
        try write("root:x:0:0::/root:/bin/sh\njoe:x:1000:1000:Joe:/home/joe:/bin/sh\n", to: "etc/passwd")
        let storage = "home/joe/.local/share/containers/storage"
        try write("{}", to: "\(storage)/overlay-containers/\(a)/userdata/config.json")
        try write(#"[{"id":"\#(a)","names":["agent"]}]"#, to: "\(storage)/overlay-containers/containers.json")
        #expect(throws: RuntimeStateFault.unreadable, "not the user's own files") { try find(.podman, user: 1000) }
        try Child.shell("chown -R 1000:1000 \(host.path)/home/joe")
        let container = try find(.podman, user: 1000)
        #expect(container.name == "agent")
        #expect(container.runtime == .podman)
        #expect(throws: RuntimeStateFault.missing) { try find(.podman, user: 1001) }
        #expect(throws: RuntimeStateFault.missing) { try find(.podman) }

        try write("{}", to: "var/lib/containers/storage/overlay-containers/\(b)/userdata/config.json")
        #expect(throws: RuntimeStateFault.missing, "the system's") { try find(.podman, b, user: 1000) }
        try write("{}", to: "run/user/1000/runc/web/state.json")
        try Child.shell("chown -R 1000:1000 \(host.path)/run/user/1000")
        #expect(try find(.runc, "web", user: 1000).name == "web")
    }
}
