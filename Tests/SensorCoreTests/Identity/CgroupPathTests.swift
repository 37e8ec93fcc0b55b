// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

private let a = String(repeating: "a1", count: 32)
private let b = String(repeating: "0b", count: 32)
private let uid = "0f4c2f1e-8b0d-4a52-9c3b-5d1e7a9b6c2d"
private let underscored = "0f4c2f1e_8b0d_4a52_9c3b_5d1e7a9b6c2d"

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
        _ path: String, _ id: String, _ runtime: CgroupPath.Runtime?, pod: String? = nil, at ownerPath: String? = nil
    ) -> Case {
        Case(path, .container(.init(id: id, runtime: runtime, podUID: pod)), at: ownerPath)
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
            "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-\(a).scope", a, .docker),
        .container("/machine.slice/libpod-\(a).scope", a, .podman),
        .container(
            "/machine.slice/libpod-\(a).scope/container", a, .podman, at: "/machine.slice/libpod-\(a).scope"),
        .container("/libpod_parent/libpod-\(a)", a, .podman),
        .container("/machine.slice/machine-libpod_pod_\(b).slice/libpod-\(a).scope", a, .podman),
        .container(
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(a).scope/container/init", a, .podman,
            at: "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-\(a).scope"),
        .container("/default/\(a)", a, nil),
        .container("/k8s.io/\(a)", a, .containerd),
        .container("/system.slice/nerdctl-\(a).scope", a, .containerd),
        .container("/lxc/web", "web", .lxc),
        .container("/lxc.payload.web/system.slice/cron.service", "web", .lxc, at: "/lxc.payload.web"),
        .container(
            "/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890",
            "0123456789abcdef0123456789abcdef-1234567890", nil),
        .container("/ecs/0123456789abcdef0123456789abcdef/\(a)", a, nil),
    ])
    fileprivate func `containers are known by their runtime's names`(_ example: Case) {
        expect(example)
    }

    @Test(arguments: [
        Case.container(
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod\(underscored).slice/cri-containerd-\(a).scope",
            a, .containerd, pod: uid),
        .container("/kubepods.slice/kubepods-pod\(underscored).slice/crio-\(a).scope", a, .crio, pod: uid),
        .container(
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(underscored).slice/crio-\(a).scope/container",
            a, .crio, pod: uid,
            at:
                "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod\(underscored).slice/crio-\(a).scope"
        ),
        .container("/kubepods/burstable/pod\(uid)/\(a)", a, nil, pod: uid),
        .container("/kubepods/pod\(uid)/\(a)", a, nil, pod: uid),
        .container("/kubepods/besteffort/pod\(uid)/crio-\(a)", a, .crio, pod: uid),
        .container(
            "/kubepods/burstable/pod0123456789abcdef0123456789abcdef/\(a)", a, nil,
            pod: "0123456789abcdef0123456789abcdef"),
        .container("/kubepods.slice/kubepods-pod\(underscored).slice/docker-\(a).scope", a, .docker, pod: uid),
        .container(
            "/system.slice/containerd.service/kubepods-burstable-pod\(underscored).slice:cri-containerd:\(a)",
            a, .containerd, pod: uid),
        .container(
            "/docker/\(b)/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod\(underscored).slice/cri-containerd-\(a).scope",
            a, .containerd, pod: uid),
    ])
    fileprivate func `a container of Kubernetes names its pod`(_ example: Case) {
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
        .unit("/kubepods.slice/kubepods-pod\(underscored).slice", "kubepods-pod\(underscored).slice"),
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
        Case("/kubepods/burstable/pod\(uid)", .host),
        Case("//a//b/", .host, at: "/a/b"),
    ])
    fileprivate func `all else is the host's`(_ example: Case) {
        expect(example)
    }

    private func expect(_ example: Case, _ location: SourceLocation = #_sourceLocation) {
        let path = CgroupPath(example.path)
        #expect(path.owner == example.owner, sourceLocation: location)
        #expect(path.ownerPath == example.ownerPath, sourceLocation: location)
    }
}
