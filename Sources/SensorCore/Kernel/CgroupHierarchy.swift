// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Where this host keeps its cgroups, as a process's `mountinfo` shows it.
package struct CgroupHierarchy: Sendable, Equatable {
    /// Mount point of the cgroup2 tree, nil where there is none: what cgroup programs are attached to.
    package var unified: String?
    /// Mount point of the tree whose ids stand in records.
    package var tracked: String?
    /// The v1 controller of the tracked tree, nil if it is the unified one.
    package var controller: String?
    /// The trees are only what this process's cgroup namespace shows of them: paths are other than the kernel's, and
    /// what is outside is out of sight.
    package var isPartial = false

    /// Controllers that container runtimes give each container a cgroup of, the surest first.
    private static let controllers = ["memory", "pids", "cpu", "cpuacct", "freezer", "blkio", "devices"]

    /// - Parameters:
    ///   - mountinfo: the text of `/proc/self/mountinfo`, or of another process's.
    ///   - root: where the root of that process is.
    ///   - isWhole: whether the mount at this point shows a whole tree; nil: all do that seem to.
    ///
    /// The unified tree is tracked if it is the host's main one, mounted at `/sys/fs/cgroup`, or if there is no other.
    package init(mountinfo: String, root: String = "", isWhole: ((String) -> Bool)? = nil) {
        var versionOne: [String: String] = [:]
        for line in mountinfo.split(separator: "\n") {
            // "… root mountpoint options [optional fields] - type source superoptions"
            guard let dash = line.ranges(of: " - ").first else { continue }
            let before = line[..<dash.lowerBound].split(separator: " ")
            let after = line[dash.upperBound...].split(separator: " ")
            guard before.count >= 5, after.count >= 3 else { continue }
            let point = Self.unescape(before[4])
            guard after[0] == "cgroup2" || after[0] == "cgroup" else { continue }
            // A bind mount of a part of the tree is not its root. From a cgroup namespace the whole shows as above it.
            guard before[3] == "/" || (isWhole != nil && Self.isAbove(before[3])) else { continue }
            guard isWhole?(root + point) ?? true else { continue }
            if after[0] == "cgroup2" {
                if unified == nil || point == "/sys/fs/cgroup" { unified = point }
            } else if after[0] == "cgroup" {
                for option in after[2].split(separator: ",") where Self.controllers.contains(String(option)) {
                    versionOne[String(option)] = versionOne[String(option)] ?? point
                }
            }
        }
        let controller = Self.controllers.first { versionOne[$0] != nil }
        if unified == "/sys/fs/cgroup" || controller == nil {
            tracked = unified
        } else {
            self.controller = controller
            tracked = controller.flatMap { versionOne[$0] }
        }
        unified = unified.map { root + $0 }
        tracked = tracked.map { root + $0 }
    }

    /// `/..`, `/../..` and so on.
    private static func isAbove(_ path: Substring) -> Bool {
        path.split(separator: "/").allSatisfy { $0 == ".." }
    }

    /// Octal escapes of space, tab, newline and backslash.
    private static func unescape(_ text: Substring) -> String {
        guard text.contains("\\") else { return String(text) }
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// This host's: by the mounts of this process or, where they show a cgroup namespace's part, by those of process 1,
    /// which with the host's pid namespace is the host's.
    package static func current() -> CgroupHierarchy {
        let own = ProcFile.text("/proc/self/mountinfo") ?? ""
        let found = CgroupHierarchy(mountinfo: own, isWhole: isWhole)
        if found.tracked != nil { return found }
        let hosts = CgroupHierarchy(
            mountinfo: ProcFile.text("/proc/1/mountinfo") ?? "", root: "/proc/1/root", isWhole: isWhole)
        if hosts.tracked != nil { return hosts }
        var part = CgroupHierarchy(mountinfo: own)
        part.isPartial = part.tracked != nil
        return part
    }

    /// The root of each tree has the id 1, and no other cgroup.
    private static func isWhole(_ point: String) -> Bool {
        var status = stat()
        return stat(point, &status) == 0 && status.st_ino == 1
    }

    /// Index of the tracked controller in this kernel's `css_set.subsys`; -1 for the unified tree.
    ///
    /// The numbers depend on what the kernel was built with. Falls back to -1, which tracks the unified tree's ids.
    func subsystem(in types: borrowing KernelTypes) -> Int32 {
        controller.flatMap { types.value(of: "\($0)_cgrp_id", in: "cgroup_subsys_id") } ?? -1
    }
}
