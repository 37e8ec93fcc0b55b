// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// Up to which of the kernel's totals its losses have been told: what a run before has told is not told again. Kept in maps
/// of its own beside the programs, where they are pinned. For one thread.
final class ToldTotals {
    private(set) var losses: [LossLedger.Key: UInt64] = [:]
    private(set) var operations: [Operation: UInt64] = [:]

    typealias Operation = LossTotals.Operation

    /// What the maps hold, so that only what has changed is written.
    private var kept: (losses: [LossLedger.Key: UInt64], operations: [Operation: UInt64]) = ([:], [:])
    /// They live as long as this does.
    let lossMap: Int32
    let operationMap: Int32

    static let lossMapName = "told_losses"
    static let operationMapName = "told_operations"

    /// Nothing has been told.
    init(entries: UInt32) throws(KernelError) {
        lossMap = try Self.make(Self.lossMapName, MemoryLayout<sensor_loss_key>.size, entries)
        do throws(KernelError) {
            operationMap = try Self.make(Self.operationMapName, MemoryLayout<sensor_uring_key>.size, entries)
        } catch {
            close(lossMap)
            throw error
        }
    }

    /// What a run before has told.
    init?(_ directory: PinDirectory) {
        guard let losses = directory.descriptor(of: Self.lossMapName, in: .maps) else { return nil }
        lossMap = losses
        guard let operations = directory.descriptor(of: Self.operationMapName, in: .maps) else {
            close(losses)
            return nil
        }
        operationMap = operations
        MapElement.forEach(in: lossMap) { (key: sensor_loss_key, count: UInt64) in
            let key = LossLedger.Key(cgroup: key.cgroup, hook: key.hook, reason: key.reason, kind: key.kind)
            self.losses[key] = count
        }
        MapElement.forEach(in: operationMap) { (key: sensor_uring_key, count: UInt64) in
            self.operations[Operation(cgroup: key.cgroup, opcode: key.opcode)] = count
        }
        kept = (self.losses, self.operations)
    }

    deinit {
        close(lossMap)
        close(operationMap)
    }

    private static func make(_ name: String, _ keySize: Int, _ entries: UInt32) throws(KernelError) -> Int32 {
        var options = bpf_map_create_opts()
        options.sz = MemoryLayout<bpf_map_create_opts>.size
        options.map_flags = UInt32(BPF_F_NO_PREALLOC)
        let map = bpf_map_create(BPF_MAP_TYPE_HASH, name, UInt32(keySize), 8, entries, &options)
        guard map >= 0 else { throw KernelError(.systemCall, "cannot make the map \(name)", errorNumber: -map) }
        return map
    }

    /// All of these have been told. What there is no room for is told again by whoever comes after a kill.
    func keep(_ totals: LossTotals) {
        var now = totals.losses.counts
        if totals.losses.overflow > 0 { now[Self.overflow] = totals.losses.overflow }
        var blind = totals.operations
        for (key, count) in now where kept.losses[key] != count {
            var word = sensor_loss_key()
            (word.cgroup, word.hook, word.reason, word.kind) = (key.cgroup, key.hook, key.reason, key.kind)
            if !Self.put(word, count, in: lossMap) { now[key] = kept.losses[key] }
        }
        for key in kept.losses.keys where now[key] == nil {
            var word = sensor_loss_key()
            (word.cgroup, word.hook, word.reason, word.kind) = (key.cgroup, key.hook, key.reason, key.kind)
            _ = bpf_map_delete_elem(lossMap, &word)
        }
        for (key, count) in blind where kept.operations[key] != count {
            let word = sensor_uring_key(cgroup: key.cgroup, opcode: key.opcode, reserved: 0)
            if !Self.put(word, count, in: operationMap) { blind[key] = kept.operations[key] }
        }
        for key in kept.operations.keys where blind[key] == nil {
            var word = sensor_uring_key(cgroup: key.cgroup, opcode: key.opcode, reserved: 0)
            _ = bpf_map_delete_elem(operationMap, &word)
        }
        kept = (now, blind)
    }

    private static func put(_ key: some BitwiseCopyable, _ count: UInt64, in map: Int32) -> Bool {
        var key = key
        var count = count
        return bpf_map_update_elem(map, &key, &count, UInt64(BPF_ANY)) == 0
    }

    /// What stands for losses that found no room in the kernel's ledger.
    static let overflow = LossLedger.Key(cgroup: 0, hook: 0, reason: 0, kind: 0)

    /// What was told of a row before this process.
    func told(_ key: LossLedger.Key) -> UInt64 { losses[key] ?? 0 }
    func told(_ operation: Operation) -> UInt64 { operations[operation] ?? 0 }

    /// The kernel's row begins anew.
    func forget(_ key: LossLedger.Key) { losses[key] = nil }
    func forget(_ operation: Operation) { operations[operation] = nil }
}
