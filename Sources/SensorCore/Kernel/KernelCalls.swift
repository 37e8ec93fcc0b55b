// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// The kernel's tables of which task acts for which set of tool calls. From any thread, as long as the session lives.
package struct KernelCalls: Sendable {
    /// What a map says of an id.
    package struct Entry: Sendable {
        /// With how the task came by it (`SENSOR_CALLS_*`).
        package var set: UInt32
        package var base: UInt32
        /// Of the task that it was made for, in clock ticks since boot.
        package var start: UInt64
        /// That it is charged to.
        package var share: UInt32
        /// Of whoever announced what the task was made within.
        package var program: UInt32

        package init(set: UInt32, base: UInt32, start: UInt64, share: UInt32, program: UInt32 = 0) {
            self.set = set
            self.base = base
            self.start = start
            self.share = share
            self.program = program
        }
    }

    private let threads: Int32
    private let processes: Int32
    private let sets: CallSetMemory

    fileprivate init(threads: Int32, processes: Int32, sets: CallSetMemory) {
        self.threads = threads
        self.processes = processes
        self.sets = sets
    }

    package func entry(ofProcess process: UInt32) -> Entry? { entry(process, in: processes) }

    package func entry(ofThread thread: UInt32) -> Entry? { entry(thread, in: threads) }

    private func entry(_ id: UInt32, in map: Int32) -> Entry? {
        var key = id
        var calls = sensor_calls()
        guard bpf_map_lookup_elem(map, &key, &calls) == 0 else { return nil }
        return Entry(
            set: calls.set, base: calls.base, start: calls.start, share: calls.share, program: calls.program)
    }

    /// Numbers of the sets that entries name; nil: they cannot be read. What programs pass on meanwhile may be missing.
    package func setsInUse() -> Set<UInt32>? {
        var sets: Set<UInt32> = []
        return collectSets(of: threads, into: &sets) && collectSets(of: processes, into: &sets) ? sets : nil
    }

    private func collectSets(of map: Int32, into sets: inout Set<UInt32>) -> Bool {
        var keys = [UInt32](repeating: 0, count: 1024)
        var values = [sensor_calls](repeating: sensor_calls(), count: keys.count)
        var position: UInt64 = 0
        var isFirst = true
        while true {
            var count = UInt32(keys.count)
            let error = withUnsafeMutablePointer(to: &position) {
                bpf_map_lookup_batch(map, isFirst ? nil : $0, $0, &keys, &values, &count, nil)
            }
            if error == -ENOSPC, keys.count < 1 << 16 {
                // The next bucket alone does not fit.
                keys += keys
                values += values
                continue
            }
            guard error == 0 || error == -ENOENT else { return false }
            for calls in values[..<Int(count)] { sets.insert(calls.set & UInt32(SENSOR_CALLS_NUMBER)) }
            if error == -ENOENT { return true }
            isFirst = false
        }
    }

    package func mark(
        process: UInt32, start: UInt64, set: UInt32?, over entry: Entry?
    ) throws(SystemError) {
        try mark(process, start, set, base: 0, over: entry, in: processes)
    }

    /// Changes what a map says of a task.
    ///
    /// - Parameters:
    ///   - start: in clock ticks since boot.
    ///   - set: nil: its entry goes.
    ///   - entry: what the map says of its id.
    /// - Throws: the map or the workload's share of it is full.
    package func mark(
        thread: UInt32, start: UInt64, set: UInt32?, base: UInt32, over entry: Entry?
    ) throws(SystemError) {
        try mark(thread, start, set, base: base, over: entry, in: threads)
    }

    private func mark(
        _ id: UInt32, _ start: UInt64, _ set: UInt32?, base: UInt32, over entry: Entry?, in map: Int32
    ) throws(SystemError) {
        var key = id
        if let set, let entry, entry.start == start {
            // If the task has ended meanwhile there is nothing to be changed.
            var calls = sensor_calls(set: set, base: base, start: start, share: entry.share, program: entry.program)
            _ = bpf_map_update_elem(map, &key, &calls, UInt64(BPF_EXIST))
            return
        }
        if let entry, bpf_map_delete_elem(map, &key) == 0 { sets.giveBack(entry.share) }
        guard let set else { return }
        let share = sets.share(of: set)
        guard sets.take(share) else { throw SystemError("note a task's tool calls", number: ENOSPC) }
        var calls = sensor_calls(set: set, base: base, start: start, share: share, program: 0)
        let error = bpf_map_update_elem(map, &key, &calls, UInt64(BPF_NOEXIST))
        guard error != 0 else { return }
        sets.giveBack(share)
        throw SystemError("note a task's tool calls", number: -error)
    }

    package var setLimit: Int { Int(SENSOR_CALL_SETS) }

    package var shareLimit: Int { Int(SENSOR_CALL_SHARES) }

    package func open(set: UInt32, share: UInt32) { sets.open(set, share) }

    package func close(set: UInt32) { sets.close(set) }

    /// Entries that are charged to a share.
    package func entries(ofShare share: UInt32) -> Int { sets.entries(share) }
}

