// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// A real container, made by runc from a directory with nothing but busybox.
@Suite(.tags(.kernel), .needsKernel, .needsPrograms("/usr/sbin/runc", "/bin/busybox")) struct ContainerTests {
    private let directory: TestDirectory
    /// As a runtime's: 64 hexadecimal digits.
    private let identifier: String
    /// Below the root of the cgroup trees, in the shape that docker's has.
    private let cgroup: String

    init() throws {
        directory = try TestDirectory()
        let digits = Array("0123456789abcdef")
        identifier = String((0..<64).map { _ in digits.randomElement() ?? "0" })
        cgroup = "/sensord-test-\(identifier.prefix(12))/docker/\(identifier)"
    }

    private func write(_ text: String, to path: String) throws {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        guard descriptor >= 0, Glibc.write(descriptor, text, text.utf8.count) == text.utf8.count else {
            throw SystemError("write \(path)")
        }
    }

    /// Makes the bundle and returns what runs it.
    ///
    /// - Parameters:
    ///   - program: the program of the host that runs the script, with the libraries that it needs.
    ///   - name: what it is called in the container.
    private func bundle(_ script: String, program: String = "/bin/busybox", name: String? = nil) throws -> [String] {
        let root = directory.path + "/rootfs"
        let copy = try Child([
            "/bin/sh", "-c",
            """
            mkdir -p \(root)/bin \(root)/proc \(root)/tmp; cp \(program) \(root)/bin/\(name ?? "busybox")
            for library in $(ldd \(program) | grep -o '/[^ ]*'); do cp -L --parents $library \(root); done
            """,
        ])
        copy.wait()
        let shell = name.map { "\"/bin/\($0)\"" } ?? "\"/bin/busybox\",\"sh\""
        let namespaces = ["pid", "mount", "ipc", "uts", "network"].map { "{\"type\":\"\($0)\"}" }.joined(separator: ",")
        try write(
            """
            {"ociVersion":"1.0.2","root":{"path":"rootfs"},"hostname":"test",
             "process":{"user":{"uid":0,"gid":0},"args":[\(shell),"-c","\(script)"],"env":["PATH=/bin"],"cwd":"/tmp"},
             "mounts":[{"destination":"/proc","type":"proc","source":"proc"}],
             "linux":{"cgroupsPath":"\(cgroup)","namespaces":[\(namespaces)]}}
            """, to: directory.path + "/config.json")
        return [
            "/usr/sbin/runc", "--root", directory.path + "/state", "run", "--bundle", directory.path,
            "sensord-test-\(identifier.prefix(12))",
        ]
    }

    /// runc removes the container's own cgroups, not what is above them; and nothing if the test gave up on it.
    private func cleanUp() {
        let above = "/sensord-test-\(identifier.prefix(12))"
        let delete = try? Child([
            "/bin/sh", "-c",
            "/usr/sbin/runc --root \(directory.path)/state delete --force \(above.dropFirst()) 2>/dev/null || :",
        ])
        delete?.wait()
        let find = try? Child([
            "/bin/sh", "-c",
            "for tree in /sys/fs/cgroup /sys/fs/cgroup/*; do rmdir $tree\(above)/docker $tree\(above); done 2>/dev/null",
        ])
        find?.wait()
    }

    @Test func `a container is the workload of all that runs in it, from its first program on`() throws {
        let command = try bundle("echo made > file; /bin/busybox true; exit 3")
        defer { cleanUp() }
        let seen = try Observation.of(command: command)
        let execs = seen.events(.processExec)
        let shell = try #require(execs.first { $0.process?.arguments.prefix(2) == ["/bin/busybox", "sh"] })
        let last = try #require(execs.first { $0.process?.arguments == ["/bin/busybox", "true"] })
        for event in [shell, last] {
            #expect(event.workload.kind == "Container")
            #expect(event.workload.container?.id == identifier)
            #expect(event.workload.container?.runtime == "docker")
            #expect(event.workload.cgroup.text == cgroup)
            // As the container's own root shows it.
            #expect(event.process?.executable == "/bin/busybox")
            #expect(event.process?.workingDirectory == "/tmp")
        }
        #expect(last.process?.parentID == shell.process?.id)
        let file = try seen.only(seen.events(.fileCreate).filter { $0.file?.path == "/tmp/file" })
        #expect(file.process?.id == shell.process?.id)
        #expect(file.workload.container?.id == identifier)
        let exit = try #require(seen.events(.processExit).first { $0.process?.id == shell.process?.id })
        #expect(exit.exit?.code == 3)
        #expect(exit.workload.container?.id == identifier)
    }

    @Test func `the runtime's own stages in a container's cgroup are told apart by their program`() throws {
        let command = try bundle("exit 0")
        defer { cleanUp() }
        let seen = try Observation.of(command: command)
        let inside = seen.events.filter { $0.workload.container?.id == identifier }
        let first = try #require(
            inside.firstIndex { $0.kind == .processExec && $0.process?.arguments.first == "/bin/busybox" })
        // It runs from a mount of its own file alone, which hangs nowhere.
        #expect(
            inside[..<first].allSatisfy { $0.process?.executable.text.hasSuffix("/runc") == true },
            "\(inside[..<first].map { "\($0.summary) by \($0.process?.executable.text ?? "")" })")
        // The last of them is a child of the runtime on the host, but was cloned by the stage before.
        #expect(
            inside[..<first].allSatisfy { $0.process?.arguments.last == "init" },
            "\(inside[..<first].map { "\($0.summary) by \($0.process?.arguments ?? [])" })")
        for stage in inside[..<first].compactMap(\.process) {
            #expect(
                RuntimeStage.covers(
                    executable: stage.executable, arguments: stage.arguments, script: stage.script,
                    ranInMountsOfParent: true, hasRunOwnProgram: false))
        }
        #expect(
            inside[..<first].allSatisfy { $0.workload.container?.type == "runtime" },
            "\(inside[..<first].map { "\($0.summary) by \($0.process?.arguments ?? [])" })")
        #expect(inside[first...].allSatisfy { $0.workload.container?.type != "runtime" })
        // The runtime itself is not in the container.
        let runtime = try #require(seen.events(.processExec).first { $0.process?.arguments.first == "/usr/sbin/runc" })
        #expect(runtime.workload.container == nil)
        let shell = inside[first].process
        #expect(
            inside[first...].filter { $0.process?.pid == shell?.pid && $0.kind != .processExec }.allSatisfy {
                $0.process?.executable == "/bin/busybox"
            })
    }

    @Test func `an entry point with the name of a runtime's monitor is the container's own program`() throws {
        let command = try bundle("echo made > file", program: "/bin/sh", name: "containerd-shim-x")
        defer { cleanUp() }
        let seen = try Observation.of(command: command)
        let file = try seen.only(seen.events(.fileCreate).filter { $0.file?.path == "/tmp/file" })
        #expect(file.process?.executable == "/bin/containerd-shim-x")
        #expect(file.workload.container?.id == identifier)
        #expect(file.workload.container?.type != "runtime")
    }
}

extension Trait where Self == ConditionTrait {
    /// Skips, with the reason, where one of these programs is not installed.
    static func needsPrograms(_ paths: String...) -> Self {
        let missing = paths.filter { access($0, X_OK) != 0 }
        return .disabled(if: !missing.isEmpty, "not installed: \(missing.joined(separator: ", "))")
    }
}
