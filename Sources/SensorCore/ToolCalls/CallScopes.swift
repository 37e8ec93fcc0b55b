// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// A task as calls are bound to it.
package struct CallTask: Sendable, Hashable {
    /// Of a thread or a process, as the initial pid namespace has it.
    package var id: UInt32
    /// When it began, in clock ticks since boot, as /proc tells it.
    package var start: UInt64

    package init(id: UInt32, start: UInt64) {
        self.id = id
        self.start = start
    }
}

/// What the kernel knows of a task's calls.
package enum CallEntry: Sendable, Equatable {
    case none
    /// Announced for it, or what it was made within.
    /// - base: of a thread: the set of its process that is part of it; 0 none.
    case set(UInt32, base: UInt32)
    /// Its id is a later task's by now, whose entry is nobody else's to change.
    case replaced

    var set: UInt32? {
        if case .set(let set, _) = self { set } else { nil }
    }
}

/// Where the programs in the kernel look for the calls of a task. Each call takes effect before it returns.
package protocol CallMarker {
    /// Sets that can be open at a time.
    var setLimit: Int { get }
    func entry(ofProcess process: CallTask) -> CallEntry
    func entry(ofThread thread: CallTask) -> CallEntry
    /// - Parameter set: nil: the entry goes.
    func mark(process: CallTask, set: UInt32?) throws(SystemError)
    /// - Parameter base: the set of the thread's process that is part of `set`; 0 none.
    func mark(thread: CallTask, set: UInt32?, base: UInt32) throws(SystemError)
    /// False: its place is taken by another, and the number is not to be used.
    func open(set: UInt32) -> Bool
    func close(set: UInt32)
    /// Sets that entries name; nil: that cannot be told.
    func setsInUse() -> Set<UInt32>?
}

