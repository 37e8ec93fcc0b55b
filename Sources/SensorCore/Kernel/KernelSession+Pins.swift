// SPDX-License-Identifier: Apache-2.0

package import CSensorBPF
internal import Glibc

/// Programs that outlive the daemon: taking them over from the one before, and leaving them to the next one.
///
/// Of what the kernel holds, the next one
/// - takes over the programs on their hooks with their seed, the rings, the tables of sockets and of io_uring's requests,
///   and the ledger of losses, of which it tells what nobody has told;
/// - reads and empties the memory: who has left has done so itself, and what has come since was told in the rings. Of one
///   that was killed nobody knows what it had counted and told: only what the rings tell of is counted then;
/// - begins anew with accounts and sets of system calls, what is not watched, scopes and streams, and tool calls, since those
///   who announced them must connect again.
extension KernelSession {
    /// What is pinned, if it is what would be loaded. Else it is taken out as soon as there is something in its place.
    static func find(
        _ pins: PinDirectory, _ settings: KernelSettings, _ plan: LoadPlan, _ takeOver: inout TakeOver?
    ) throws(KernelError) -> BPFObject? {
        func replaced(since: UInt64?, _ why: String) -> BPFObject? {
            takeOver = .replaced(since: since, why: why)
            return nil
        }
        if pins.isEmpty { return nil }
        guard let manifest = pins.readManifest(), let found = PinnedObject(pins, manifest) else {
            return replaced(since: lastLook(pins)?.at, "what was pinned was not whole, or another version's")
        }
        guard plan.wouldLoad(manifest) else {
            return replaced(since: lastLook(pins)?.at, "what was pinned was of other programs or sizes")
        }
        let object = BPFObject(found)
        let control = try ControlBlock(descriptor: object.map("control"))
        let since = control.lookedAt
        let now = bootTime()
        // From here on nothing goes quiet any more; what has until then has missed something.
        control.look(at: since, deadline: now &+ settings.pinPatience)
        _ = sensor_wait_for_programs()
        guard !control.isQuiet else {
            return replaced(since: since, "nobody has read what it told for too long (--pin-patience)")
        }
        takeOver = .taken(since: since, isLeft: control.isLeft)
        return object
    }

    /// When somebody last looked at the rings, and until when they are to again, boot clock, ns; nil: what says so is not there,
    /// or not laid out as this version knows it.
    static func lastLook(_ pins: PinDirectory) -> (at: UInt64, deadline: UInt64)? {
        guard let map = pins.descriptor(of: "control", in: .maps) else { return nil }
        defer { close(map) }
        var information = bpf_map_info()
        var length = UInt32(MemoryLayout<bpf_map_info>.size)
        guard bpf_obj_get_info_by_fd(map, &information, &length) == 0,
            information.type == BPF_MAP_TYPE_ARRAY.rawValue,
            information.value_size == UInt32(MemoryLayout<sensor_control>.size),
            let control = try? ControlBlock(descriptor: map)
        else { return nil }
        let (look, deadline) = (control.lookedAt, control.deadline)
        // Of the same size, and other times in that place: two that are in their order, and as far apart as they may be, are these.
        guard look > 0, look <= bootTime(), deadline >= look, deadline - look <= KernelSettings.longestPatience else {
            return nil
        }
        return (look, deadline)
    }

    /// What the run before has set for itself ends.
    func beginAnew() throws(KernelError) {
        control.setLeft(false)
        control.setForgetting(false)
        control.setHasUnwatched(false)
        control.setHasUnstreamed(false)
        control.setHasReduced(false)
        try forgetCalls()
        MapElement.removeAll(from: try object.map("scope_processes"), UInt32.self)
        for name in ["scope_cgroups", "unwatched", "unstreamed"] {
            MapElement.removeAll(from: try object.map(name), UInt64.self)
        }
        if let reduced = object.optionalMap("reduced") { MapElement.removeAll(from: reduced, UInt64.self) }
    }

