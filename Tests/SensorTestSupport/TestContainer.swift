// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// A real container, run by runc: root inside with what Docker leaves of root's capabilities, in namespaces of its own but for
/// the network's, which it shares with the host. Programs and libraries are the host's.
package final class TestContainer {
    package struct Mount {
        package var source: String
        package var destination: String
        package var isReadOnly: Bool

        package init(_ source: String, at destination: String, isReadOnly: Bool = true) {
            (self.source, self.destination, self.isReadOnly) = (source, destination, isReadOnly)
        }
    }

    package static let isPossible = geteuid() == 0 && access("/usr/sbin/runc", X_OK) == 0

    /// As Docker's: 64 hexadecimal digits.
    package let identifier: String
    /// What runs it.
    package let command: [String]
    private let directory: TestDirectory
    private var name: String { "sensord-test-\(identifier.prefix(12))" }

    /// - Parameter arguments: what it runs, a program of the host's.
    package init(_ arguments: [String], mounts: [Mount]) throws {
        let digits = Array("0123456789abcdef")
        let identifier = String((0..<64).map { _ in digits.randomElement() ?? "0" })
        directory = try TestDirectory()
        let folder = directory.path
        let name = "sensord-test-\(identifier.prefix(12))"
        self.identifier = identifier
        command = ["/usr/sbin/runc", "--root", folder + "/state", "run", "--bundle", folder, name]

        var places = mounts.map(Self.json)
        for library in ["usr", "bin", "lib", "lib64", "sbin"] where access("/" + library, F_OK) == 0 {
            places.append(Self.json(Mount("/" + library, at: "/" + library)))
        }
        places.append(#"{"destination":"/proc","type":"proc","source":"proc"}"#)
        places.append(#"{"destination":"/dev","type":"tmpfs","source":"tmpfs","options":["nosuid","mode=755"]}"#)
        places.append(#"{"destination":"/tmp","type":"tmpfs","source":"tmpfs"}"#)
        let capabilities = Self.list(
            [
                "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
                "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
            ].map { "CAP_" + $0 })
        let namespaces = ["pid", "mount", "ipc", "uts"].map { #"{"type":"\#($0)"}"# }.joined(separator: ",")
        let text = """
            {"ociVersion":"1.0.2","root":{"path":"rootfs"},"hostname":"test",
             "process":{"user":{"uid":0,"gid":0},"args":\(Self.list(arguments)),"env":["PATH=/usr/bin:/bin"],"cwd":"/tmp",
              "capabilities":{"bounding":\(capabilities),"effective":\(capabilities),"permitted":\(capabilities)},
              "rlimits":[{"type":"RLIMIT_NOFILE","hard":1024,"soft":1024},{"type":"RLIMIT_NPROC","hard":1024,"soft":1024}]},
             "mounts":[\(places.joined(separator: ","))],
             "linux":{"cgroupsPath":"/\(name)/docker/\(identifier)","namespaces":[\(namespaces)]}}
            """
        let descriptor = open(folder + "/config.json", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, write(descriptor, text, text.utf8.count) == text.utf8.count,
            mkdir(folder + "/rootfs", 0o755) == 0
        else { throw SystemError("write \(folder)/config.json") }
    }

    /// runc removes the container's own cgroups, not what is above them; and nothing if the test gave up on it.
    deinit {
        let trees = "/sys/fs/cgroup /sys/fs/cgroup/*"
        _ = try? Child.shell(
            """
            /usr/sbin/runc --root '\(directory.path)/state' delete --force \(name) 2>/dev/null
            for tree in \(trees); do rmdir $tree/\(name)/docker $tree/\(name); done 2>/dev/null
            """)
    }

    private static func json(_ mount: Mount) -> String {
        #"{"destination":"\#(mount.destination)","type":"bind","source":"\#(mount.source)","options":["rbind","#
            + (mount.isReadOnly ? #""ro""# : #""rw""#) + "]}"
    }

    private static func list(_ words: [String]) -> String {
        "[" + words.map { #""\#($0)""# }.joined(separator: ",") + "]"
    }
}
