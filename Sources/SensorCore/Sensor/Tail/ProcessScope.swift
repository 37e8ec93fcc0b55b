// SPDX-License-Identifier: Apache-2.0

/// A process and everything that descends from it, kept up to date by the events themselves.
///
/// The kernel knows the same set for its own filtering; this one tells apart the tails that share it.
package struct ProcessScope: Sendable {
    private let root: UInt32
    /// The root has become what it was started for; before that it is the sensor's own doing.
    private var hasBegun = false
    /// Processes that have not ended.
    package private(set) var living: Set<UInt32>
    /// What has ended since: its exit and its sockets' close still belong to the scope.
    private var ended: RecentSet

    package init(root: UInt32) {
        self.root = root
        living = [root]
        ended = RecentSet(capacity: 65536)
    }

    /// True while a process of the scope lives.
    package var hasLiving: Bool { !living.isEmpty }

    /// Takes the next event of the stream and says whether it belongs to the scope.
    package mutating func take(_ event: borrowing Event) -> Bool {
        guard let process = event.process else { return false }
        let pid = process.pid
        if !hasBegun {
            guard pid == root else { return false }
            if event.kind == .processExit { living = [] }
            hasBegun = event.kind == .processExec && event.errorNumber == 0
            // What could not be executed is worth a line.
            return hasBegun || event.errorNumber != 0
        }
        switch event.kind {
        case .processFork, .processSeen:
            guard let parent = Self.pid(inID: process.parentID), living.contains(parent) else {
                // The number now means another process.
                if event.kind == .processFork, !living.contains(pid) { ended.remove(pid) }
                return living.contains(pid)
            }
            living.insert(pid)
            return true
        case .processExit:
            guard living.remove(pid) != nil else { return ended.contains(pid) }
            ended.insert(pid)
            return true
        default:
            return living.contains(pid) || ended.contains(pid)
        }
    }

    /// The pid within `<boot>-<pid>-<start>`; the boot id has dashes of its own.
    static func pid(inID id: String) -> UInt32? {
        let parts = id.utf8.split(separator: UInt8(ascii: "-"))
        guard parts.count >= 3 else { return nil }
        return UInt32(Substring(parts[parts.count - 2]))
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
