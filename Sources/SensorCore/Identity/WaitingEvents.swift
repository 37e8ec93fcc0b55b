// SPDX-License-Identifier: Apache-2.0

/// Events whose workload is about to become known: a pod's containers run before the API server tells of the pod.
///
/// Bounded in time, in number and in bytes. Half of the room is whoever's needs it first; of the rest one workload has an
/// eighth, so that none uses up what others need. Nothing is dropped: what may not wait is handed back to go as it is.
struct WaitingEvents: ~Copyable {
    struct Limits: Sendable {
        /// From a workload's first event on, ns of the boot clock.
        var time: UInt64 = 10_000_000_000
        var events = 65_536
        /// Estimated.
        var bytes = 32 << 20
    }

    private struct Queue {
        let workload: Workload
        let deadline: UInt64
        /// What the container's runtime did there is told apart.
        var events: [(event: Event, isRuntimes: Bool)] = []
        var bytes = 0

        /// A process is shared by the events of one run.
        func cost(of event: Event) -> Int {
            var cost = MemoryLayout<(Event, Bool)>.stride + event.detail.bytes
            if let process = event.process, process !== events.last?.event.process { cost += process.bytes }
            return cost
        }
    }

    private let limits: Limits
    private var queues: [UInt64: Queue] = [:]
    private(set) var count = 0
    private var bytes = 0
    /// When the first of them has waited long enough, boot clock; the end of time if none waits.
    private(set) var nextDeadline = UInt64.max

    init(limits: Limits) { self.limits = limits }

    /// - Returns: whether it waits now; else there is no room for it.
    mutating func add(_ event: Event, of workload: Workload, isRuntimes: Bool) -> Bool {
        guard count < limits.events else { return false }
        let deadline = event.bootTime &+ limits.time
        var queue = queues.removeValue(forKey: workload.number) ?? Queue(workload: workload, deadline: deadline)
        let cost = queue.cost(of: event)
        let isRoomy = count < limits.events / 2 && bytes + cost <= limits.bytes / 2
        let hasShare = queue.events.count < max(1, limits.events / 8) && queue.bytes + cost <= limits.bytes / 8
        let hasRoom = isRoomy || hasShare && bytes + cost <= limits.bytes
        if hasRoom {
            queue.events.append((event, isRuntimes))
            queue.bytes += cost
            bytes += cost
            count += 1
            nextDeadline = min(nextDeadline, queue.deadline)
        }
        queues[workload.number] = queue
        return hasRoom
    }

    /// What waited for a workload that is known by now, or never will be, credited to it as it is described now.
    mutating func release(_ workload: Workload) -> [Event] {
        guard let queue = queues.removeValue(forKey: workload.number) else { return [] }
        return credited(queue)
    }

    /// The workloads whose time is over at `time`, and what waited for them.
    mutating func expire(at time: UInt64) -> [(workload: Workload, events: [Event])] {
        guard time >= nextDeadline else { return [] }
        let late = queues.values.filter { $0.deadline <= time }.sorted { $0.workload.number < $1.workload.number }
        for queue in late { queues[queue.workload.number] = nil }
        nextDeadline = queues.values.reduce(UInt64.max) { min($0, $1.deadline) }
        return late.map { ($0.workload, credited($0)) }
    }

    private mutating func credited(_ queue: Queue) -> [Event] {
        count -= queue.events.count
        bytes -= queue.bytes
        return queue.events.map { event, isRuntimes in
            var event = event
            event.workload = queue.workload.description(ofRuntime: isRuntimes)
            return event
        }
    }
}
