// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import Testing

@testable import SensorCore

/// The kernel's tables as the programs read them.
private final class FakeMarker: CallMarker {
    typealias Entry = KernelCalls.Entry

    var processes: [UInt32: Entry] = [:]
    var threads: [UInt32: Entry] = [:]
    /// By place.
    private var places: [UInt32: UInt32] = [:]
    /// Entries that there is room for.
    var room = Int.max
    var looks = 0
    let setLimit: Int
    let shareLimit: Int

    init(setLimit: Int = Int(SENSOR_CALL_SETS), shareLimit: Int = 4) {
        self.setLimit = setLimit
        self.shareLimit = shareLimit
    }

    var open: Set<UInt32> { Set(places.values) }

    private func isOpen(_ set: UInt32) -> Bool { places[set % UInt32(setLimit)] == set }

    private func requireRoom(for set: UInt32?) throws(SystemError) {
        if set != nil, processes.count + threads.count >= room { throw SystemError("mark", number: E2BIG) }
    }

    func entry(ofProcess process: UInt32) -> Entry? { processes[process] }
    func entry(ofThread thread: UInt32) -> Entry? { threads[thread] }

    func mark(process: CallTask, set: UInt32?, over entry: Entry?) throws(SystemError) {
        try requireRoom(for: set)
        processes[process.id] = set.map { Entry(set: $0, base: 0, start: process.start, share: shareOf[$0] ?? 0) }
    }

    func mark(thread: CallTask, set: UInt32?, base: UInt32, over entry: Entry?) throws(SystemError) {
        try requireRoom(for: set)
        threads[thread.id] = set.map { Entry(set: $0, base: base, start: thread.start, share: shareOf[$0] ?? 0) }
    }

    private var shareOf: [UInt32: UInt32] = [:]

    func entries(ofShare share: UInt32) -> Int {
        (Array(processes.values) + Array(threads.values)).filter { $0.share == share }.count
    }

    func open(set: UInt32, share: UInt32) {
        #expect(places.updateValue(set, forKey: set % UInt32(setLimit)) == nil, "\(set) takes another's place")
        shareOf[set] = share
    }

    func close(set: UInt32) { places[set % UInt32(setLimit)] = nil }

    func setsInUse() -> Set<UInt32>? {
        looks += 1
        return Set(processes.values.map(\.set)).union(threads.values.map(\.set))
    }

    /// What `open_calls` of call.bpf.h answers: 0 none, `CallTable.uncertain`.
    func acts(_ thread: CallTask, of process: CallTask) -> UInt32 {
        func set(_ entry: Entry?, _ task: CallTask) -> UInt32 {
            entry.flatMap { $0.start == task.start && isOpen($0.set) ? $0.set : nil } ?? 0
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
        #expect(marker.looks > 1 && marker.looks < 30)
        #expect(told.members[marker.acts(grandchild, of: grandchild)] == [1, 2])
        for call in UInt64(1)...2 { scopes.end(call, tell: told.callAsFunction) }
        #expect(told.closed == Set(told.members.keys))
        #expect(scopes.setCount == 0 && marker.open.isEmpty)
    }

    // MARK: Several workloads

    /// What all of it acts for names each call that is open for it, if maybe others as well.
    private func expectNothingIsMissing(
        _ told: Told, _ expected: [(task: CallTask, process: CallTask, calls: Set<UInt64>)]
    ) {
        let isMissing = expected.filter { task, process, calls in
            let set = marker.acts(task, of: process)
            return set != CallTable.uncertain && !Set(told.members[set] ?? []).isSuperset(of: calls)
        }
        #expect(isMissing.isEmpty, "\(isMissing.count)")
    }

    @Test func `a workload that ends calls beside many others takes no other's room, and has its own again soon`()
        throws
    {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        let processes = (1...4).map { CallTask(id: UInt32($0 * 1000), start: 1) }
        var next: UInt64 = 1
        for _ in 0..<64 {
            try scopes.begin(next, of: 1, processes: processes, tell: told.callAsFunction)
            next += 1
        }
        var threads: [(task: CallTask, process: CallTask, calls: Set<UInt64>)] = []
        for process in processes {
            for number in UInt32(1)...240 {
                let thread = CallTask(id: process.id + number, start: 1)
                try scopes.begin(next, of: 1, thread: thread, in: process, tell: told.callAsFunction)
                threads.append((thread, process, Set(35...64).union([next])))
                next += 1
            }
        }
        for call in UInt64(1)...34 {
            scopes.end(call, tell: told.callAsFunction)
            #expect(scopes.setCount <= marker.setLimit / 8)
        }
        expectNothingIsMissing(told, threads)
        // Another one is as free as before.
        let other = CallTask(id: 9000, start: 1)
        for call in next..<next + 64 {
            try scopes.begin(call, of: 2, processes: [other], tell: told.callAsFunction)
            #expect(told.members[marker.acts(other, of: other)] == Array(next...call))
        }
        for _ in 0..<2 { scopes.tick(tell: told.callAsFunction) }
        #expect(scopes.setCount < 1100)
        try scopes.begin(next + 64, of: 1, processes: processes, tell: told.callAsFunction)
        scopes.end(Array(1...next + 64), tell: told.callAsFunction)
        #expect(scopes.setCount == 0 && marker.open.isEmpty && marker.processes.isEmpty && marker.threads.isEmpty)
        #expect(scopes.bytes(of: 1) == 0 && scopes.bytes(of: 2) == 0)
    }

    @Test func `sets of many calls are as bounded as many sets`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        for call in UInt64(1)...400 { try scopes.begin(call, of: 1, processes: [process]) { told($0) } }
        for call in UInt64(401)...500 {
            let thread = CallTask(id: UInt32(call), start: 1)
            try scopes.begin(call, of: 1, thread: thread, in: process, tell: told.callAsFunction)
        }
        for call in UInt64(1)...20 {
            scopes.end(call, tell: told.callAsFunction)
            #expect(scopes.bytes(of: 1) < CallLimits().bytes)
        }
        scopes.end(Array(21...500), tell: told.callAsFunction)
        #expect(scopes.bytes(of: 1) == 0)
    }

