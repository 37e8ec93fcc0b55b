// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// One element of a hash in the kernel.
enum MapElement {
    /// Deletes an element and reads its last value in the same call; before 5.14, right before.
    ///
    /// - Returns: false if there was none.
    static func take<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        _ key: Key, from map: Int32, into value: inout Value
    ) -> Bool {
        var key = key
        let error = bpf_map_lookup_and_delete_elem(map, &key, &value)
        if error == 0 || error == -ENOENT { return error == 0 }
        return bpf_map_lookup_elem(map, &key, &value) == 0 && bpf_map_delete_elem(map, &key) == 0
    }

    /// Goes through a small map. Entries that come or go meanwhile may be missed or come twice.
    ///
    /// - Parameter entries: that there can be: a deleted key makes the walk start again.
    static func forEach<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        in map: Int32, entries: Int = 1 << 24, _ body: (Key, Value) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: Key.self, capacity: 2) { keys in
            withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { values in
                guard let current = keys.baseAddress, let value = values.baseAddress else { return }
                let next = current + 1
                var error = bpf_map_get_next_key(map, nil, next)
                var rounds = entries + 1
                while error == 0, rounds > 0 {
                    rounds -= 1
                    if bpf_map_lookup_elem(map, next, value) == 0 { body(next.pointee, value.pointee) }
                    current.update(from: next, count: 1)
                    error = bpf_map_get_next_key(map, current, next)
                }
            }
        }
    }

    /// How many there are in a hash, about: some may come or go meanwhile.
    static func count(in hash: BPFObject.Hash) -> Int {
        var batch = 1024
        var position: UInt64 = 0
        var (total, isFirst) = (0, true)
        var keys = [UInt8](repeating: 0, count: batch * hash.keyBytes)
        var values = [UInt8](repeating: 0, count: batch * hash.valueBytes)
        while true {
            var count = UInt32(batch)
            let error = withUnsafeMutablePointer(to: &position) {
                bpf_map_lookup_batch(hash.map, isFirst ? nil : $0, $0, &keys, &values, &count, nil)
            }
            // The next bucket alone does not fit.
            if error == -ENOSPC, batch < hash.entries {
                batch *= 2
                keys = [UInt8](repeating: 0, count: batch * hash.keyBytes)
                values = [UInt8](repeating: 0, count: batch * hash.valueBytes)
                continue
            }
            if error == 0 || error == -ENOENT { total += Int(count) }
            if error == 0 {
                isFirst = false
                continue
            }
            // Before 5.6 there are no batches.
            return error == -ENOENT || !isFirst ? total : countOneByOne(in: hash)
        }
    }

    static func countOneByOne(in hash: BPFObject.Hash) -> Int {
        var current = [UInt8](repeating: 0, count: hash.keyBytes)
        var next = current
        var total = 0
        var error = bpf_map_get_next_key(hash.map, nil, &next)
        while error == 0, total < hash.entries {
            total += 1
            swap(&current, &next)
            error = bpf_map_get_next_key(hash.map, &current, &next)
        }
        return total
    }

    /// Deletes all that is in a hash. What comes meanwhile may stay.
    static func removeAll<Key: BitwiseCopyable>(from map: Int32, _: Key.Type) {
        var keys: [Key] = []
        withUnsafeTemporaryAllocation(of: Key.self, capacity: 2) { room in
            guard let current = room.baseAddress else { return }
            let next = current + 1
            var error = bpf_map_get_next_key(map, nil, next)
            while error == 0, keys.count < 1 << 24 {
                keys.append(next.pointee)
                current.update(from: next, count: 1)
                error = bpf_map_get_next_key(map, current, next)
            }
        }
        for key in keys {
            var key = key
            _ = bpf_map_delete_elem(map, &key)
        }
    }
}
