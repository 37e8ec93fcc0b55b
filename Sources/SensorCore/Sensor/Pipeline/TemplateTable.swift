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
}

/// The first sights that the kernel's memory counts repeats of, bounded in number and bytes; the one not counted for
/// longest goes first.
struct TemplateTable: ~Copyable {
    struct Entry {
        var template: Template
        var cost: Int
    }

    private var table: RecencyTable<MemoryKey, Entry>
    private let byteLimit: Int
    private(set) var bytes = 0
    private(set) var evicted: UInt64 = 0
    private var latestProcess: ProcessDescription?

    var count: Int { table.count }

    init(capacity: Int, byteLimit: Int) {
        table = RecencyTable(capacity: capacity)
        self.byteLimit = byteLimit
    }

    mutating func insert(_ key: MemoryKey, _ template: consuming Template) {
        var cost = Self.entryCost + template.detail.heapCost
        // A process is shared by the first sights of one run; another run's pays for its own.
        if let process = template.process, process !== latestProcess {
            cost += Self.processCost
            latestProcess = process
        }
        bytes += cost
        if let gone = table.insert(key, Entry(template: template, cost: cost)) {
            bytes -= gone.value.cost
            if gone.key != key { evicted += 1 }
        }
        while bytes > byteLimit, table.count > 1, let gone = table.removeOldest() {
            bytes -= gone.value.cost
            evicted += 1
        }
    }

    mutating func use(_ key: MemoryKey) -> Template? { table.use(key)?.template }

    mutating func remove(_ key: MemoryKey) {
        if let gone = table.remove(key) { bytes -= gone.cost }
    }

    /// Bytes of an entry in the table and its index, and of a process description with its JSON: about.
    private static let entryCost = 256
    private static let processCost = 768
}

extension EventDetail {
    /// Bytes that it holds outside of itself, about.
    fileprivate var heapCost: Int {
        switch self {
        case .none, .exit: 0
        case .file(let file):
            48 + file.path.bytes.count + (file.newPath?.bytes.count ?? 0) + (file.argumentPath?.bytes.count ?? 0)
        case .network: 384
        case .syscall: 160
        case .identity: 320
        case .dns(let dns): 192 + 24 * dns.addresses.count
        }
    }
}
