// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct RuntimeStageTests {
    private static let stages: [(String, [String])] = [
        ("/usr/sbin/runc", ["runc", "init"]),
        ("/runc", ["runc", "init"]),
        ("/usr/libexec/crio/runc", ["/usr/libexec/crio/runc", "init"]),
        ("/var/lib/rancher/k3s/data/0123/bin/runc", ["runc", "init"]),
        ("/memfd:runc_cloned:/proc/self/exe (deleted)", ["runc", "init"]),
        ("memfd:runc_cloned:/proc/self/exe", ["/proc/self/exe", "init"]),
        ("/proc/self/exe", ["runc", "init"]),
        ("/proc/self/fd/7", ["runc", "init"]),
        ("/usr/bin/crun", ["crun", "create", "--bundle", "/run/x", "id"]),
        ("/memfd:crun_cloned:/proc/self/exe", ["crun", "start"]),
        ("/usr/bin/containerd-shim-runc-v2", ["/usr/bin/containerd-shim-runc-v2", "-namespace", "k8s.io"]),
        ("/usr/bin/containerd-shim", []),
        ("/usr/bin/conmon", ["/usr/bin/conmon", "-b", "/run/x"]),
    ]

    private func covers(
        _ example: (String, [String]), script: ByteString? = nil, own: Bool = false, outside: Bool = false,
        stages: Int = 0, mounts: Bool = true
    ) -> Bool {
        RuntimeStage.covers(
            executable: ByteString(example.0), arguments: example.1, script: script, ranInMountsOfParent: mounts,
            hasRunOwnProgram: own, cameFromOutside: outside, stages: stages)
    }

    @Test(arguments: stages)
    func `the runtime's stages are known`(_ executable: String, _ arguments: [String]) {
        #expect(covers((executable, arguments)))
    }

    @Test(arguments: stages)
    func `in mounts of its own no program is the runtime's`(_ executable: String, _ arguments: [String]) {
        #expect(!covers((executable, arguments), mounts: false))
        #expect(!covers((executable, arguments), own: true, outside: true, mounts: false))
    }

    @Test(arguments: stages)
    func `once the container runs its own program, they are imitations`(_ executable: String, _ arguments: [String]) {
        #expect(!covers((executable, arguments), own: true))
    }

    @Test(arguments: stages)
    func `a process from outside goes through them in a running container`(_ executable: String, _ arguments: [String])
    {
        #expect(covers((executable, arguments), own: true, outside: true))
        #expect(covers((executable, arguments), own: true, outside: true, stages: 1))
    }

    @Test(arguments: stages)
    func `no process goes through more than two`(_ executable: String, _ arguments: [String]) {
        #expect(!covers((executable, arguments), stages: 2))
        #expect(!covers((executable, arguments), script: "/entrypoint.sh"))
    }

    @Test(
        arguments: [
            ("/bin/sh", ["sh", "-c", "runc init"]),
            ("/bin/busybox", ["runc", "init"]),
            ("/usr/sbin/runc", ["runc", "list"]),
            ("/usr/sbin/runc", ["runc"]),
            ("/usr/sbin/runc", ["init"]),
            ("/sbin/docker-init", ["/sbin/docker-init", "--", "sh"]),
            ("/pause", ["/pause"]),
            ("/memfd:runc_dmz:/x (deleted)", ["bash", "-c", "x"]),
            ("/proc/self/exe", ["init"]),
            ("/proc/self/exe", ["agent", "init"]),
            ("/app/exe", ["runc", "init"]),
            ("/app/fd/7", ["runc", "init"]),
            ("/memfd:payload (deleted)", ["runc", "init"]),
            ("/memfd:evil:runc", ["runc", "init"]),
            ("/usr/bin/containerd", ["containerd"]),
            ("/usr/bin/runcx", ["runc", "init"]),
            ("", []),
        ] as [(String, [String])])
    func `all else is the container's own`(_ executable: String, _ arguments: [String]) {
        #expect(!covers((executable, arguments)))
    }
}
