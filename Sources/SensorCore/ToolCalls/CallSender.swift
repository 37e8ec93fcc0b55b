// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The process that sent a message, as the kernel and /proc tell it.
struct CallSender: Sendable, Hashable {
    var process: CallTask
    /// Id in the tracked hierarchy.
    var cgroup: UInt64
    /// Id of the cgroup that its container or unit begins at: what it may make below that is its own.
    var workload: UInt64
}

/// Looks up what acts for a call.
protocol CallTasks {
    /// The thread that a process's own pid namespace numbers so; nil: it has none such.
    func thread(_ number: UInt32, of process: CallTask) -> CallTask?
    /// The process and all its descendants in its workload, as one look finds them; nil: there are too many.
    ///
    /// - Parameter tasksLeft: threads and children that may be looked at; becomes those that still may.
    func tree(_ root: CallSender, tasksLeft: inout Int) -> [CallTask]?
}

/// Looks senders up. What a client says of itself has no part in it.
package struct CallSenders: Sendable, CallTasks {
    private let hierarchy: CgroupHierarchy

    package init(hierarchy: CgroupHierarchy) { self.hierarchy = hierarchy }

    /// nil: it is gone, or its cgroup cannot be told.
    func sender(_ pid: UInt32) -> CallSender? {
        entry(pid).flatMap { place(of: CallTask(id: pid, start: $0.startTicks)) }
    }

    /// The same of a process that was there before; nil: it is gone, or its cgroup cannot be told.
    func place(of process: CallTask) -> CallSender? {
        guard let place = place(of: process.id), let after = entry(process.id), after.startTicks == process.start else {
            return nil
        }
        // Version 1 takes what ends out of its cgroup.
        guard hierarchy.controller == nil || !after.isExiting else { return nil }
        return CallSender(process: process, cgroup: place.cgroup, workload: place.workload)
    }

    /// Whether a process has the same numbers for its threads as are seen here.
    func sharesNumbers(_ process: UInt32) -> Bool {
        guard let own = identifier("/proc/self/ns/pid") else { return false }
        return identifier("/proc/\(process)/ns/pid") == own
    }

    func thread(_ number: UInt32, of process: CallTask) -> CallTask? {
        thread(number, of: process, sharesNumbers: sharesNumbers(process.id))
    }

    /// - Parameter sharesNumbers: what `sharesNumbers` says of it.
    func thread(_ number: UInt32, of process: CallTask, sharesNumbers: Bool) -> CallTask? {
        if sharesNumbers { return task(number, of: process) }
        let folder = "/proc/\(process.id)/task"
        // A process in a namespace of its own may have the same number by chance.
        if ProcFile.namespaceNumbers("\(folder)/\(number)/status").last == number, let task = task(number, of: process)
        {
            return task
        }
        var ids = ProcFile.numbers(in: folder).sorted()
        // Both namespaces number threads in the order in which they were made.
        var (low, high) = (0, ids.count)
        while low < high {
            let middle = (low + high) / 2
            guard let found = namespaceNumber(of: ids[middle], in: folder) else {
                // It has ended.
                ids.remove(at: middle)
                high -= 1
                continue
            }
            if found == number { return task(ids[middle], of: process) }
            if found < number { low = middle + 1 } else { high = middle }
        }
        // Unless numbers have begun anew in one of them.
        for index in ids.indices.prefix(Self.threadLimit) where namespaceNumber(of: ids[index], in: folder) == number {
            return task(ids[index], of: process)
        }
        return nil
    }

    private func namespaceNumber(of thread: UInt32, in folder: String) -> UInt32? {
        ProcFile.namespaceNumbers("\(folder)/\(thread)/status").last
    }

    /// Threads that are looked at one by one.
    private static let threadLimit = 256

    /// - Parameter id: as it is numbered here.
    func task(_ id: UInt32, of process: CallTask) -> CallTask? {
        entry("\(process.id)/task/\(id)").map { CallTask(id: id, start: $0.startTicks) }
    }

    func tree(_ root: CallSender, tasksLeft: inout Int) -> [CallTask]? {
        var found = [root.process]
        var index = 0
        while index < found.count {
            let folder = "/proc/\(found[index].id)/task"
            for task in ProcFile.numbers(in: folder, limit: tasksLeft + 1) {
                tasksLeft -= 1
                if tasksLeft < 0 { return nil }
                for child in (ProcFile.text("\(folder)/\(task)/children") ?? "").split(separator: " ") {
                    tasksLeft -= 1
                    if tasksLeft < 0 { return nil }
                    // What it has started in another container is not its own.
                    guard let id = UInt32(child), let sender = sender(id), sender.workload == root.workload else {
                        continue
                    }
                    found.append(sender.process)
                    if found.count > Self.treeLimit { return nil }
                }
            }
            index += 1
        }
        return found
    }

    private static let treeLimit = 512

    /// Whether a process of that id is not the one that is known, but another.
    func isReplaced(_ task: CallTask) -> Bool { start(task.id).map { $0 != task.start } ?? false }

    func lives(_ task: CallTask) -> Bool { start(task.id) == task.start }

    private func start(_ id: UInt32) -> UInt64? { entry(id)?.startTicks }

    private func entry(_ id: UInt32) -> ProcessStat? { entry("\(id)") }

    private func entry(_ task: String) -> ProcessStat? { ProcessStat(in: "/proc/\(task)") }

    private func place(of pid: UInt32) -> (cgroup: UInt64, workload: UInt64)? {
        guard let root = hierarchy.tracked, let text = ProcFile.text("/proc/\(pid)/cgroup") else { return nil }
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let controllers = fields[1].split(separator: ",").map(String.init)
            guard hierarchy.controller.map(controllers.contains) ?? fields[1].isEmpty else { continue }
            let path = String(fields[2])
            guard let cgroup = identifier(root + path) else { return nil }
            let owner = CgroupPath(path).ownerPath
            return (cgroup, owner == path ? cgroup : identifier(root + owner) ?? cgroup)
        }
        return nil
    }

    private func identifier(_ path: String) -> UInt64? {
        var status = stat()
        return stat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}
