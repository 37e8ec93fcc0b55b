// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// The kernel's tables of which task acts for which set of tool calls. From any thread, as long as the session lives.
package struct KernelCalls: Sendable {
    /// What a map says of an id.
    package struct Entry: Sendable {
        package var set: UInt32
        package var base: UInt32
        /// Of the task that it was made for, in clock ticks since boot.
        package var start: UInt64
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
        return Entry(set: calls.set, base: calls.base, start: calls.start)
    }

    /// Sets that an entry names; nil: they cannot be read. What programs pass on meanwhile may be missing.
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
            for calls in values[..<Int(count)] { sets.insert(calls.set) }
            if error == -ENOENT { return true }
            isFirst = false
        }
    }

    /// - Parameter start: in clock ticks since boot.
    package func mark(process: UInt32, start: UInt64, set: UInt32?) throws(SystemError) {
        try mark(process, start, set, base: 0, in: processes)
    }

    package func mark(thread: UInt32, start: UInt64, set: UInt32?, base: UInt32) throws(SystemError) {
        try mark(thread, start, set, base: base, in: threads)
    }

    private func mark(
        _ id: UInt32, _ start: UInt64, _ set: UInt32?, base: UInt32, in map: Int32
    ) throws(SystemError) {
        var key = id
        guard let set else {
            _ = bpf_map_delete_elem(map, &key)
            return
        }
        var calls = sensor_calls(set: set, base: base, start: start)
        let error = bpf_map_update_elem(map, &key, &calls, UInt64(BPF_ANY))
        guard error == 0 else { throw SystemError("note a task's tool calls", number: -error) }
    }

    package var setLimit: Int { Int(SENSOR_CALL_SETS) }

    /// False: its place is taken by another.
    package func open(set: UInt32) -> Bool { sets.open(set) }

    package func close(set: UInt32) { sets.close(set) }
}

/// The map `call_sets`, as both sides have it in memory. One thread opens and closes.
private final class CallSetMemory: @unchecked Sendable {
    private let places: UnsafeMutablePointer<UInt64>

    /// - Parameter descriptor: of the map; it need not stay open.
    init(descriptor: Int32) throws(KernelError) {
        guard let memory = mmap(nil, Self.length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0),
            memory != MAP_FAILED
        else { throw .systemCall("cannot map the sets of tool calls") }
        places = memory.bindMemory(to: UInt64.self, capacity: Int(SENSOR_CALL_SETS))
    }

    deinit { munmap(places, Self.length) }

    private static var length: Int { Int(SENSOR_CALL_SETS) * MemoryLayout<UInt64>.stride }

    private func place(of set: UInt32) -> UnsafeMutablePointer<UInt64> { places + Int(set % UInt32(SENSOR_CALL_SETS)) }

    func open(_ set: UInt32) -> Bool {
        let place = place(of: set)
        guard sensor_load_acquire_u64(place) == 0 else { return false }
        sensor_store_release_u64(place, UInt64(set))
        return true
    }

    func close(_ set: UInt32) {
        let place = place(of: set)
        if sensor_load_acquire_u64(place) == set { sensor_store_release_u64(place, 0) }
    }
}

extension KernelSession {
    package func calls() throws(KernelError) -> KernelCalls {
        KernelCalls(
            threads: try object.map("call_threads"), processes: try object.map("call_processes"),
            sets: try CallSetMemory(descriptor: try object.map("call_sets")))
    }

    /// From now on the programs look for calls, which costs each event a look.
    package func lookForCalls() { control.setHasCalls() }
}
