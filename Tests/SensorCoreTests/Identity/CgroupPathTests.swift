// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

private let a = String(repeating: "a1", count: 32)
private let b = String(repeating: "0b", count: 32)
private let uid = "0f4c2f1e-8b0d-4a52-9c3b-5d1e7a9b6c2d"
private let underscored = "0f4c2f1e_8b0d_4a52_9c3b_5d1e7a9b6c2d"
private let otherUID = "77777777-8b0d-4a52-9c3b-5d1e7a9b6c2d"
/// Of a static pod.
private let hash = "0123456789abcdef0123456789abcdef"

private struct Case: Sendable, CustomTestStringConvertible {
    var path: String
    var owner: CgroupPath.Owner
    var ownerPath: String
    var testDescription: String { path }

    init(_ path: String, _ owner: CgroupPath.Owner, at ownerPath: String? = nil) {
        self.path = path
        self.owner = owner
        self.ownerPath = ownerPath ?? path
    }

    static func container(
        _ path: String, _ id: String, _ runtime: CgroupPath.Runtime?, pod: String? = nil, user: UInt32? = nil,
        at ownerPath: String? = nil
    ) -> Case {
        Case(
            path, .container(.init(id: id, runtime: runtime, podUID: pod, userID: user)), at: ownerPath)
    }

    static func pod(_ path: String, _ uid: String, at ownerPath: String? = nil) -> Case {
        Case(path, .pod(uid: uid), at: ownerPath)
    }

    static func unit(_ path: String, _ name: String, user: UInt32? = nil, at ownerPath: String? = nil) -> Case {
        Case(path, .systemdUnit(.init(name: name, userID: user)), at: ownerPath)
    }
}

