// SPDX-License-Identifier: Apache-2.0

package import CSensorBPF
internal import Glibc

/// The kernel side, from loading to the last record: everything that touches a map, a ring or a program.
///
/// For one thread: whoever made it. Only `waker` may be used by others. Letting it go takes every program and map
/// out of the kernel, but for what is pinned (`KernelSettings.pinDirectory`).
package final class KernelSession {
    /// Why `wait` returned.
    package enum Wakeup: Sendable {
        /// There may be records.
        case records
        /// The time is up.
        case deadline
        /// Somebody used the waker.
        case interrupted
    }

    package let settings: KernelSettings
    package let cgroups: CgroupHierarchy
    package let waker: Waker
    /// What the daemon itself lost: records that it could not read, and what the rooms above add.
    package var losses: LossLedger
    /// io_uring operations that no event tells of, in cgroups that are gone, by opcode.
    var foldedOperations: [UInt32: UInt64] = [:]

    /// What was found of an earlier run; nil: nothing, or nothing is pinned.
    package let takeOver: TakeOver?

    var object: BPFObject
    let control: ControlBlock
    var rings: MergedRings
    private let poll: RingPoll
    var counts: CountReader
    /// How the last reading of them went.
    private(set) var latestCounts = CountSummary()
    let pins: PinDirectory?
    /// Where programs outlive this session: what is told of losses.
    let told: ToldTotals?
    /// What was lost in all, once this session has left the programs to another one.
    var ending: (losses: LossLedger, operations: [BlindOperations])?
    /// The kernel's totals of losses as they were read last.
    var totals = LossTotals()
    /// How often each hook's program could not run, and no other could for it.
    var leftOut: [UInt8: UInt64] = [:]
    private let plan: LoadPlan
    /// What the maps of unwatched and of unstreamed cgroups hold.
    var unwatched: Set<UInt64> = []
    var unstreamed: Set<UInt64> = []
    /// What the map of cgroups of which less is told holds.
    var reduced: Set<UInt64> = []
    /// How the next wait goes, as the last pass ended.
    private var pace = Pace.asleep

    private enum Pace {
        /// Nothing came: sleep until the next record wakes us.
        case asleep
        /// Something came: let records gather for a batch time.
        case batching
        /// The pass ended at its limit: there is more.
        case hurrying
    }

    /// Loads the programs that this kernel accepts; attaches none of them.
    ///
    /// Scopes and kinds can be set before `attach`, so that nothing that is asked for is missed.
    /// - Parameter loaded: by the same settings, but for pins: they are taken where nothing that is pinned goes on.
    /// - Throws: `notPermitted` without the capabilities, or in another pid namespace than the host's.
    package init(settings: KernelSettings = KernelSettings(), loaded: LoadedPrograms? = nil) throws(KernelError) {
        let plan = try LoadPlan(settings)
        let cgroups = CgroupHierarchy.current()
        let pins = settings.pinDirectory.map { PinDirectory(path: $0) }
        var takeOver: TakeOver?
        var found: BPFObject?
        var ready = loaded?.take(plan)
        if let pins {
            try pins.make()
            found = try Self.find(pins, settings, plan, &takeOver)
        }
        let object: BPFObject
        var told: ToldTotals?
        var isTaken = false
        if let pins, let known = found.take() {
            isTaken = true
            object = known
            told = ToldTotals(pins)
        } else {
            if let known = ready.take() { object = known } else { object = try plan.load() }
            if pins != nil { told = try ToldTotals(entries: settings.lossEntries) }
        }
        self.takeOver = takeOver
        self.pins = pins
        self.told = told
        self.plan = plan
        let lifecycle = try object.map("lifecycle")
        let activity = try object.map("activity")
        let waker = try Waker()
        self.control = try ControlBlock(descriptor: object.map("control"))
        self.rings = try MergedRings(
            lifecycle: RingBuffer(descriptor: lifecycle, byteCount: settings.lifecycleRingBytes),
            activity: RingBuffer(descriptor: activity, byteCount: settings.activityRingBytes))
        self.poll = try RingPoll(rings: [lifecycle, activity], waker: waker)
        self.counts = try CountReader(
            memory: object.map("memory"), failures: object.map("failures"), released: object.map("released"),
            idleTicks: settings.idleTicks)
        self.losses = LossLedger(capacity: Int(settings.lossEntries))
        self.object = object
        self.settings = settings
        self.cgroups = cgroups
        self.waker = waker
        control.setSelf(UInt32(getpid()))
        control.setStream(Stream.none.rawValue, kinds: .max)
        control.setEnabledKinds(.max)
        control.setScopeOnly(settings.scopeOnly)
        if isTaken { try beginAnew() }
    }

    /// Which of the embedded objects was loaded.
    package var image: ObjectImage { object.image }

    /// What became of each program.
    package var programs: [ProgramStatus] { object.programs }

    // MARK: Start and end

    /// Attaches every program that was loaded. One that cannot be attached does not stop the others: see `programs`. What another
    /// version has pinned is taken out then, so that there are always programs on the hooks.
    ///
    /// - Throws: if not one could be attached.
    package func attach() throws(KernelError) {
        look()
        var root: Int32?
        if let path = cgroups.unified {
            let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            if descriptor >= 0 { root = descriptor }
        }
        defer { if let root { close(root) } }
        object.attach(cgroup: root)
        guard object.programs.contains(where: { $0.state == .attached }) else {
            throw KernelError(
                .unsupported, "no program could be attached", log: object.programs.compactMap(\.log).first)
        }
        try pin(plan)
    }

    /// Why `detach` could not unpin the programs, which are on their hooks still then; nil: it could.
    package private(set) var leftPinned: String?

    /// Takes all programs off their hooks and waits until none runs any more: what they wrote is in the rings then,
    /// for one more `drain`, and counts and losses are final.
    package func detach() {
        do throws(KernelError) { try pins?.clear() } catch { leftPinned = "\(error)" }
        object.detach()
        // Programs run within read-side sections that this waits for.
        _ = sensor_wait_for_programs()
    }

    /// Hands on a record for each process that runs, from the kernel's own list.
    ///
    /// Call it after `attach`: then none that starts meanwhile is missed, though it may come twice. Some kernels
    /// leave process 1 out (seen on 6.18): `/proc` has what is not here.
    /// - Throws: `unsupported` where there is no task iterator (before 5.8, or refused); `/proc` has to serve then.
    package func readRunningProcesses(_ handle: (RecordView) -> Void) throws(KernelError) {
        let descriptor = try object.iterator("iter_task")
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        var filled = 0
        while true {
            let count = buffer.withUnsafeMutableBytes { bytes in
                read(descriptor, bytes.baseAddress.map { $0 + filled }, bytes.count - filled)
            }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count >= 0 else { throw .systemCall("cannot read the task iterator") }
            if count == 0 { break }
            filled += count
            let used = handOnRecords(in: buffer.span.bytes.extracting(0..<filled), handle)
            buffer.replaceSubrange(0..<filled, with: Array(buffer[used..<filled]) + Array(repeating: 0, count: used))
            filled -= used
        }
        if filled > 0 { noteFault(.truncated, kind: 0, hook: UInt8(SENSOR_HOOK_ITER_TASK.rawValue), cgroup: 0) }
    }

    /// Records in a row, each as long as its header says. Returns the bytes they take, the last one's missing part not.
    private func handOnRecords(in bytes: RawSpan, _ handle: (RecordView) -> Void) -> Int {
        var offset = 0
        while bytes.byteCount - offset >= MemoryLayout<sensor_header>.size {
            let size = Int(bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
            // No record is that short or long: there is no telling where the next one starts.
            guard size >= MemoryLayout<sensor_header>.size, size <= Int(SENSOR_RECORD_MAX) else {
                noteFault(.sizeMismatch, kind: 0, hook: UInt8(SENSOR_HOOK_ITER_TASK.rawValue), cgroup: 0)
                return bytes.byteCount
            }
            guard bytes.byteCount - offset >= size else { break }
            handOn(bytes.extracting(offset..<offset + size), handle)
            offset += size
        }
        return offset
    }

    // MARK: Records

    /// There was more in the rings than the last drain takes.
    package var isBehind: Bool { pace == .hurrying }

    /// Waits until there may be records, somebody uses the waker, or the boot clock reaches `deadline` (ns).
    ///
    /// While records keep coming, that is until the next batch is due, or the rings have filled by `wakeBytes`.
    /// Otherwise the next record wakes it; should the wake-up get lost, it looks by itself `idleMilliseconds` later.
    package func wait(until deadline: UInt64) -> Wakeup {
        if pace != .asleep {
            let batch = pace == .hurrying ? 0 : settings.batchMilliseconds
            switch poll.wait(milliseconds: min(batch, Self.milliseconds(until: deadline))) {
            case .waker: return .interrupted
            case .ring, .timeout: return Self.bootTime() >= deadline ? .deadline : .records
            }
        }
        defer { control.setIdle(false) }
        while true {
            look()
            // First the flag, then the look: a record that was written without seeing the flag is seen here.
            control.setIdle(true)
            if !rings.isEmpty() { return .records }
            let left = Self.milliseconds(until: deadline)
            if left == 0 { return .deadline }
            switch poll.wait(milliseconds: min(settings.idleMilliseconds, left)) {
            case .waker: return .interrupted
            case .ring: return .records
            case .timeout: continue
            }
        }
    }

    /// Hands on what is in the rings, in the order of time, `settings.batchLimit` records at most. Returns how many.
    ///
    /// A record's bytes are valid during the call only. What is no record is counted in `losses` and passed over.
    /// `handle` must not call this session, but for `losses` and `forget(_:)`.
    @discardableResult
    package func drain(_ handle: (RecordView) -> Void) -> Int {
        // The rings are another's by now.
        if ending != nil { return 0 }
        look()
        let pass = rings.drain(limit: settings.batchLimit) { handOn($0, handle) }
        // Each pass has made room: the budgets of all cgroups begin again, emptied or not.
        control.countDrain()
        // A record that was still being written is looked for in the next batch, not in a loop without a pause.
        pace =
            switch pass.outcome {
            case .limited: .hurrying
            case .busy: .batching
            case .emptied: pass.count > 0 ? .batching : .asleep
            }
        return pass.count
    }

    /// Hands on all that was in the rings when this was called, and what comes with it in the order of time; else as
    /// `drain`.
    package func drainPresent(_ handle: (RecordView) -> Void) {
        if ending != nil { return }
        rings.drainPresent { handOn($0, handle) }
        control.countDrain()
    }

    func handOn(_ bytes: RawSpan, _ handle: (RecordView) -> Void) {
        do {
            handle(try RecordView(bytes))
        } catch {
            guard bytes.byteCount >= MemoryLayout<sensor_header>.size else {
                return noteFault(error, kind: 0, hook: UInt8(SENSOR_HOOK_DAEMON.rawValue), cgroup: 0)
            }
            let key = bytes.unsafeLoadUnaligned(as: sensor_header.self).key
            noteFault(error, kind: key.kind, hook: key.hook, cgroup: key.cgroup)
        }
    }

    private func noteFault(_ fault: RecordFault, kind: UInt8, hook: UInt8, cgroup: UInt64) {
        losses.add(LossLedger.Key(cgroup: cgroup, hook: hook, reason: fault.lossReason.rawValue, kind: kind))
    }

    // MARK: Counts

    /// Hands on what each entry of the memory has counted since the last call. This is a tick.
    ///
    /// An entry is made after its first record has been written; what is in the rings by then goes to `records`, as
    /// with `drain`, so that no count comes before the record that tells what it counts.
    ///
    /// With `idleTicks`, entries that have not counted for as many ticks are deleted. A program that found such an
    /// entry right before it was deleted adds to memory that nobody reads any more: that is the one way in which a
    /// count can go missing, at most the number of programs running at that moment, for each deletion.
    @discardableResult
    package func readCounts(
        records: (RecordView) -> Void, _ handle: (CountChange) -> Void
    ) throws(KernelError) -> CountSummary {
        if ending != nil { return CountSummary() }
        latestCounts = try counts.read(beforeNew: { rings.drainPresent { handOn($0, records) } }, handle)
        return latestCounts
    }

    /// Forgets entries of the memory: the next event of each is a first sight again. Not while counts are read.
    ///
    /// - Returns: for each key, in their order, what was counted since the last reading: with it no count is lost, but
    ///   as `readCounts` says of deletions.
    package func forget(_ keys: [sensor_key]) -> [CountChange] { ending == nil ? counts.forget(keys) : [] }

    /// Forgets cgroups that are gone: their entries in the memory, their accounts and scopes. What was lost in them and
    /// done out of sight counts for the node from now on (cgroup 0).
    ///
    /// Read the counts first; what was counted since is lost.
    package func forget(cgroups: Set<UInt64>) {
        if ending != nil { return }
        for cgroup in cgroups {
            _ = setWatched(true, cgroup: cgroup)
            _ = setStreamed(true, cgroup: cgroup)
            _ = setDetail(.whole, cgroup: cgroup)
        }
        forgetActivity(of: cgroups)
        delete(cgroups, from: "scope_cgroups")
        foldLosses(of: cgroups)
    }

    /// Forgets what happened in cgroups that are not watched any more: were they watched again, all would be new.
    ///
    /// Read the counts first; what was counted since is lost.
    package func forgetActivity(of cgroups: Set<UInt64>) {
        if ending != nil { return }
        counts.forget(cgroups: cgroups)
        delete(cgroups, from: "workloads")
        delete(cgroups, from: "released")
    }

    private func delete(_ cgroups: Set<UInt64>, from name: String) {
        guard let map = object.optionalMap(name) else { return }
        for cgroup in cgroups {
            var id = cgroup
            _ = bpf_map_delete_elem(map, &id)
        }
    }

    // MARK: Time

    /// The boot clock, ns: the clock of records.
    package static func bootTime() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_BOOTTIME, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// Rounded up, so that a wait does not end before the deadline only to begin again.
    private static func milliseconds(until deadline: UInt64) -> Int32 {
        let now = bootTime()
        guard deadline > now else { return 0 }
        return Int32(clamping: (deadline - now - 1) / 1_000_000 + 1)
    }
}
