// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The process that sent a message, as the kernel and /proc tell it.
struct CallSender: Sendable, Hashable {
    var process: CallTask
    /// Id in the tracked hierarchy: its workload.
    var cgroup: UInt64
}

/// Looks senders up. What a client says of itself has no part in it.
package struct CallSenders: Sendable {
    private let hierarchy: CgroupHierarchy

    package init(hierarchy: CgroupHierarchy) { self.hierarchy = hierarchy }

    /// nil: it is gone, or its cgroup cannot be told.
    func sender(_ pid: UInt32) -> CallSender? {
        guard let before = start(pid), let cgroup = cgroup(of: pid), start(pid) == before else { return nil }
        return CallSender(process: CallTask(id: pid, start: before), cgroup: cgroup)
    }

    /// The thread that a process's own pid namespace numbers so; nil: it has none such.
    func thread(_ number: UInt32, of process: CallTask) -> CallTask? {
        let folder = "/proc/\(process.id)/task"
        // Where both see the same numbers it is that thread, if it is one of the process's.
        if let own = innermost("\(folder)/\(number)/status"), own == number, let start = start(number) {
            return CallTask(id: number, start: start)
        }
        for task in names(in: folder) {
            guard let id = UInt32(task), innermost("\(folder)/\(id)/status") == number, let start = start(id) else {
                continue
            }
            return CallTask(id: id, start: start)
        }
        return nil
    }

    /// The process and all its descendants that live now.
    func tree(_ root: CallTask) -> [CallTask] {
        var found = [root]
        var index = 0
        while index < found.count, found.count < Self.treeLimit {
            let folder = "/proc/\(found[index].id)/task"
            for task in names(in: folder) {
                for child in (ProcFile.text("\(folder)/\(task)/children") ?? "").split(separator: " ") {
                    guard let id = UInt32(child), let start = start(id) else { continue }
                    found.append(CallTask(id: id, start: start))
                }
            }
            index += 1
        }
        return found
    }

    private static let treeLimit = 4096

    func lives(_ task: CallTask) -> Bool { start(task.id) == task.start }

    private func start(_ id: UInt32) -> UInt64? {
        ProcFile.text("/proc/\(id)/stat").flatMap { ProcessStat(Array($0.utf8))?.startTicks }
    }

    /// The last number of NSpid: what the thread itself sees.
    private func innermost(_ path: String) -> UInt32? {
        for line in (ProcFile.text(path) ?? "").split(separator: "\n") where line.hasPrefix("NSpid:") {
            return line.split(whereSeparator: \.isWhitespace).last.flatMap { UInt32($0) }
        }
        return nil
    }

    private func cgroup(of pid: UInt32) -> UInt64? {
        guard let root = hierarchy.tracked, let text = ProcFile.text("/proc/\(pid)/cgroup") else { return nil }
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let controllers = fields[1].split(separator: ",").map(String.init)
            guard hierarchy.controller.map(controllers.contains) ?? fields[1].isEmpty else { continue }
            var status = stat()
            return stat(root + fields[2], &status) == 0 ? UInt64(status.st_ino) : nil
        }
        return nil
    }

    private func names(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.first != "." { names.append(name) }
        }
        return names
    }
}