    @Test func `whose sets take too much memory makes no more until what nobody names is gone`() throws {
        var scopes = CallScopes(marker: marker, byteLimit: 10_000)
        let told = Told()
        var calls: UInt64 = 0
        func begin(of workload: UInt64, _ process: CallTask) throws {
            calls += 1
            try scopes.begin(calls, of: workload, processes: [process], tell: told.callAsFunction)
        }
        #expect(throws: SystemError.self) { while true { try begin(of: 1, process) } }
        #expect(calls > 20 && scopes.bytes(of: 1) < 10_000 + 128 + 8 * Int(calls))
        try begin(of: 2, child)
        // What is refused leaves what was there.
        #expect(told.members[marker.acts(process, of: process)]?.isEmpty == false)
        scopes.tick(tell: told.callAsFunction)
        #expect(throws: SystemError.self) { try begin(of: 1, process) }
        scopes.tick(tell: told.callAsFunction)
        try begin(of: 1, process)
        #expect(scopes.bytes(of: 1) < 1000)
    }

    @Test func `however many take all that they can get, there is some for the next one`() throws {
        let marker = FakeMarker(setLimit: 64, shareLimit: 16)
        var scopes = CallScopes(marker: marker)
        let told = Told()
        var calls: UInt64 = 0
        for workload in UInt64(1)...12 {
            let process = CallTask(id: UInt32(workload), start: 1)
            var taken = 0
            #expect(throws: SystemError.self) {
                while true {
                    calls += 1
                    try scopes.begin(calls, of: workload, processes: [process], tell: told.callAsFunction)
                    taken += 1
                }
            }
            #expect(taken > 0, "\(workload)")
        }
        scopes.end(Array(1...calls), tell: told.callAsFunction)
        #expect(marker.open.isEmpty)
    }

    @Test func `so many threads of a process announce calls, and another when one of them has ended`() throws {
        var scopes = CallScopes(marker: marker)
        let told = Told()
        func begin(_ number: Int) throws {
            let task = CallTask(id: UInt32(100 + number), start: 1)
            try scopes.begin(UInt64(number), of: 1, thread: task, in: process, tell: told.callAsFunction)
        }
        for number in 1...256 { try begin(number) }
        #expect(throws: SystemError.self) { try begin(257) }
        #expect(marker.threads.count == 256)
        scopes.end(1, tell: told.callAsFunction)
        try begin(257)
        scopes.end(Array(2...257), tell: told.callAsFunction)
        #expect(marker.open.isEmpty)
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