@Suite struct CgroupPathTests {
    @Test(arguments: [
        Case.container("/docker/\(a)", a, .docker),
        .container("/system.slice/docker-\(a).scope", a, .docker),
        .container(
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-\(a).scope", a, .docker, user: 1000),
        .container("/machine.slice/libpod-\(a).scope", a, .podman),
        .container(
            "/machine.slice/libpod-\(a).scope/container", a, .podman, at: "/machine.slice/libpod-\(a).scope"),
        .container("/libpod_parent/libpod-\(a)", a, .podman),
        .container("/machine.slice/machine-libpod_pod_\(b).slice/libpod-\(a).scope", a, .podman),
        .container(
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(a).scope/container/init", a, .podman,
            user: 1000, at: "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(a).scope"),
        .container("/default/\(a)", a, nil),
        .container("/k8s.io/\(a)", a, .containerd),
        .container("/system.slice/nerdctl-\(a).scope", a, .containerd),
        .container("/lxc/web", "web", .lxc),
        .container("/lxc.payload.web/system.slice/cron.service", "web", .lxc, at: "/lxc.payload.web"),
        .container(
            "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890",
            "0123456789abcdef0123456789abcdef-1234567890", nil),
        .container("/ecs/0123456789abcdef0123456789abcdef/\(a)", a, nil),
        .container("/custom-parent/\(a)", a, nil),
        .container("/libpod_parent/\(b)/libpod-\(a)", a, .podman),
        .container(
            "/user.slice/user-1000.slice/user@1000.service/user.slice/user-libpod_pod_\(b).slice/libpod-\(a).scope", a,
            .podman, user: 1000),
        .container("/system.slice/web.service/libpod-payload-\(a)", a, .podman),
        .container("/user.slice/user-0.slice/session-1.scope/docker/\(a)", a, .docker),
        .container("/machine.slice:libpod:\(a)", a, .podman),
        .container("/system.slice/containerd.service/system.slice:docker:\(a)", a, .docker),
        .container("/default/redis", "redis", .containerd),
        .container("/default/web.1-a/child", "web.1-a", .containerd, at: "/default/web.1-a"),
        .container(
            "/docker/buildkit/zqkz6ay3c0v2xk8d1m4n5p7r9", "zqkz6ay3c0v2xk8d1m4n5p7r9", .docker),
        .container("/system.slice/runc-\(a).scope", a, .runc),
        .container("/user.slice/user-1000.slice/user@1000.service/user.slice/crun-\(a).scope", a, .crun, user: 1000),
        .container("/lxc.payload/web/init.scope", "web", .lxc, at: "/lxc.payload/web"),
        .container("/user/joe/0/lxc/web", "web", .lxc, user: 65534),
    ])
    fileprivate func `containers are known by their runtime's names`(_ example: Case) {
        expect(example)
    }

    @Test(arguments: [
        // The kubelet's systemd driver, all classes of service.
        Case.container(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(underscored).slice/cri-containerd-\(a).scope",
            a, .containerd, pod: uid),
        .container(
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(underscored).slice/crio-\(a).scope/container",
            a, .crio, pod: uid,
            at:
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(underscored).slice/crio-\(a).scope"
        ),
        .container("/kubepods.slice/kubepods-pod\(underscored).slice/crio-\(a).scope", a, .crio, pod: uid),
        .container("/kubepods.slice/kubepods-pod\(underscored).slice/docker-\(a).scope", a, .docker, pod: uid),
        .container(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(hash).slice/cri-containerd-\(a).scope", a,
            .containerd, pod: hash),
        .container("/kubepods.slice/kubepods-pod\(hash).slice/crio-\(a).scope", a, .crio, pod: hash),
        // Its cgroupfs driver.
        .container("/kubepods/burstable/pod\(uid)/\(a)", a, nil, pod: uid),
        .container("/kubepods/besteffort/pod\(uid)/\(a)", a, nil, pod: uid),
        .container("/kubepods/pod\(uid)/\(a)", a, nil, pod: uid),
        .container("/kubepods/besteffort/pod\(uid)/crio-\(a)", a, .crio, pod: uid),
        .container("/kubepods/burstable/pod\(hash)/\(a)", a, nil, pod: hash),
        .container("/kubepods/pod\(hash)/\(a)", a, nil, pod: hash),
        // The kubelet with one driver and the runtime with the other.
        .container(
            "/system.slice/containerd.service/kubepods-burstable-pod\(underscored).slice:cri-containerd:\(a)",
            a, .containerd, pod: uid),
        .container("/kubepods-pod\(underscored).slice:crio:\(a)", a, .crio, pod: uid),
        .container("/kubepods-besteffort-pod\(hash).slice:cri-containerd:\(a)", a, .containerd, pod: hash),
        // --cgroup-root.
        .container("/custom/kubepods/burstable/pod\(uid)/\(a)", a, nil, pod: uid),
        .container("/custom/deep/kubepods/pod\(uid)/\(a)", a, nil, pod: uid),
        .container(
            "/custom.slice/custom-kubepods.slice/custom-kubepods-besteffort.slice/custom-kubepods-besteffort-pod\(underscored).slice/crio-\(a).scope",
            a, .crio, pod: uid),
        // Services that bring their kubelet along.
        .container("/system.slice/k3s.service/kubepods/burstable/pod\(uid)/\(a)", a, nil, pod: uid),
        .container("/system.slice/k0sworker.service/kubepods/pod\(uid)/\(a)", a, nil, pod: uid),
        // Root's own session is as good as the machine's.
        .container("/user.slice/user-0.slice/session-1.scope/kubepods/pod\(uid)/\(a)", a, nil, pod: uid),
    ])
    fileprivate func `a container of Kubernetes names its pod`(_ example: Case) {
        expect(example)
    }

    @Test(arguments: [
        // kind
        Case.container(
            "/docker/\(b)/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod\(underscored).slice/cri-containerd-\(a).scope",
            a, .containerd, pod: uid),
        .container("/docker/\(b)/kubelet/kubepods/burstable/pod\(uid)/\(a)", a, nil, pod: uid),
        .container(
            "/system.slice/docker-\(b).scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod\(underscored).slice/cri-containerd-\(a).scope",
            a, .containerd, pod: uid),
        .container(
            "/machine.slice/libpod-\(b).scope/container/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod\(underscored).slice/crio-\(a).scope",
            a, .crio, pod: uid),
        .pod("/docker/\(b)/kubelet/kubepods/besteffort/pod\(uid)", uid),
        // minikube's and k3d's
        .container(
            "/system.slice/docker-\(b).scope/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(underscored).slice/docker-\(a).scope",
            a, .docker, pod: uid),
        .container("/docker/\(b)/kubepods/besteffort/pod\(uid)/\(a)", a, nil, pod: uid),
        // a node in LXC
        .container("/lxc.payload.n1/kubepods/pod\(uid)/\(a)", a, nil, pod: uid),
        // The node's own doings.
        .container("/docker/\(b)/system.slice/containerd.service", b, .docker, at: "/docker/\(b)"),
        .container("/docker/\(b)/kubelet/kubepods/burstable", b, .docker, at: "/docker/\(b)"),
    ])
    fileprivate func `a pod of a node that is a container itself is a pod where that is believed`(_ example: Case) {
        expect(example)
    }

    @Test(arguments: [
        Case.pod("/kubepods/burstable/pod\(uid)", uid),
        .pod("/kubepods/pod\(uid)", uid),
        .pod("/kubepods/besteffort/pod\(hash)", hash),
        .pod("/kubepods.slice/kubepods-pod\(underscored).slice", uid),
        .pod("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(hash).slice", hash),
        .pod("/kubepods/pod\(uid)/kata_overhead/x", uid, at: "/kubepods/pod\(uid)"),
        .pod(
            "/kubepods.slice/kubepods-pod\(underscored).slice/crio-conmon-\(a).scope", uid,
            at: "/kubepods.slice/kubepods-pod\(underscored).slice"),
        .pod("/kubepods-pod\(underscored).slice:crio-conmon:\(a)", uid),
        .pod("/kubepods/pod\(uid)/\(a.dropLast())", uid, at: "/kubepods/pod\(uid)"),
    ])
    fileprivate func `a pod owns what is in its cgroup and in no container's`(_ example: Case) {
        expect(example)
    }

    @Test(arguments: [
        // systemd in a container
        Case.container(
            "/kubepods/burstable/pod\(uid)/\(a)/system.slice/cron.service", a, nil, pod: uid,
            at: "/kubepods/burstable/pod\(uid)/\(a)"),
        .container("/docker/\(a)/init.scope", a, .docker, at: "/docker/\(a)"),
        // docker in docker
        .container(
            "/kubepods/burstable/pod\(uid)/\(a)/docker/\(b)", a, nil, pod: uid,
            at: "/kubepods/burstable/pod\(uid)/\(a)"),
        .container("/docker/\(a)/docker/\(b)", a, .docker, at: "/docker/\(a)"),
        .container("/lxc/web/docker/\(b)", "web", .lxc, at: "/lxc/web"),
        // A kubelet in a pod, or a program that would be of another one.
        .container(
            "/kubepods/pod\(uid)/\(a)/kubepods/pod\(otherUID)/\(b)", a, nil, pod: uid, at: "/kubepods/pod\(uid)/\(a)"),
        .container(
            "/kubepods/pod\(uid)/\(a)/docker/\(b)/kubelet/kubepods/pod\(otherUID)/\(b)", a, nil, pod: uid,
            at: "/kubepods/pod\(uid)/\(a)"),
        // In a container's own cgroup only.
        .unit(
            "/system.slice/systemd-nspawn@web.service/payload/system.slice/sshd.service", "systemd-nspawn@web.service",
            at: "/system.slice/systemd-nspawn@web.service"),
        .unit(
            "/system.slice/agent.service/sshd.service", "agent.service", at: "/system.slice/agent.service"),
        .unit(
            "/user.slice/user-1000.slice/user@1000.service/app.slice/agent.service/x.service", "agent.service",
            user: 1000, at: "/user.slice/user-1000.slice/user@1000.service/app.slice/agent.service"),
    ])
    fileprivate func `what an owner makes below its cgroup stays its own`(_ example: Case) {
        expect(example)
    }

    @Test(arguments: [
        Case.unit(
            "/user.slice/user-1000.slice/user@1000.service/kubepods/pod\(uid)/x", "user@1000.service",
            at: "/user.slice/user-1000.slice/user@1000.service"),
        .container(
            "/user.slice/user-1000.slice/user@1000.service/kubepods/burstable/pod\(uid)/\(a)", a, nil, user: 1000),
        .container(
            "/user.slice/user-1000.slice/session-3.scope/kubepods-pod\(underscored).slice:crio:\(a)", a, .crio,
            user: 1000),
        .container(
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-\(b).scope/kubelet/kubepods/pod\(uid)/\(a)",
            b, .docker, user: 1000,
            at: "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-\(b).scope"),
        .container(
            "/docker/\(b)/user.slice/user-1000.slice/user@1000.service/kubepods/pod\(uid)/\(a)", b, .docker,
            at: "/docker/\(b)"),
        .container("/user/joe/0/kubepods/pod\(uid)/\(a)", a, nil, user: 65534),
        // Not the kubelet's names.
        .container("/work/pod\(uid)/\(a)", a, nil),
        .container("/kubepods/other/pod\(uid)/\(a)", a, nil),
        .container("/mykubepods/pod\(uid)/\(a)", a, nil),
        .container("/my.slice/my-pod\(underscored).slice/docker-\(a).scope", a, .docker),
        .container("/kubepods/pod\(underscored)/\(a)", a, nil),
        .container("/kubepods/pod\(uid.uppercased())/\(a)", a, nil),
        .container("/kubepods/pod\(uid)0/\(a)", a, nil),
        .unit("/mykubepods-pod\(underscored).slice", "mykubepods-pod\(underscored).slice"),
        .unit("/kubepods-pod\(uid).slice", "kubepods-pod\(uid).slice"),
    ])
    fileprivate func `imitations are no pods`(_ example: Case) {
        expect(example)
    }

    @Test(arguments: [
        Case.unit("/system.slice/nginx.service", "nginx.service"),
        .unit("/system.slice/nginx.service/workers/1", "nginx.service", at: "/system.slice/nginx.service"),
        .unit("/system.slice/system-getty.slice/getty@tty1.service", "getty@tty1.service"),
        .unit("/init.scope", "init.scope"),
        .unit("/system.slice", "system.slice"),
        .unit("/user.slice/user-1000.slice/session-3.scope", "session-3.scope"),
        .unit("/user.slice/user-1000.slice/user@1000.service/init.scope", "init.scope", user: 1000),
        .unit(
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-agent.service", "app-agent.service",
            user: 1000),
        .unit("/user.slice/user-1000.slice/user@1000.service", "user@1000.service"),
        .unit("/system.slice/_cpu.service", "cpu.service"),
        .unit("/machine.slice/libpod-conmon-\(a).scope", "libpod-conmon-\(a).scope"),
        .unit("/system.slice/crio-conmon-\(a).scope", "crio-conmon-\(a).scope"),
        .unit("/machine.slice/machine-qemu\\x2d1\\x2dweb.scope", "machine-qemu\\x2d1\\x2dweb.scope"),
        .unit("/kubepods.slice/kubepods-burstable.slice", "kubepods-burstable.slice"),
        .unit("/machine.slice/machine-libpod_pod_\(b).slice", "machine-libpod_pod_\(b).slice"),
        .unit("/system.slice/web.service/supervisor", "web.service", at: "/system.slice/web.service"),
        .unit(
            "/user.slice/user-1000.slice/user@1000.service/background.slice", "user@1000.service",
            at: "/user.slice/user-1000.slice/user@1000.service"),
    ])
    fileprivate func `a systemd unit owns the cgroups below it`(_ example: Case) {
        expect(example)
    }

    @Test(arguments: [
        Case("/", .host),
        Case("", .host, at: "/"),
        Case("/process_api/0123456789abcdef0123456789abcdef", .host),
        Case("/docker", .host),
        Case("/docker/\(a.dropLast())", .host),
        Case("/docker/\(a)0", .host),
        Case("/libpod_parent/\(b)", .host),
        Case("/libpod_parent/libpod-conmon-\(a)", .host),
        Case("/lxc.monitor.web", .host),
        Case("/default/-x", .host),
        Case("/default/a b", .host),
        Case("/kubepods/burstable", .host),
        Case("/kubepods/burstable/pod", .host),
        Case("//a//b/", .host, at: "/a/b"),
    ])
    fileprivate func `all else is the host's`(_ example: Case) {
        expect(example)
    }

    @Test func `bytes that are no text are names like others`() {
        let odd: [UInt8] = [0x2f, 0xff, 0xfe, 0x0a, 0x20, 0xc3]
        let path = CgroupPath(ByteString(odd + Array("/docker/\(a)/".utf8) + odd.dropFirst()))
        #expect(path.owner == .container(.init(id: a, runtime: .docker)))
        #expect(path.ownerBytes == ByteString(odd + Array("/docker/\(a)".utf8)))
        let host = CgroupPath(ByteString(odd))
        #expect(host.owner == .host)
        #expect(host.ownerBytes == ByteString(odd))
        // Two that look the same to a person are two.
        #expect(host.ownerBytes != CgroupPath(ByteString(odd.dropLast() + [0xc4])).ownerBytes)
    }

    @Test func `very long paths are read in time`() {
        let deep = String(repeating: "/a", count: 2000) + "/docker/\(a)"
        #expect(CgroupPath(deep).owner == .container(.init(id: a, runtime: .docker)))
        let long = "/" + String(repeating: "pod-kubepods-", count: 100_000)
        #expect(CgroupPath(long).owner == .host)
        let pods = String(repeating: "/kubepods/burstable", count: 1000) + "/pod\(uid)"
        #expect(CgroupPath(pods).owner == .pod(uid: uid))
    }

    @Test func `no path stops it`() {
        var random = SplitMix(seed: 7)
        let words = [
            "/", "//", "kubepods", "kubepods.slice", "-pod", ".slice", ".scope", "pod", uid, underscored, hash, a, ":",
            "-",
            "user@1000.service", "user-0.slice", "docker", "libpod", "crio-conmon", "lxc", "lxc.payload.", "ecs",
            "default",
            "\n", "\u{0}", "é", "_", "besteffort", "..", "user", "user@.service", "user@99999999999.service",
        ]
        for _ in 0..<20_000 {
            let path = (0..<Int(random.next() % 9)).map { _ in words[Int(random.next() % UInt64(words.count))] }
                .joined()
            let read = CgroupPath(path)
            let normalized = "/" + path.split(separator: "/").joined(separator: "/")
            #expect(normalized.hasPrefix(read.ownerPath), "\(path)")
            // The owner's own cgroup has the same owner.
            #expect(CgroupPath(read.ownerBytes).owner == read.owner, "\(path)")
        }
    }

    private func expect(_ example: Case, _ location: SourceLocation = #_sourceLocation) {
        let path = CgroupPath(example.path)
        #expect(path.owner == example.owner, sourceLocation: location)
        #expect(path.ownerPath == example.ownerPath, sourceLocation: location)
    }
}
