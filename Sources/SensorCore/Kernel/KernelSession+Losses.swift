// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// What the kernel side says about itself.
extension KernelSession {
    /// What one program has cost so far. Times and runs are counted only while somebody has switched the kernel's
    /// statistics on (`kernel.bpf_stats_enabled`, or `ProgramStatistics`).
    package struct ProgramCost: Sendable {
        package let name: String
        package let nanoseconds: UInt64
        package let runs: UInt64
        /// Runs that were skipped because the program was already running on that processor.
        package let recursionMisses: UInt64
    }

    package func programCosts() -> [ProgramCost] {
        programs.compactMap { program in
            object.information(of: program).map {
                ProgramCost(
                    name: program.name, nanoseconds: $0.run_time_ns, runs: $0.run_cnt,
                    recursionMisses: $0.recursion_misses)
            }
        }
    }

    /// All that was lost since the start: the kernel's ledger, programs that could not run, and the daemon's `losses`.
    /// Throws nothing away: the totals of cgroups that were forgotten are in those of cgroup 0.
    package func readLosses() throws(KernelError) -> LossLedger {
        var ledger = losses
        try forEach(in: "losses") { (key: sensor_loss_key, count: UInt64) in
            ledger.add(
                LossLedger.Key(cgroup: key.cgroup, hook: key.hook, reason: key.reason, kind: key.kind), count: count)
        }
        try forEach(in: "loss_overflow") { (_: UInt32, count: UInt64) in ledger.addOverflow(count) }
        for program in programs {
            guard let information = object.information(of: program) else { continue }
            ledger.add(
                LossLedger.Key(cgroup: 0, hook: program.hook, reason: LossReason.recursion.rawValue, kind: 0),
                count: information.recursion_misses)
        }
        return ledger
    }

    /// io_uring operations that no event tells of, for a cgroup (0: those that are gone, together) and an opcode.
    package struct BlindOperations: Sendable {
        package let cgroup: UInt64
        package let opcode: UInt32
        package let count: UInt64
    }

    package func readBlindOperations() throws(KernelError) -> [BlindOperations] {
        guard object.optionalMap("uring_opcodes") != nil else { return [] }
        var node = foldedOperations
        var operations: [BlindOperations] = []
        try forEach(in: "uring_opcodes") { (key: sensor_uring_key, count: UInt64) in
            if key.cgroup == 0 {
                node[key.opcode, default: 0] &+= count
            } else {
                operations.append(BlindOperations(cgroup: key.cgroup, opcode: key.opcode, count: count))
            }
        }
        return operations + node.map { BlindOperations(cgroup: 0, opcode: $0.key, count: $0.value) }
    }

    /// Makes room for the losses of others: those of cgroups that are gone count for the node from now on.
    func foldLosses(of cgroups: Set<UInt64>) {
        losses.fold(cgroups)
        for (key, count) in take(from: "losses", where: { (key: sensor_loss_key) in cgroups.contains(key.cgroup) }) {
            losses.add(LossLedger.Key(cgroup: 0, hook: key.hook, reason: key.reason, kind: key.kind), count: count)
        }
        for (key, count) in take(
            from: "uring_opcodes", where: { (key: sensor_uring_key) in cgroups.contains(key.cgroup) })
        {
            foldedOperations[key.opcode, default: 0] &+= count
        }
    }

    /// Deletes what `isGone` says so of, and returns it with its last values.
    private func take<Key: BitwiseCopyable>(
        from name: String, where isGone: (Key) -> Bool
    ) -> [(key: Key, count: UInt64)] {
        guard let map = object.optionalMap(name) else { return [] }
        var gone: [Key] = []
        try? forEach(in: name) { (key: Key, _: UInt64) in if isGone(key) { gone.append(key) } }
        return gone.compactMap { key in
            var count: UInt64 = 0
            return MapElement.take(key, from: map, into: &count) ? (key, count) : nil
        }
    }

    /// Goes through a small map. Entries that come or go meanwhile may be missed or come twice.
    private func forEach<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        in name: String, _ body: (Key, Value) -> Void
    ) throws(KernelError) {
        let map = try object.map(name)
        withUnsafeTemporaryAllocation(of: Key.self, capacity: 2) { keys in
            withUnsafeTemporaryAllocation(of: Value.self, capacity: 1) { values in
                guard let current = keys.baseAddress, let value = values.baseAddress else { return }
                let next = current + 1
                var error = bpf_map_get_next_key(map, nil, next)
                // As many rounds as there can be entries: a deleted key makes the walk start again.
                var rounds = object.entries(of: name) + 1
                while error == 0, rounds > 0 {
                    rounds -= 1
                    if bpf_map_lookup_elem(map, next, value) == 0 { body(next.pointee, value.pointee) }
                    current.update(from: next, count: 1)
                    error = bpf_map_get_next_key(map, current, next)
                }
            }
        }
    }
}
