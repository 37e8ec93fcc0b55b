// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// What the kernel side says about itself.
extension KernelSession {
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
        if let ending { return ending.losses }
        var ledger = losses
        totals.losses = try lossTotals()
        for (key, count) in totals.losses.counts { ledger.add(key, count: count &- min(count, told?.told(key) ?? 0)) }
        let overflow = totals.losses.overflow
        ledger.addOverflow(overflow &- min(overflow, told?.told(ToldTotals.overflow) ?? 0))
        return ledger
    }

    /// What the kernel has counted, whoever it was told by.
    private func lossTotals() throws(KernelError) -> LossLedger {
        var ledger = LossLedger(capacity: .max)
        try forEach(in: "losses") { (key: sensor_loss_key, count: UInt64) in
            ledger.add(
                LossLedger.Key(cgroup: key.cgroup, hook: key.hook, reason: key.reason, kind: key.kind), count: count)
        }
        try forEach(in: "loss_overflow") { (_: UInt32, count: UInt64) in ledger.addOverflow(count) }
        for program in programs where !program.isAgain {
            guard let information = object.information(of: program) else { continue }
            // The second program says so after the kernel has: what it has not said yet must not be taken back later.
            let misses = information.recursion_misses
            let missed = max(leftOut[program.hook] ?? 0, misses &- min(misses, runsAgain(program.hook)))
            leftOut[program.hook] = missed
            ledger.add(
                LossLedger.Key(cgroup: 0, hook: program.hook, reason: LossReason.recursion.rawValue, kind: 0),
                count: missed)
        }
        return ledger
    }

    /// How often a hook's second program has done what the first was left out of.
    private func runsAgain(_ hook: UInt8) -> UInt64 {
        let processors = libbpf_num_possible_cpus()
        guard object.image == .held, processors > 0, let map = try? object.map("attempts") else { return 0 }
        var key = UInt32(hook)
        var attempts = [sensor_attempt](repeating: sensor_attempt(), count: Int(processors))
        guard bpf_map_lookup_elem(map, &key, &attempts) == 0 else { return 0 }
        return attempts.reduce(0) { $0 &+ $1.again }
    }

    /// io_uring operations that no event tells of, for a cgroup (0: those that are gone, together) and an opcode.
    package struct BlindOperations: Sendable {
        package let cgroup: UInt64
        package let opcode: UInt32
        package let count: UInt64
    }

    package func readBlindOperations() throws(KernelError) -> [BlindOperations] {
        if let ending { return ending.operations }
        var node = foldedOperations
        var operations: [BlindOperations] = []
        totals.operations = try operationTotals()
        for (key, total) in totals.operations {
            let count = total &- min(total, told?.told(key) ?? 0)
            if key.cgroup == 0 {
                node[key.opcode, default: 0] &+= count
            } else {
                operations.append(BlindOperations(cgroup: key.cgroup, opcode: key.opcode, count: count))
            }
        }
        return operations + node.map { BlindOperations(cgroup: 0, opcode: $0.key, count: $0.value) }
    }

    private func operationTotals() throws(KernelError) -> [ToldTotals.Operation: UInt64] {
        guard object.optionalMap("uring_opcodes") != nil else { return [:] }
        var totals: [ToldTotals.Operation: UInt64] = [:]
        try forEach(in: "uring_opcodes") { (key: sensor_uring_key, count: UInt64) in
            totals[ToldTotals.Operation(cgroup: key.cgroup, opcode: key.opcode)] = count
        }
        return totals
    }

    /// What was read of losses last is told by this session: whoever takes over is to tell only what comes after it.
    package func keepLosses() {
        if ending == nil { told?.keep(totals) }
    }

    /// Makes room for the losses of others: those of cgroups that are gone count for the node from now on.
    func foldLosses(of cgroups: Set<UInt64>) {
        losses.fold(cgroups)
        for (key, count) in take(from: "losses", where: { (key: sensor_loss_key) in cgroups.contains(key.cgroup) }) {
            let row = LossLedger.Key(cgroup: key.cgroup, hook: key.hook, reason: key.reason, kind: key.kind)
            let new = count &- min(count, told?.told(row) ?? 0)
            told?.forget(row)
            losses.add(LossLedger.Key(cgroup: 0, hook: key.hook, reason: key.reason, kind: key.kind), count: new)
        }
        for (key, count) in take(
            from: "uring_opcodes", where: { (key: sensor_uring_key) in cgroups.contains(key.cgroup) })
        {
            let row = ToldTotals.Operation(cgroup: key.cgroup, opcode: key.opcode)
            foldedOperations[key.opcode, default: 0] &+= count &- min(count, told?.told(row) ?? 0)
            told?.forget(row)
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

    private func forEach<Key: BitwiseCopyable, Value: BitwiseCopyable>(
        in name: String, _ body: (Key, Value) -> Void
    ) throws(KernelError) {
        let map = try object.map(name)
        MapElement.forEach(in: map, entries: object.entries(of: name), body)
    }
}
