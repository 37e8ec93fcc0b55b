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
}
