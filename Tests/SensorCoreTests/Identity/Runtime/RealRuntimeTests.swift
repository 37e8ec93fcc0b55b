// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// What real runtimes keep, in a directory that stands for the host's root.
@Suite(.serialized, .enabled(if: getuid() == 0, "containers are made by root"), .needsPrograms("/bin/busybox"))
struct RealRuntimeTests {
    private let host: TestDirectory
    /// Of the container, the cgroup and all that must not be taken for anyone else's.
    private let name: String

    init() throws {
        host = try TestDirectory()
        name = "sensord-test-\(String(UInt64.random(in: .min ... .max), radix: 16))"
        try Child.shell(
            """
            mkdir -p \(host.path)/rootfs/bin \(host.path)/rootfs/proc \(host.path)/rootfs/sys \(host.path)/rootfs/dev
            cp /bin/busybox \(host.path)/rootfs/bin/
            """)
    }

    private func find(_ runtime: CgroupPath.Runtime?, _ id: String) throws -> RuntimeContainer {
        try LiveHostView(cgroupRoot: nil, hostRoot: host.path).answer(.runtimeState(runtime, id: id, user: nil))
            .runtimeContainer()
    }

    /// Runs it, and says what it said if it failed.
    private func run(_ script: String, _ location: SourceLocation = #_sourceLocation) throws {
        let child = try Child(["/bin/sh", "-c", "{ \(script)\n} >\(host.path)/output 2>&1 </dev/null"])
        let status = child.wait()
        try #require(status == 0, "\(output())", sourceLocation: location)
    }

    private func output() -> String {
        let descriptor = open("\(host.path)/output", O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }

    /// Runtimes leave the cgroups above their containers.
    private func removeCgroups() {
        _ = try? Child.shell(
            "for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do rmdir $tree/\(name)/* $tree/\(name); done 2>/dev/null; :")
    }

    @Test(.needsPrograms("/usr/sbin/runc"))
    func `runc's own state tells of a container that nobody else knows`() throws {
        let runc = "/usr/sbin/runc --root \(host.path)/run/runc"
        defer {
            _ = try? run("\(runc) delete --force \(name) || :")
            removeCgroups()
        }
        try run(
            """
            cat >\(host.path)/config.json <<END
            {"ociVersion":"1.0.2","root":{"path":"rootfs"},"annotations":{"nerdctl/name":"by annotation"},
             "process":{"user":{"uid":0,"gid":0},"args":["/bin/busybox","sleep","60"],"cwd":"/"},
             "mounts":[{"destination":"/proc","type":"proc","source":"proc"}],
             "linux":{"cgroupsPath":"/\(name)/runc","namespaces":[{"type":"pid"},{"type":"mount"}]}}
            END
            \(runc) run --detach --bundle \(host.path) \(name)
            """)
        for runtime in [CgroupPath.Runtime.runc, nil] {
            let container = try find(runtime, name)
            #expect(container.id == name)
            #expect(container.runtime == .runc)
            #expect(container.name == "by annotation")
        }
        try run("\(runc) delete --force \(name)")
        #expect(throws: RuntimeStateFault.missing) { try find(.runc, name) }
    }

    @Test(.needsPrograms("/usr/bin/containerd", "/usr/bin/ctr", "/usr/bin/containerd-shim-runc-v2"))
    func `containerd's bundles tell what it was told`() throws {
        try run(
            """
            cat >\(host.path)/config.toml <<END
            version = 2
            root = "\(host.path)/var/lib/containerd"
            state = "\(host.path)/run/containerd"
            disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.snapshotter.v1.aufs",
              "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
              "io.containerd.snapshotter.v1.zfs"]
            [grpc]
            address = "\(host.path)/containerd.sock"
            END
            """)
        let daemon = try Child([
            "/bin/sh", "-c",
            """
            export PATH=/usr/sbin:/usr/bin:/bin
            exec containerd --config \(host.path)/config.toml >\(host.path)/daemon 2>&1 </dev/null
            """,
        ])
        defer {
            kill(daemon.pid, SIGTERM)
            daemon.wait()
            removeCgroups()
            // What shims make whatever they are told; others' stays.
            for directory in ["s", "runc/default", "runc"] { rmdir("/run/containerd/\(directory)") }
            rmdir("/run/containerd")
        }
        let ctr = "/usr/bin/ctr --address \(host.path)/containerd.sock --timeout 5s"
        // As long as it takes to start on a busy machine.
        try run("for n in $(seq 300); do \(ctr) version && break; sleep 0.1; done; \(ctr) version")
        defer {
            _ = try? run(
                """
                \(ctr) task kill --signal KILL \(name)
                for n in $(seq 100); do \(ctr) task delete \(name) && break; sleep 0.1; done
                \(ctr) container delete \(name) || :
                """)
        }
        try run(
            """
            \(ctr) run --detach --null-io --rootfs --cgroup /\(name)/ctr --runc-root \(host.path)/run/containerd/runc \
              --annotation io.kubernetes.cri.container-type=container --annotation io.kubernetes.cri.container-name=main \
              --annotation io.kubernetes.cri.image-name=example/agent:1 \
              --annotation io.kubernetes.cri.sandbox-name=planner-0 \
              --annotation io.kubernetes.cri.sandbox-namespace=agents --annotation io.kubernetes.cri.sandbox-uid=u \
              \(host.path)/rootfs \(name) /bin/busybox sleep 60
            """)
        for runtime in [CgroupPath.Runtime.containerd, nil] {
            let container = try find(runtime, name)
            #expect(container.runtime == .containerd)
            #expect(container.name == name)
            #expect(container.containerName == "main")
            #expect(container.image == "example/agent:1")
            #expect(container.pod == .init(uid: "u", namespace: "agents", name: "planner-0"))
        }
    }

    @Test(.needsPrograms("/usr/bin/podman", "/usr/sbin/runc"))
    func `podman's storage tells name, image and digest`() throws {
        let podman = """
            podman --root \(host.path)/var/lib/containers/storage --runroot \(host.path)/run/containers/storage \
              --tmpdir \(host.path)/tmp --cgroup-manager cgroupfs --events-backend none --storage-driver vfs \
              --runtime /usr/sbin/runc
            """
        defer {
            _ = try? run("\(podman) rm --force --time 0 \(name) || :; \(podman) rmi --all --force || :")
            removeCgroups()
            // runc's own place, which podman leaves it; others' containers keep it.
            rmdir("/run/runc")
        }
        // Limits that a container may have no more of than its maker are asked for as they are.
        try run(
            """
            tar -C \(host.path)/rootfs -c . | \(podman) import - localhost/agent:1
            \(podman) run --detach --name \(name) --net host --log-driver none --cgroup-parent /\(name) \
              --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 localhost/agent:1 /bin/busybox sleep 60
            \(podman) inspect --format '{{.Id}} {{.ImageDigest}}' \(name) >\(host.path)/inspected
            \(podman) inspect --format '{{.Id}} {{.ImageDigest}}' \(name)
            """)
        let words = output().split(whereSeparator: \.isWhitespace).suffix(2).map(String.init)
        let id = try #require(words.first)
        for runtime in [CgroupPath.Runtime.podman, nil] {
            let container = try find(runtime, id)
            #expect(container.runtime == .podman)
            #expect(container.name == name)
            #expect(container.image == "localhost/agent:1")
            #expect(container.imageDigest == words.last)
            #expect(container.imageDigest.hasPrefix("sha256:"))
        }
    }
}
