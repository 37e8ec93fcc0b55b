// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

extension KernelCalls.Entry {
    fileprivate var number: UInt32 { self.set & UInt32(SENSOR_CALLS_NUMBER) }
    /// How the task came by it.
    fileprivate var origin: UInt32 { self.set & ~UInt32(SENSOR_CALLS_NUMBER) }
}

/// Which tasks act for which calls: keeps the kernel's entries true while calls begin and end.
///
/// A task's entry names a set of calls. Sets never change: another selection is another set, so that what was inherited
/// goes on to mean what it meant. For one thread.
package struct CallScopes<Marker: CallMarker> {
    private struct Bound {
        var workload: UInt64
        var processes: [CallTask] = []
        var thread: (task: CallTask, process: CallTask)?
    }

    /// What a workload's sets take.
    private struct Kept {
        var sets = 0
        /// Calls in them.
        var members = 0

        /// About.
        var bytes: Int { 128 * sets + 8 * members }
    }

    private let marker: Marker
    private let byteLimit: Int
    private var numbers: CallSetNumbers
    private var members: [UInt32: [UInt64]] = [:]
    private var memberCount = 0
    /// Whose sets they are, and what each has of them.
    private var ownerOf: [UInt32: UInt64] = [:]
    private var keptFor: [UInt64: Kept] = [:]
    private var byMembers: [[UInt64]: UInt32] = [:]
    /// Sets by one of their calls that is open, and where it stands in them: those before it have ended. A set that has none
    /// is over, so that each is looked through once, however often calls end.
    private var watched: [UInt64: [(set: UInt32, index: Int)]] = [:]
    /// Sets that no entry named at the last look. They are not given out again, and go with the next look if none names them
    /// then: what a program was about to pass on has been passed on by that time.
    private var unnamed: Set<UInt32> = []
    /// Of the kernel's entries, for workloads that have open calls.
    private var shares: [UInt64: (number: UInt32, calls: Int)] = [:]
    /// The others, the one first that was given back longest ago.
    private var freeShares: [UInt32]
    /// How many sets there are, and how many calls in them, when entries are looked through for the next time.
    private var lookAt = (sets: Self.fewSets, members: Self.fewMembers)
    /// How often entries are looked through at the next ticks: somebody had too many sets, which may be unnamed.
    private var looksDue = 0
    private var bound: [UInt64: Bound] = [:]
    private var processCalls: [CallTask: [UInt64]] = [:]
    private var threadCalls: [CallTask: (process: CallTask, calls: [UInt64])] = [:]
    private var threadsOf: [CallTask: Set<CallTask>] = [:]

    /// So many sets, and so many more each time, are no reason to look which of them are named.
    private static var fewSets: Int { 1024 }
    private static var fewMembers: Int { 65_536 }
    /// So many sets take a while to make, so that between two looks there is one.
    private static var lookSets: Int { 64 }
    /// Threads of a process that announce calls at a time: what begins or ends for all of it changes each.
    static var threadLimit: Int { 256 }

    /// - Parameter byteLimit: of the sets of one workload.
    package init(marker: Marker, byteLimit: Int = CallLimits().bytes) {
        self.marker = marker
        self.byteLimit = byteLimit
        numbers = CallSetNumbers(places: marker.setLimit)
        freeShares = Array(0..<UInt32(marker.shareLimit))
    }

    /// Sets that tasks may act for.
    package var setCount: Int { members.count }

    /// That a workload's sets take, about.
    func bytes(of workload: UInt64) -> Int { keptFor[workload]?.bytes ?? 0 }

    /// From when it returns, these processes act for the call.
    ///
    /// - Parameters:
    ///   - workload: whose share of the kernel's entries it takes.
    ///   - tell: called with what has to be known before the kernel names a set.
    /// - Throws: the kernel has no room; then nothing acts for it.
    package mutating func begin(
        _ call: UInt64, of workload: UInt64, processes: [CallTask], tell: (CallChange) -> Void
    ) throws(SystemError) {
        lookIfMany(tell)
        try takeShare(of: workload)
        bound[call] = Bound(workload: workload)
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
        _ call: UInt64, of workload: UInt64, thread: CallTask, in process: CallTask, tell: (CallChange) -> Void
    ) throws(SystemError) {
        guard threadCalls[thread] != nil || threadsOf[process, default: []].count < Self.threadLimit else {
            throw SystemError("note tool calls of one more thread of the process", number: ENOSPC)
        }
        lookIfMany(tell)
        try takeShare(of: workload)
        bound[call] = Bound(workload: workload, thread: (thread, process))
        threadCalls[thread, default: (process, [])].calls.append(call)
        threadsOf[process, default: []].insert(thread)
        do throws(SystemError) { try update(thread: thread, tell) } catch {
            end(call, tell: tell)
            throw error
        }
    }

    /// Nothing acts for the call any more.
    package mutating func end(_ call: UInt64, tell: (CallChange) -> Void) { end([call], tell: tell) }

    /// The same of several that end together. Where there is no room for the set of those that are left, an entry names one
    /// with the ended calls until it changes again.
    package mutating func end(_ calls: [UInt64], tell: (CallChange) -> Void) {
        lookIfMany(tell)
        var processes: [CallTask] = []
        var threads: [(task: CallTask, process: CallTask)] = []
        for call in calls {
            guard let bound = bound.removeValue(forKey: call) else { continue }
            giveShareBack(of: bound.workload)
            for process in bound.processes {
                processCalls[process]?.removeAll { $0 == call }
                if processCalls[process]?.isEmpty ?? false { processCalls[process] = nil }
                if processes.last != process { processes.append(process) }
            }
            guard let (thread, process) = bound.thread else { continue }
            threadCalls[thread]?.calls.removeAll { $0 == call }
            if threadCalls[thread]?.calls.isEmpty ?? false {
                threadCalls[thread] = nil
                threadsOf[process]?.remove(thread)
                if threadsOf[process]?.isEmpty ?? false { threadsOf[process] = nil }
            }
            threads.append((thread, process))
        }
        // One of them is not there twice.
        var done: Set<CallTask> = []
        for process in processes where processes.count == 1 || done.insert(process).inserted {
            try? update(process: process, tell)
        }
        done = []
        for (thread, process) in threads where threads.count == 1 || done.insert(thread).inserted {
            try? update(thread: thread, of: process, tell)
        }
        for call in calls { forgetSets(of: call, tell) }
    }

    private mutating func forgetSets(of call: UInt64, _ tell: (CallChange) -> Void) {
        for (set, index) in watched.removeValue(forKey: call) ?? [] {
            guard let calls = members[set] else { continue }
            guard let next = calls[index...].firstIndex(where: isOpen) else {
                forget(set, tell)
                continue
            }
            watched[calls[next], default: []].append((set, next))
        }
    }

    private mutating func forget(_ set: UInt32, _ tell: (CallChange) -> Void) {
        guard let calls = members.removeValue(forKey: set) else { return }
        marker.close(set: set)
        numbers.giveBack(set)
        memberCount -= calls.count
        if let owner = ownerOf.removeValue(forKey: set), var kept = keptFor[owner] {
            kept.sets -= 1
            kept.members -= calls.count
            keptFor[owner] = kept.sets == 0 ? nil : kept
        }
        if byMembers[calls] == set { byMembers[calls] = nil }
        unnamed.remove(set)
        tell(.closed(set))
    }

    // MARK: Sets that no entry names

    /// Once a second: what a workload has too many of is looked through, and numbers are found that can begin anew.
    package mutating func tick(tell: (CallChange) -> Void) {
        let hasMany = members.count > Self.fewSets || keptFor.values.contains { $0.bytes > byteLimit / 8 }
        guard hasMany || looksDue > 0 || numbers.isLooking, let named = marker.setsInUse() else { return }
        if looksDue > 0 { looksDue -= 1 }
        numbers.look(named)
        forgetUnnamed(named, tell)
    }

    private mutating func lookIfMany(_ tell: (CallChange) -> Void) {
        guard members.count >= lookAt.sets || memberCount >= lookAt.members, let named = marker.setsInUse() else {
            return
        }
        forgetUnnamed(named, tell)
    }

    /// A call that goes on for long would otherwise keep each set that it was ever in.
    private mutating func forgetUnnamed(_ named: Set<UInt32>, _ tell: (CallChange) -> Void) {
        for set in unnamed.subtracting(named).sorted() { forget(set, tell) }
        for (call, sets) in watched { watched[call] = sets.filter { members[$0.set] != nil } }
        unnamed = Set(members.keys).subtracting(named)
        for set in unnamed {
            if let calls = members[set], byMembers[calls] == set { byMembers[calls] = nil }
        }
        let free = marker.setLimit - members.count
        lookAt = (
            members.count + max(Self.lookSets, min(Self.fewSets, free / 8)), memberCount + Self.fewMembers
        )
    }

    // MARK: Shares of the kernel's entries

    private mutating func takeShare(of workload: UInt64) throws(SystemError) {
        if shares[workload] == nil {
            guard let free = freeShares.firstIndex(where: { marker.entries(ofShare: $0) == 0 }) else {
                throw SystemError("note tool calls of one more workload", number: ENOSPC)
            }
            shares[workload] = (freeShares.remove(at: free), 0)
        }
        shares[workload]?.calls += 1
    }

    private mutating func giveShareBack(of workload: UInt64) {
        shares[workload]?.calls -= 1
        guard let share = shares[workload], share.calls == 0 else { return }
        shares[workload] = nil
        freeShares.append(share.number)
    }

    // MARK: Entries

    private func isOpen(_ call: UInt64) -> Bool { bound[call] != nil }

    private mutating func update(process: CallTask, _ tell: (CallChange) -> Void) throws(SystemError) {
        let there = marker.entry(ofProcess: process.id)
        // Its id may be a later task's by now, whose entry is nobody else's to change.
        if let there, there.start > process.start { return }
        let entry = Self.own(there, process)
        let own = processCalls[process] ?? []
        let inherited = inherited(entry, beside: own)
        let origin = inherited.isEmpty ? 0 : entry?.origin ?? 0
        let set = try set(of: inherited + own, tell).map { $0 | origin }
        if set != entry?.set { try marker.mark(process: process, set: set, over: there) }
        // One that there is no room for keeps no other from being told apart from the rest.
        var failure: SystemError?
        for thread in threadsOf[process] ?? [] {
            do throws(SystemError) { try update(thread: thread, tell) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private mutating func update(thread: CallTask, _ tell: (CallChange) -> Void) throws(SystemError) {
        guard let process = threadCalls[thread]?.process else { return }
        try update(thread: thread, of: process, tell)
    }

    private mutating func update(
        thread: CallTask, of process: CallTask, _ tell: (CallChange) -> Void
    ) throws(SystemError) {
        let there = marker.entry(ofThread: thread.id)
        if let there, there.start > thread.start { return }
        let entry = Self.own(there, thread)
        let own = threadCalls[thread]?.calls ?? []
        // It acts for nothing of its own any more, whatever its process does.
        if own.isEmpty, self.inherited(entry, beside: []).isEmpty {
            if entry != nil { try marker.mark(thread: thread, set: nil, base: 0, over: there) }
            return
        }
        let base = Self.own(marker.entry(ofProcess: process.id), process)
        let shared = base.flatMap { members[$0.number] } ?? []
        let inherited = inherited(entry, beside: own + shared)
        let isMoreThanItsProcess = !inherited.isEmpty || own.contains { isOpen($0) && !shared.contains($0) }
        let origin = inherited.isEmpty ? 0 : entry?.origin ?? 0
        let set = isMoreThanItsProcess ? try set(of: inherited + own + shared, tell).map { $0 | origin } : nil
        if set == entry?.set, set == nil || base?.set ?? 0 == entry?.base { return }
        try marker.mark(thread: thread, set: set, base: base?.set ?? 0, over: there)
    }

    /// What was made for an earlier task of the same id is not the task's.
    private static func own(_ entry: KernelCalls.Entry?, _ task: CallTask) -> KernelCalls.Entry? {
        entry.flatMap { $0.start == task.start ? $0 : nil }
    }

    /// What is still open of that which a task was made within.
    private func inherited(_ entry: KernelCalls.Entry?, beside own: [UInt64]) -> [UInt64] {
        guard let all = entry.flatMap({ members[$0.number] }) else { return [] }
        let known = Set(own)
        return all.filter { isOpen($0) && !known.contains($0) }
    }

    // MARK: Sets

    /// The set of those that are open; nil if none is.
    private mutating func set(of calls: [UInt64], _ tell: (CallChange) -> Void) throws(SystemError) -> UInt32? {
        // Mostly it is one.
        let open = calls.count == 1 ? calls.filter(isOpen) : Set(calls.filter(isOpen)).sorted()
        guard let owner = open.last.flatMap({ bound[$0]?.workload }) else { return nil }
        if let known = byMembers[open] { return known }
        guard hasRoom(for: owner), let set = numbers.take() else {
            looksDue = Self.looks
            throw SystemError("note a set of tool calls", number: ENOSPC)
        }
        marker.open(set: set, share: shares[owner]?.number ?? 0)
        tell(.set(set, members: open))
        members[set] = open
        memberCount += open.count
        ownerOf[set] = owner
        keptFor[owner, default: Kept()].sets += 1
        keptFor[owner, default: Kept()].members += open.count
        byMembers[open] = set
        watched[open[0], default: []].append((set, 0))
        return set
    }

    /// The second of them lets go of what none has named.
    private static var looks: Int { 2 }

    /// Whether a workload may have one more set. Of what is free each has a part at most, so that there is always some for the
    /// next one: an eighth of all for one that is alone.
    private func hasRoom(for workload: UInt64) -> Bool {
        let kept = keptFor[workload] ?? Kept()
        return kept.sets < (marker.setLimit - members.count) / 7 && kept.bytes < byteLimit
    }
}

extension CallScopes: Sendable where Marker: Sendable {}
