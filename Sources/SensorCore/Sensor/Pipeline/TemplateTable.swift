// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// `sensor_key` as a key of our tables.
struct MemoryKey: TableKey {
    var cgroup: UInt64
    var executable: UInt64
    var object: UInt64
    /// Kind, hook, error and calls.
    var rest: UInt64

    init(_ key: sensor_key) {
        cgroup = key.cgroup
        executable = key.executable
        object = key.object
        rest = UInt64(key.kind) | UInt64(key.hook) << 8 | UInt64(key.error) << 16 | UInt64(key.calls) << 32
    }

    /// The set of tool calls that it was done for, and how whoever did it came by that (`SENSOR_CALLS_*`); 0: none.
    var calls: UInt32 { UInt32(truncatingIfNeeded: rest >> 32) }

    var kind: UInt8 { UInt8(truncatingIfNeeded: rest) }

    var kernelKey: sensor_key {
        var key = sensor_key()
        (key.cgroup, key.executable, key.object) = (cgroup, executable, object)
        key.kind = kind
        key.hook = UInt8(truncatingIfNeeded: rest >> 8)
        key.error = UInt16(truncatingIfNeeded: rest >> 16)
        key.calls = calls
        return key
    }

    func tableHash(seed: UInt64) -> UInt64 {
        mixed(mixed(object ^ rest, seed), mixed(executable ^ seed, cgroup))
    }
}

/// What a first sight was, for the counts that refer to it.
struct Template {
    var kind: EventKind
    var via: Via
    var errorNumber: Int32
    var process: ProcessDescription?
    var subject: EventSubject
    var detail: EventDetail
    /// That it was done for; of repeats, which may be others', it is looked for again.
    var toolCall: ToolCallReference?
    /// That did it.
    var threadID: UInt32 = 0
    /// It came of something done before.
    var isLate = false
    /// Boot clock: when what was counted until then had been told.
    var toldAt: UInt64 = 0
    /// Where it was noted.
    var facts = FactPlaces()
}

/// The first sights that the kernel's memory counts repeats of, bounded in number and bytes; the one not counted for
/// longest goes first, but of workloads that hold little of it.
///
/// The kernel is to forget what had to go, and until it has, that is kept aside: so nothing is counted that cannot be
/// told.
struct TemplateTable: ~Copyable {
    struct Entry {
        var template: Template
        var cost: Int
    }

    private var table: RecencyTable<MemoryKey, Entry>
    private let capacity: Int
    private let byteLimit: Int
    private(set) var bytes = 0
    private(set) var evicted: UInt64 = 0
    private var latestProcess: ProcessDescription?
    private var latestCall: ToolCallReference?
    /// Who held most when it was last looked; looked at only while something has to go.
    private var largest: Workload?
    private var leaving: RecencyTable<MemoryKey, Template>
    /// What the kernel is to forget, and does not know of yet.
    private var unforgotten: [MemoryKey] = []

    /// Of these. More only come together where nobody takes them, as in a replay.
    private static let leavingLimit = 65_536
    /// First sights of small workloads that are passed over before one of them has to go.
    private static let patience = 64

    var count: Int { table.count }

    init(capacity: Int, byteLimit: Int) {
        self.capacity = capacity
        self.byteLimit = byteLimit
        table = RecencyTable(capacity: capacity + 1)
        leaving = RecencyTable(capacity: Self.leavingLimit)
    }

    mutating func insert(_ key: MemoryKey, _ template: consuming Template) {
        var cost = Self.entryCost + template.detail.bytes
        // A process is shared by the first sights of one run; another run's pays for its own.
        if let process = template.process, process !== latestProcess {
            cost += process.bytes
            latestProcess = process
        }
        if let call = template.toolCall, call !== latestCall {
            cost += call.bytes
            latestCall = call
        }
        let workload = template.subject.workload
        bytes += cost
        workload.templateBytes += cost
        if let replaced = table.insert(key, Entry(template: template, cost: cost)) { account(replaced.value) }
        while bytes > byteLimit || table.count > capacity, table.count > 1 { evict(for: workload) }
    }

    mutating func use(_ key: MemoryKey) -> Template? { table.use(key) { $0.template } ?? leaving.peek(key) }

    /// What was counted until a time has been told.
    mutating func told(_ key: MemoryKey, at time: UInt64, _ facts: FactPlaces) {
        _ =
            table.modify(key) { ($0.template.toldAt, $0.template.facts) = (time, facts) }
            ?? leaving.modify(key) { ($0.toldAt, $0.facts) = (time, facts) }
    }

    /// It is known better now which call the first sight was done for.
    mutating func rejoin(_ key: MemoryKey, to call: ToolCallReference?) {
        _ = table.modify(key) { $0.template.toolCall = call } ?? leaving.modify(key) { $0.toolCall = call }
    }

    mutating func remove(_ key: MemoryKey) {
        if let gone = table.remove(key) { account(gone) }
        leaving.remove(key)
    }

    /// Of cgroups that are gone, and whose counts the kernel has forgotten. They keep alive who acted and for whom.
    mutating func remove(cgroups: Set<UInt64>) {
        var gone: [MemoryKey] = []
        table.forEachKey { if cgroups.contains($0.cgroup) { gone.append($0) } }
        leaving.forEachKey { if cgroups.contains($0.cgroup) { gone.append($0) } }
        for key in gone { remove(key) }
    }

    /// After a burst.
    mutating func giveBack() {
        table.giveBack()
        leaving.giveBack()
    }

    // MARK: What has to go

    /// The kernel counts what is not known here: it is to forget that.
    mutating func disown(_ key: MemoryKey) {
        if unforgotten.count < Self.leavingLimit { unforgotten.append(key) }
    }

    /// The same of all that was done for sets of tool calls.
    mutating func disown(sets: Set<UInt32>) {
        if sets.isEmpty { return }
        var gone: [MemoryKey] = []
        table.forEachKey { if sets.contains($0.calls & UInt32(SENSOR_CALLS_NUMBER)) { gone.append($0) } }
        for key in gone { disown(key) }
    }

    var hasUnforgotten: Bool { !unforgotten.isEmpty }

    /// What the kernel is to forget since the last call. Each is to be removed once it has.
    mutating func takeUnforgotten() -> [MemoryKey] {
        defer { unforgotten = [] }
        return unforgotten
    }

    private mutating func evict(for workload: Workload) {
        if workload.templateBytes > largest?.templateBytes ?? 0 { largest = workload }
        let most = largest?.templateBytes ?? 0
        for _ in 0..<Self.patience {
            guard let (key, oldest) = table.peekOldest() else { return }
            if 2 * oldest.template.subject.workload.templateBytes >= most { break }
            _ = table.use(key)
        }
        guard let gone = table.removeOldest() else { return }
        account(gone.value)
        evicted += 1
        leaving.insert(gone.key, gone.value.template)
        disown(gone.key)
    }

    private mutating func account(_ gone: Entry) {
        bytes -= gone.cost
        gone.template.subject.workload.templateBytes -= gone.cost
    }

    /// Bytes of an entry in the table and its index: about.
    private static let entryCost = 256
}