    /// Has what was just attached outlive this process, in the place of what was there.
    func pin(_ plan: LoadPlan) throws(KernelError) {
        guard let pins, let told else { return }
        if case .taken = takeOver { return }
        try pins.clear()
        do throws(KernelError) {
            try object.pin(
                in: pins, digest: plan.digest(of: image),
                further: [
                    ToldTotals.lossMapName: told.lossMap, ToldTotals.operationMapName: told.operationMap,
                ])
        } catch {
            try? pins.clear()
            throw error
        }
    }

    /// Somebody is there.
    func look() {
        if pins == nil { return }
        let now = Self.bootTime()
        control.look(at: now, deadline: now &+ settings.pinPatience)
        if control.isQuiet { endQuiet() }
    }

    /// Stopped, and going on by now: what was done meanwhile is in no count, and processes and cgroups may have come and gone.
    private func endQuiet() {
        // Whoever has still seen the deadline pass has said so by then.
        _ = sensor_wait_for_programs()
        control.endQuiet()
        for kind in [0, UInt8(SENSOR_PROCESS_FORK.rawValue), UInt8(SENSOR_CGROUP_CREATED.rawValue)] {
            losses.add(
                LossLedger.Key(
                    cgroup: 0, hook: UInt8(SENSOR_HOOK_DAEMON.rawValue), reason: LossReason.quiet.rawValue,
                    kind: kind))
        }
    }

    /// Hands on what has gathered while nobody was there, and what has been counted of it. Once, after `attach` and before
    /// anything is drained.
    ///
    /// - Parameters:
    ///   - isKnown: whether the record was handed on that tells what a key stands for. Of others it is not known what was
    ///     told, if the run before was killed: their counts are dropped.
    package func takeGathered(
        records: (RecordView) -> Void, isKnown: (sensor_key) -> Bool, _ handle: (CountChange) -> Void
    ) throws(KernelError) {
        guard case .taken(_, let isLeft) = takeOver else { return }
        defer { control.setForgetting(false) }
        try takeMemory(records) { change in
            if isLeft || isKnown(change.key) { handle(change) }
        }
        // Each workload's first calls are told anew, as after any start.
        for name in ["workloads", "released"] { MapElement.removeAll(from: try object.map(name), UInt64.self) }
        if let recent = object.optionalMap("recent_workload") { Self.clear(recent) }
        control.countDrain()
    }

    /// Takes what was told and remembered until now, and leaves programs and all that comes to whoever is next. Nothing can be
    /// read any more after this, and `readLosses` says what they were at this moment.
    package func leave(
        records: (RecordView) -> Void, _ handle: (CountChange) -> Void
    ) throws(KernelError) {
        defer {
            control.setForgetting(false)
            control.setIdle(false)
        }
        try takeMemory(records, handle)
        rings.drainPresent { handOn($0, records) }
        let last = (losses: try readLosses(), operations: try readBlindOperations())
        keepLosses()
        look()
        control.setLeft(true)
        ending = last
    }

    /// Empties the memory, exactly: the programs tell each event meanwhile, and none counts.
    private func takeMemory(
        _ records: (RecordView) -> Void, _ handle: (CountChange) -> Void
    ) throws(KernelError) {
        control.setForgetting(true)
        _ = sensor_wait_for_programs()
        rings.drainPresent { handOn($0, records) }
        try counts.takeAll(beforeNew: {}, handle)
    }

    /// Sets the one element of a map that each processor has its own of to zero.
    private static func clear(_ map: Int32) {
        let processors = libbpf_num_possible_cpus()
        var information = bpf_map_info()
        var length = UInt32(MemoryLayout<bpf_map_info>.size)
        guard processors > 0, bpf_obj_get_info_by_fd(map, &information, &length) == 0 else { return }
        var key: UInt32 = 0
        let zeros = [UInt8](repeating: 0, count: Int(processors) * ((Int(information.value_size) + 7) & ~7))
        _ = bpf_map_update_elem(map, &key, zeros, UInt64(BPF_ANY))
    }
}