/// Which tasks act for which calls: keeps the kernel's entries true while calls begin and end.
///
/// A task's entry names a set of calls. Sets never change: another selection is another set, so that what was inherited
/// goes on to mean what it meant. For one thread.
package struct CallScopes<Marker: CallMarker> {
    private struct Bound {
        var processes: [CallTask] = []
        var thread: (task: CallTask, process: CallTask)?
    }

    private let marker: Marker
    private var nextSet: UInt32 = 1
    private var members: [UInt32: [UInt64]] = [:]
    private var byMembers: [[UInt64]: UInt32] = [:]
    /// Sets that a call is in.
    private var setsOf: [UInt64: Set<UInt32>] = [:]
    /// Sets that no entry named at the last look. They are not given out again, and go with the next look if none names them
    /// then: what a program was about to pass on has been passed on by that time.
    private var unnamed: Set<UInt32> = []
    /// How many sets there are when entries are looked through for the next time.
    private var lookAt = Self.fewSets
    private var bound: [UInt64: Bound] = [:]
    private var processCalls: [CallTask: [UInt64]] = [:]
    private var threadCalls: [CallTask: (process: CallTask, calls: [UInt64])] = [:]
    private var threadsOf: [CallTask: Set<CallTask>] = [:]

    /// So many sets, and so many more each time, are no reason to look which of them are named.
    private static var fewSets: Int { 2048 }

    package init(marker: Marker) { self.marker = marker }

    /// Sets that tasks may act for.
    package var setCount: Int { members.count }

    /// From when it returns, these processes act for the call.
    ///
    /// - Parameter tell: called with what has to be known before the kernel names a set.
    /// - Throws: the kernel has no room; then nothing acts for it.
    package mutating func begin(
        _ call: UInt64, processes: [CallTask], tell: (CallChange) -> Void
    ) throws(SystemError) {
        forgetUnnamed(tell)
        bound[call] = Bound()
        try extend(call, processes: processes, tell: tell)
    }

    /// From when it returns, these processes act for the call as well.
    ///
    /// - Throws: the kernel has no room; then nothing acts for it any more.
    package mutating func extend(
        _ call: UInt64, processes: [CallTask], tell: (CallChange) -> Void
    ) throws(SystemError) {
        bound[call]?.processes += processes
        do throws(SystemError) {
            for process in processes {
                processCalls[process, default: []].append(call)
                try update(process: process, tell)
            }
        } catch {
            end(call, tell: tell)
            throw error
        }
    }

    /// From when it returns, the thread acts for the call.
    package mutating func begin(
        _ call: UInt64, thread: CallTask, of process: CallTask, tell: (CallChange) -> Void
    ) throws(SystemError) {
        forgetUnnamed(tell)
        bound[call] = Bound(thread: (thread, process))
        threadCalls[thread, default: (process, [])].calls.append(call)
        threadsOf[process, default: []].insert(thread)
        do throws(SystemError) { try update(thread: thread, tell) } catch {
            end(call, tell: tell)
            throw error
        }
    }

    /// Nothing acts for the call any more.
    package mutating func end(_ call: UInt64, tell: (CallChange) -> Void) {
        guard let bound = bound.removeValue(forKey: call) else { return }
        for process in bound.processes {
            processCalls[process]?.removeAll { $0 == call }
            if processCalls[process]?.isEmpty ?? false { processCalls[process] = nil }
            try? update(process: process, tell)
        }
        if let (thread, process) = bound.thread {
            threadCalls[thread]?.calls.removeAll { $0 == call }
            if threadCalls[thread]?.calls.isEmpty ?? false {
                threadCalls[thread] = nil
                threadsOf[process]?.remove(thread)
                if threadsOf[process]?.isEmpty ?? false { threadsOf[process] = nil }
            }
            try? update(thread: thread, of: process, tell)
        }
        for set in (setsOf.removeValue(forKey: call) ?? []).sorted() {
            if let calls = members[set], !calls.contains(where: isOpen) { forget(set, tell) }
        }
    }

    private mutating func forget(_ set: UInt32, _ tell: (CallChange) -> Void) {
        guard let calls = members.removeValue(forKey: set) else { return }
        marker.close(set: set)
        if byMembers[calls] == set { byMembers[calls] = nil }
        for call in calls { setsOf[call]?.remove(set) }
        unnamed.remove(set)
        tell(.closed(set))
    }

    /// A call that goes on for long would otherwise keep each set that it was ever in.
    private mutating func forgetUnnamed(_ tell: (CallChange) -> Void) {
        guard members.count >= lookAt, let named = marker.setsInUse() else { return }
        for set in unnamed.subtracting(named).sorted() { forget(set, tell) }
        unnamed = Set(members.keys).subtracting(named)
        for set in unnamed {
            if let calls = members[set], byMembers[calls] == set { byMembers[calls] = nil }
        }
        lookAt = members.count + Self.fewSets
    }

    private func isOpen(_ call: UInt64) -> Bool { bound[call] != nil }

    private mutating func update(process: CallTask, _ tell: (CallChange) -> Void) throws(SystemError) {
        let entry = marker.entry(ofProcess: process)
        guard entry != .replaced else { return }
        let inherited = entry.set.flatMap { members[$0] } ?? []
        let own = processCalls[process] ?? []
        let set = try set(of: inherited + own, tell)
        if set != entry.set { try marker.mark(process: process, set: set) }
        for thread in threadsOf[process] ?? [] { try update(thread: thread, tell) }
    }

    private mutating func update(thread: CallTask, _ tell: (CallChange) -> Void) throws(SystemError) {
        guard let process = threadCalls[thread]?.process else { return }
        try update(thread: thread, of: process, tell)
    }

    private mutating func update(
        thread: CallTask, of process: CallTask, _ tell: (CallChange) -> Void
    ) throws(SystemError) {
        let entry = marker.entry(ofThread: thread)
        guard entry != .replaced else { return }
        let base = marker.entry(ofProcess: process).set
        let shared = base.flatMap { members[$0] } ?? []
        let inherited = entry.set.flatMap { members[$0] } ?? []
        let own = threadCalls[thread]?.calls ?? []
        let isMoreThanItsProcess = (inherited + own).contains { isOpen($0) && !shared.contains($0) }
        let set = isMoreThanItsProcess ? try set(of: inherited + own + shared, tell) : nil
        let changed = set.map { CallEntry.set($0, base: base ?? 0) } ?? .none
        if changed != entry { try marker.mark(thread: thread, set: set, base: base ?? 0) }
    }

    /// The set of those that are open; nil if none is.
    private mutating func set(of calls: [UInt64], _ tell: (CallChange) -> Void) throws(SystemError) -> UInt32? {
        let open = Set(calls.filter(isOpen)).sorted()
        if open.isEmpty { return nil }
        if let known = byMembers[open] { return known }
        let set = try openNumber()
        tell(.set(set, members: open))
        members[set] = open
        byMembers[open] = set
        for call in open { setsOf[call, default: []].insert(set) }
        return set
    }

    private mutating func openNumber() throws(SystemError) -> UInt32 {
        guard members.count < marker.setLimit else { throw SystemError("note a set of tool calls", number: ENOSPC) }
        while true {
            // The last number stands for uncertainty: whoever gets there begins anew with a restart.
            guard nextSet < .max else { throw SystemError("number a set of tool calls", number: ENOSPC) }
            let set = nextSet
            nextSet += 1
            if marker.open(set: set) { return set }
        }
    }
}

extension CallScopes: Sendable where Marker: Sendable {}
