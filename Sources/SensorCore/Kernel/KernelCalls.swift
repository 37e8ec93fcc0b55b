// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// The kernel's tables of which task acts for which set of tool calls. From any thread, as long as the session lives.
package struct KernelCalls: Sendable {
    private let threads: Int32
    private let processes: Int32
    private let sets: Int32

    init(threads: Int32, processes: Int32, sets: Int32) {
        self.threads = threads
        self.processes = processes
        self.sets = sets
    }

    /// The set that an entry names; nil: there is none, or it is an earlier task's of that id.
    package func set(ofProcess process: UInt32, start: UInt64) -> UInt32? { set(process, start, in: processes) }

    package func set(ofThread thread: UInt32, start: UInt64) -> UInt32? { set(thread, start, in: threads) }

    private func set(_ id: UInt32, _ start: UInt64, in map: Int32) -> UInt32? {
        var key = id
        var calls = sensor_calls()
        guard bpf_map_lookup_elem(map, &key, &calls) == 0, calls.start == start else { return nil }
        return calls.set
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
        // The id may be a later task's by now, whose entry is not this one's to change.
        var known = sensor_calls()
        if bpf_map_lookup_elem(map, &key, &known) == 0, known.start > start { return }
        guard let set else {
            _ = bpf_map_delete_elem(map, &key)
            return
        }
        var calls = sensor_calls(set: set, base: base, start: start)
        let error = bpf_map_update_elem(map, &key, &calls, UInt64(BPF_ANY))
        guard error == 0 else { throw SystemError("note a task's tool calls", number: -error) }
    }

    package func open(set: UInt32) throws(SystemError) {
        var key = set
        var value: UInt32 = 1
        let error = bpf_map_update_elem(sets, &key, &value, UInt64(BPF_ANY))
        guard error == 0 else { throw SystemError("note a set of tool calls", number: -error) }
    }

    package func close(set: UInt32) {
        var key = set
        _ = bpf_map_delete_elem(sets, &key)
    }
}

extension KernelSession {
    package func calls() throws(KernelError) -> KernelCalls {
        KernelCalls(
            threads: try object.map("call_threads"), processes: try object.map("call_processes"),
            sets: try object.map("call_sets"))
    }

    /// From now on the programs look for calls, which costs each event a look.
    package func lookForCalls() { control.setHasCalls() }
}
