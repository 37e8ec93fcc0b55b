// SPDX-License-Identifier: Apache-2.0

/// A command and everything that descends from it, kept up to date by the events themselves.
///
/// The kernel knows the same set, and knows it better: where it reports nothing else, its word holds. Where tails share
/// what it streams, this tells them apart. It goes by every event's parent, not by forks alone: of a process whose fork
/// was lost, the rest still belongs.
package struct ProcessScope: Sendable {
    private let root: UInt32
    private let isExclusive: Bool
    private let reaper: UInt32?
    /// When the root was started, ns on the boot clock.
    private var rootStart: UInt64?
    /// The root has become what it was started for; before that it is the sensor's own doing.
    private var hasBegun = false
    /// Processes that have not ended. Not kept where the kernel's word holds.
    package private(set) var living: Set<UInt32>
    /// What has ended since: its exit and its sockets' close still belong to the scope.
    private var ended: RecentSet

    /// - Parameters:
    ///   - root: the command, as the initial pid namespace numbers it.
    ///   - isExclusive: the kernel reports this scope and nothing else.
    ///   - reaper: who started the command and inherits the orphans of it.
    package init(root: UInt32, isExclusive: Bool = false, reaper: UInt32? = nil) {
        self.root = root
        self.isExclusive = isExclusive
        self.reaper = reaper
        living = [root]
        ended = RecentSet(capacity: 65536)
    }

    /// Takes the next event of the stream and says whether it belongs to the scope.
    package mutating func take(_ event: borrowing Event) -> Bool {
        guard let process = event.process else { return isExclusive && hasBegun }
        let pid = process.pid
        if !hasBegun {
            if pid == root {
                rootStart = Self.number(1, fromEndOf: process.id)
                if event.kind == .processExit { living = [] }
                hasBegun = event.kind == .processExec && event.errorNumber == 0
                // What could not be executed is worth a line.
                return hasBegun || event.errorNumber != 0
            }
            // Before it has begun it forks nothing: what tells of its beginning was lost.
            guard isExclusive || isChild(process) else { return false }
            hasBegun = true
        }
        if isExclusive { return true }
        if event.kind == .processFork, !isChild(process) {
            // The number now means another process.
            living.remove(pid)
            ended.remove(pid)
            return false
        }
        if event.kind == .processFork || !living.contains(pid) && !ended.contains(pid) {
            guard isChild(process) else { return false }
            living.insert(pid)
            ended.remove(pid)
        }
        if event.kind == .processExit {
            living.remove(pid)
            ended.insert(pid)
        }
        return true
    }

    /// Whether its parent belongs to the scope. With CLONE_PARENT, and for an orphan, that is who started the command.
    private func isChild(_ process: ProcessDescription) -> Bool {
        guard let parent = Self.pid(inID: process.parentID) else { return false }
        if living.contains(parent) || ended.contains(parent) { return true }
        guard parent == reaper, let rootStart, let start = Self.number(1, fromEndOf: process.id) else { return false }
        return start >= rootStart
    }

    /// The pid within `<boot>-<pid>-<start>`; the boot id has dashes of its own.
    static func pid(inID id: String) -> UInt32? { number(2, fromEndOf: id).flatMap(UInt32.init(exactly:)) }

    private static func number(_ place: Int, fromEndOf id: String) -> UInt64? {
        var rest = id.utf8[...]
        for _ in 1..<place {
            guard let dash = rest.lastIndex(of: UInt8(ascii: "-")) else { return nil }
            rest = rest[..<dash]
        }
        guard let dash = rest.lastIndex(of: UInt8(ascii: "-")) else { return nil }
        return UInt64(Substring(rest[rest.index(after: dash)...]))
    }
}

/// The latest numbers, at most so many: the oldest make room.
private struct RecentSet: Sendable {
    private let capacity: Int
    private var members: Set<UInt32> = []
    private var order: [UInt32] = []
    private var oldest = 0

    init(capacity: Int) { self.capacity = capacity }

    func contains(_ number: UInt32) -> Bool { members.contains(number) }

    mutating func remove(_ number: UInt32) { members.remove(number) }

    mutating func insert(_ number: UInt32) {
        guard members.insert(number).inserted else { return }
        if order.count < capacity {
            order.append(number)
        } else {
            members.remove(order[oldest])
            order[oldest] = number
            oldest = (oldest + 1) % capacity
        }
    }
}
