// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// The kernel's tables as the programs read them.
private final class FakeMarker: CallMarker {
    typealias Entry = KernelCalls.Entry

    var processes: [UInt32: Entry] = [:]
    var threads: [UInt32: Entry] = [:]
    var open: Set<UInt32> = []
    var room = Int.max
    var looks = 0

    func entry(ofProcess process: UInt32) -> Entry? { processes[process] }
    func entry(ofThread thread: UInt32) -> Entry? { threads[thread] }

    func mark(process: CallTask, set: UInt32?, over entry: Entry?) throws(SystemError) {
        processes[process.id] = set.map { Entry(set: $0, base: 0, start: process.start, share: shareOf[$0] ?? 0) }
    }

    func mark(thread: CallTask, set: UInt32?, base: UInt32, over entry: Entry?) throws(SystemError) {
        threads[thread.id] = set.map { Entry(set: $0, base: base, start: thread.start, share: shareOf[$0] ?? 0) }
    }

    var shareLimit: Int { 4 }
    private var shareOf: [UInt32: UInt32] = [:]

    func entries(ofShare share: UInt32) -> Int {
        (Array(processes.values) + Array(threads.values)).filter { $0.share == share }.count
    }

    var setLimit: Int { room }

    func open(set: UInt32, share: UInt32) -> Bool {
        // As in the kernel's, sets have places, if fewer.
        guard open.allSatisfy({ $0 % 8192 != set % 8192 }) else { return false }
        shareOf[set] = share
        return open.insert(set).inserted
    }

    func close(set: UInt32) { open.remove(set) }

    func setsInUse() -> Set<UInt32>? {
        looks += 1
        return Set(processes.values.map(\.set)).union(threads.values.map(\.set))
    }

    /// What `open_calls` of call.bpf.h answers: 0 none, `CallTable.uncertain`.
    func acts(_ thread: CallTask, of process: CallTask) -> UInt32 {
        func set(_ entry: Entry?, _ task: CallTask) -> UInt32 {
            entry.flatMap { $0.start == task.start && open.contains($0.set) ? $0.set : nil } ?? 0
        }
        let own = set(threads[thread.id], thread)
        let all = set(processes[process.id], process)
        if own == 0 { return all }
        return all == 0 || all == threads[thread.id]?.base ? own : CallTable.uncertain
    }

    /// As `inherit_calls` does it.
    func fork(_ thread: CallTask, of process: CallTask, child: CallTask) {
        let set = acts(thread, of: process)
        if set != 0, set != CallTable.uncertain {
            processes[child.id] = Entry(set: set, base: 0, start: child.start, share: shareOf[set] ?? 0)
        }
    }
}

@Suite struct CallScopesTests {
    private let marker = FakeMarker()
    private let process = CallTask(id: 10, start: 1)
    private let child = CallTask(id: 20, start: 2)

    private func thread(_ id: UInt32) -> CallTask { CallTask(id: id, start: 1) }

    /// What has been told, and the sets that follow from it.
    private final class Told {
        var members: [UInt32: [UInt64]] = [:]
        var closed: Set<UInt32> = []

        func callAsFunction(_ change: CallChange) {
            switch change {
            case .set(let set, let calls):
                #expect(members[set] == nil, "set \(set) is told of twice")
                members[set] = calls
            case .closed(let set):
                #expect(members[set] != nil)
                #expect(closed.insert(set).inserted, "set \(set) is closed twice")
            default: Issue.record("not the scopes' to tell")
            }
        }
    }