/// The maps `call_sets` and `call_shares`, as both sides have them in memory: read and written atomically, by any
/// thread. One opens and closes.
private final class CallSetMemory: @unchecked Sendable {
    fileprivate let places: UnsafeMutablePointer<UInt64>
    fileprivate let shares: UnsafeMutablePointer<UInt64>

    /// - Parameters: descriptors of the maps; they need not stay open.
    init(sets: Int32, shares: Int32) throws(KernelError) {
        places = try Self.map(sets, Int(SENSOR_CALL_SETS))
        do throws(KernelError) { self.shares = try Self.map(shares, Int(SENSOR_CALL_SHARES) + 1) } catch {
            munmap(places, Self.length(Int(SENSOR_CALL_SETS)))
            throw error
        }
    }

    deinit {
        munmap(places, Self.length(Int(SENSOR_CALL_SETS)))
        munmap(shares, Self.length(Int(SENSOR_CALL_SHARES) + 1))
    }

    private static func length(_ count: Int) -> Int { count * MemoryLayout<UInt64>.stride }

    private static func map(_ descriptor: Int32, _ count: Int) throws(KernelError) -> UnsafeMutablePointer<UInt64> {
        guard let memory = mmap(nil, length(count), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            memory != MAP_FAILED
        else { throw .systemCall("cannot map the sets of tool calls") }
        return memory.bindMemory(to: UInt64.self, capacity: count)
    }

    private func place(of set: UInt32) -> UnsafeMutablePointer<UInt64> {
        places + Int((set & UInt32(SENSOR_CALLS_NUMBER)) % UInt32(SENSOR_CALL_SETS))
    }

    func open(_ set: UInt32, _ share: UInt32) {
        sensor_store_release_u64(place(of: set), UInt64(share) << 32 | UInt64(set))
    }

    func close(_ set: UInt32) {
        let place = place(of: set)
        if UInt32(truncatingIfNeeded: sensor_load_acquire_u64(place)) == set { sensor_store_release_u64(place, 0) }
    }

    func share(of set: UInt32) -> UInt32 { UInt32(sensor_load_acquire_u64(place(of: set)) >> 32) }

    func entries(_ share: UInt32) -> Int { Int(clamping: sensor_load_acquire_u64(shares + Int(share))) }

    /// False: it is full.
    func take(_ share: UInt32) -> Bool {
        let own = sensor_fetch_add_u64(shares + Int(share), 1)
        let all = sensor_fetch_add_u64(shares + Int(SENSOR_CALL_SHARES), 1)
        if sensor_call_has_room(own, all) != 0 { return true }
        giveBack(share)
        return false
    }

    func giveBack(_ share: UInt32) {
        _ = sensor_fetch_add_u64(shares + Int(share), .max)
        _ = sensor_fetch_add_u64(shares + Int(SENSOR_CALL_SHARES), .max)
    }
}

extension CallSetMemory {
    /// Nobody has announced anything: whoever did is told of no more.
    fileprivate func closeAll() {
        for index in 0..<Int(SENSOR_CALL_SETS) { sensor_store_release_u64(places + index, 0) }
    }

    fileprivate func giveBackAll() {
        for index in 0...Int(SENSOR_CALL_SHARES) { sensor_store_release_u64(shares + index, 0) }
    }
}

extension KernelSession {
    /// Ends all calls of the run before, whose connections have ended with it.
    func forgetCalls() throws(KernelError) {
        let threads = try object.map("call_threads")
        let processes = try object.map("call_processes")
        let sets = try CallSetMemory(sets: try object.map("call_sets"), shares: try object.map("call_shares"))
        sets.closeAll()
        control.setHasNoCalls()
        // No program passes on after this what it found open before.
        _ = sensor_wait_for_programs()
        MapElement.removeAll(from: threads, UInt32.self)
        MapElement.removeAll(from: processes, UInt32.self)
        sets.giveBackAll()
    }

    package func calls() throws(KernelError) -> KernelCalls {
        KernelCalls(
            threads: try object.map("call_threads"), processes: try object.map("call_processes"),
            sets: try CallSetMemory(sets: try object.map("call_sets"), shares: try object.map("call_shares")))
    }

    /// From now on the programs look for calls, which costs each event a look.
    package func lookForCalls() { control.setHasCalls() }
}