    @Test func `a thread acts for what it announced until that ends`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        try scopes.begin(1, of: 1, thread: thread(11), in: process, tell: told.callAsFunction)
        let set = marker.acts(thread(11), of: process)
        #expect(told.members[set] == [1])
        #expect(marker.acts(thread(12), of: process) == 0)
        scopes.end(1, tell: told.callAsFunction)
        #expect(marker.acts(thread(11), of: process) == 0)
        #expect(told.closed == [set])
        #expect(marker.threads.isEmpty && marker.open.isEmpty)
        #expect(scopes.setCount == 0)
    }

    @Test func `what is open for the process is in a thread's own set`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        try scopes.begin(1, of: 1, thread: thread(11), in: process, tell: told.callAsFunction)
        try scopes.begin(2, of: 1, processes: [process], tell: told.callAsFunction)
        #expect(told.members[marker.acts(thread(11), of: process)] == [1, 2])
        #expect(told.members[marker.acts(thread(12), of: process)] == [2])
        scopes.end(1, tell: told.callAsFunction)
        #expect(told.members[marker.acts(thread(11), of: process)] == [2])
        #expect(marker.threads.isEmpty)
        scopes.end(2, tell: told.callAsFunction)
        #expect(marker.processes.isEmpty && marker.open.isEmpty)
    }

    @Test func `what a child was forked within goes on to be its own beside what it announces`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        try scopes.begin(1, of: 1, thread: thread(11), in: process, tell: told.callAsFunction)
        marker.fork(thread(11), of: process, child: child)
        try scopes.begin(2, of: 1, processes: [child], tell: told.callAsFunction)
        #expect(told.members[marker.acts(child, of: child)] == [1, 2])
        scopes.end(1, tell: told.callAsFunction)
        // As it was made within both: the other one has ended, which those who join see.
        #expect(told.members[marker.acts(child, of: child)]?.contains(2) == true)
        scopes.end(2, tell: told.callAsFunction)
        #expect(marker.acts(child, of: child) == 0)
        #expect(marker.open.isEmpty)
    }

    @Test func `the same calls are the same set`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        try scopes.begin(1, of: 1, processes: [process, child], tell: told.callAsFunction)
        #expect(marker.acts(process, of: process) == marker.acts(child, of: child))
        #expect(told.members.count == 1)
    }

    @Test func `where the kernel has no room nothing acts for the call, and others go on`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        try scopes.begin(1, of: 1, processes: [process], tell: told.callAsFunction)
        marker.room = 1
        #expect(throws: SystemError.self) {
            try scopes.begin(2, of: 1, thread: thread(11), in: process, tell: told.callAsFunction)
        }
        #expect(throws: SystemError.self) {
            try scopes.begin(3, of: 1, processes: [process], tell: told.callAsFunction)
        }
        #expect(told.members[marker.acts(thread(11), of: process)] == [1])
        #expect(scopes.setCount == 1)
        scopes.end(1, tell: told.callAsFunction)
        #expect(told.closed == Set(told.members.keys))
        #expect(marker.open.isEmpty)
    }

    @Test func `each workload has a share of its own, which is given out again when nothing is left of it`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        for number in UInt64(1)...4 {
            try scopes.begin(number, of: number, processes: [CallTask(id: UInt32(number), start: 1)]) { told($0) }
        }
        #expect(Set(marker.processes.values.map(\.share)) == [0, 1, 2, 3])
        #expect(throws: SystemError.self) {
            try scopes.begin(5, of: 5, processes: [process], tell: told.callAsFunction)
        }
        // What was forked within a call that has ended keeps its entry.
        marker.fork(CallTask(id: 2, start: 1), of: CallTask(id: 2, start: 1), child: child)
        scopes.end(2, tell: told.callAsFunction)
        #expect(throws: SystemError.self) {
            try scopes.begin(5, of: 5, processes: [process], tell: told.callAsFunction)
        }
        marker.processes[child.id] = nil
        try scopes.begin(5, of: 5, processes: [process], tell: told.callAsFunction)
        #expect(marker.processes[process.id]?.share == 1)
    }

    @Test func `many calls that end together are looked through once`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        for call in UInt64(1)...600 { try scopes.begin(call, of: 1, processes: [process]) { told($0) } }
        for call in UInt64(601)...1200 {
            try scopes.begin(call, of: 1, thread: thread(11), in: process, tell: told.callAsFunction)
            scopes.end(call, tell: told.callAsFunction)
        }
        let before = told.members.count
        scopes.end(Array(1...600), tell: told.callAsFunction)
        #expect(told.members.count == before)
        #expect(told.closed == Set(told.members.keys))
        #expect(scopes.setCount == 0 && marker.open.isEmpty && marker.processes.isEmpty)
    }

    @Test func `a call that goes on for long keeps no set that nobody acts for any more`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        try scopes.begin(1, of: 1, processes: [process], tell: told.callAsFunction)
        try scopes.begin(2, of: 1, processes: [process, child], tell: told.callAsFunction)
        let inherited = marker.acts(process, of: process)
        #expect(told.members[inherited] == [1, 2])
        let grandchild = CallTask(id: 30, start: 3)
        marker.fork(process, of: process, child: grandchild)
        for call in UInt64(3)...20_000 {
            try scopes.begin(call, of: 1, thread: thread(11), in: process, tell: told.callAsFunction)
            #expect(told.members[marker.acts(thread(11), of: process)] == [1, 2, call])
            scopes.end(call, tell: told.callAsFunction)
            #expect(scopes.setCount < 7000)
        }
        #expect(marker.open.count == scopes.setCount)
        #expect(marker.looks > 1 && marker.looks < 20)
        #expect(told.members[marker.acts(grandchild, of: grandchild)] == [1, 2])
        for call in UInt64(1)...2 { scopes.end(call, tell: told.callAsFunction) }
        #expect(told.closed == Set(told.members.keys))
        #expect(scopes.setCount == 0 && marker.open.isEmpty)
    }

    /// Calls of all scopes begin and end, and children come, in an order that a seed decides: after each step every task's
    /// set names exactly the open calls that apply to it.
    @Test(arguments: 0..<40) func `a task's set names the open calls that apply to it`(_ seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        var scopes = CallScopes(marker: marker)
        let told = Told()
        // Process 10 with three threads; 20, 30, … are its children, each of one thread.
        var tasks = (10...12).map { (task: thread($0), process: process) }
        // The calls that each was made within.
        var inherited: [CallTask: Set<UInt64>] = [:]
        var open: [UInt64: (thread: CallTask?, processes: Set<CallTask>)] = [:]
        var nextCall: UInt64 = 1
        for step in 0..<200 {
            switch random.next() % 8 {
            case 0, 1:
                let (task, process) = tasks[Int(random.next() % UInt64(tasks.count))]
                try scopes.begin(nextCall, of: 1, thread: task, in: process, tell: told.callAsFunction)
                open[nextCall] = (task, [])
                nextCall += 1
            case 2, 3:
                let chosen = Set(tasks.map(\.process)).sorted { $0.id < $1.id }.filter { _ in random.next() % 2 == 0 }
                if chosen.isEmpty { continue }
                try scopes.begin(nextCall, of: 1, processes: chosen, tell: told.callAsFunction)
                open[nextCall] = (nil, Set(chosen))
                nextCall += 1
            case 4 where tasks.count < 8:
                let (task, creator) = tasks[Int(random.next() % UInt64(tasks.count))]
                let child = CallTask(id: UInt32(20 + step), start: UInt64(step))
                marker.fork(task, of: creator, child: child)
                let now = open.filter { $0.value.thread == task || $0.value.processes.contains(creator) }.keys
                inherited[child] = Set(now).union(inherited[creator] ?? [])
                tasks.append((child, child))
            default:
                guard let call = open.keys.sorted().randomElement(using: &random) else { continue }
                open[call] = nil
                scopes.end(call, tell: told.callAsFunction)
            }
            for (task, process) in tasks {
                let expected = open.filter { call, bound in
                    bound.thread == task || bound.processes.contains(process)
                        || inherited[process]?.contains(call) == true
                }.keys
                let set = marker.acts(task, of: process)
                #expect(set != CallTable.uncertain)
                #expect(set == 0 || !told.closed.contains(set))
                let named = Set(told.members[set] ?? []).filter { open[$0] != nil }
                try #require(named == Set(expected), "seed \(seed), step \(step), task \(task.id)")
            }
        }
        for call in open.keys.sorted() { scopes.end(call, tell: told.callAsFunction) }
        #expect(marker.open.isEmpty)
        #expect(told.closed == Set(told.members.keys))
    }
}
