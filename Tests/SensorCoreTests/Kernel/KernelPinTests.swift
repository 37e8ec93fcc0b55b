// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

/// Programs that outlive who has loaded them, and what becomes of what they tell.
@Suite(
    .tags(.kernel), .needsKernel, .serialized,
    .enabled(if: TestBPFFileSystem.isPossible, "no BPF file system can be mounted here"))
struct KernelPinTests {
    private static let opens = 300
    private static let kind = UInt8(SENSOR_FILE_OPEN.rawValue)

    private let files: TestBPFFileSystem
    private let directory: TestDirectory
    private let cgroup: TestCgroup

    init() throws {
        files = try TestBPFFileSystem()
        directory = try TestDirectory()
        cgroup = try TestCgroup("pins")
        try Child.shell("cd '\(directory.path)'; seq \(Self.opens) | xargs touch")
    }

    private var settings: KernelSettings {
        var settings = KernelSettings()
        settings.pinDirectory = files.pins
        return settings
    }

    /// What became of opens in the test's cgroup.
    private struct Balance {
        var delivered: UInt64 = 0
        var counted: UInt64 = 0
        var lost: UInt64 = 0
        /// What the records that were delivered tell of.
        var known: Set<[UInt64]> = []

        var all: UInt64 { delivered + counted + lost }

        static func words(_ key: sensor_key) -> [UInt64] {
            [key.executable, key.object, UInt64(key.kind), UInt64(key.error), UInt64(key.calls)]
        }
    }

    private func isOurs(_ key: sensor_key) -> Bool { key.kind == Self.kind && key.cgroup == cgroup.identifier }

    private func note(_ record: borrowing RecordView, _ balance: inout Balance) {
        guard isOurs(record.header.key) else { return }
        balance.delivered += 1
        balance.known.insert(Balance.words(record.header.key))
    }

    private func noteLosses(_ session: KernelSession, _ balance: inout Balance) throws {
        for (key, count) in try session.readLosses().counts
        where key.kind == Self.kind && key.cgroup == cgroup.identifier && key.isLost {
            balance.lost += count
        }
    }

    /// Opens `opens` files, each twice; the shell does it by itself.
    private func act() throws {
        try Child.shell(
            """
            cd '\(directory.path)'; \(cgroup.enter)
            for r in 1 2; do i=0; while [ $i -lt \(Self.opens) ]; do i=$((i+1)); : <$i; done; done
            """)
    }

    private func take(_ session: KernelSession, _ balance: inout Balance) throws {
        var taken = balance
        try session.takeGathered(
            records: { note($0, &taken) }, isKnown: { taken.known.contains(Balance.words($0)) },
            { if isOurs($0.key) { taken.counted += $0.difference.count } })
        balance = taken
    }

    /// Takes the programs out and reads what is left.
    private func end(_ session: KernelSession, _ balance: inout Balance) throws {
        session.detach()
        while session.drain({ note($0, &balance) }) > 0 {}
        try session.readCounts(records: { note($0, &balance) }) {
            if isOurs($0.key) { balance.counted += $0.difference.count }
        }
        try noteLosses(session, &balance)
    }

    @Test(arguments: [2 << 20, 32 << 10])
    func `what is done before, between and after two sessions is told, counted or lost, and each once`(ring: Int) throws
    {
        var settings = settings
        settings.activityRingBytes = ring
        settings.ringBudget = .max
        var balance = Balance()
        do {
            let first = try KernelSession(settings: settings)
            #expect(first.takeOver == nil)
            try first.attach()
            try act()
            var left = balance
            try first.leave(
                records: { note($0, &left) }, { if isOurs($0.key) { left.counted += $0.difference.count } })
            balance = left
            try noteLosses(first, &balance)
            #expect(first.drain { _ in } == 0)
        }
        #expect(balance.all == UInt64(2 * Self.opens))
        try act()
        let second = try KernelSession(settings: settings)
        guard case .taken(let since, isLeft: true) = second.takeOver else {
            Issue.record("not taken over")
            return
        }
        #expect(since > 0 && since < KernelSession.bootTime())
        try second.attach()
        try take(second, &balance)
        try act()
        try end(second, &balance)
        #expect(balance.all == UInt64(6 * Self.opens))
        #expect((balance.lost > 0) == (ring < 1 << 20))
        #expect(try files.contents.isEmpty)
    }

    @Test func `of a session that was killed, what it had read is forgotten, and what comes after is whole`() throws {
        var before = Balance()
        do {
            let first = try KernelSession(settings: settings)
            try first.attach()
            try act()
            first.drain { note($0, &before) }
        }
        #expect(before.delivered == UInt64(Self.opens))
        let second = try KernelSession(settings: settings)
        guard case .taken(_, isLeft: false) = second.takeOver else {
            Issue.record("not taken over")
            return
        }
        try second.attach()
        // The same files again: they count what nobody knows any more.
        try act()
        var gathered = Balance()
        try take(second, &gathered)
        #expect(gathered.all == 0)
        var after = Balance()
        try act()
        try end(second, &after)
        #expect(after.delivered == UInt64(Self.opens))
        #expect(after.counted == UInt64(Self.opens))
    }

    @Test func `programs of other sizes are taken out, and a session of its own begins`() throws {
        let before = KernelSession.bootTime()
        do {
            let first = try KernelSession(settings: settings)
            try first.attach()
        }
        let after = KernelSession.bootTime()
        #expect(try !files.contents.isEmpty)
        var other = settings
        other.memoryEntries *= 2
        let second = try KernelSession(settings: other)
        guard case .replaced(let since?, _) = second.takeOver else {
            Issue.record("not replaced, or it is not known since when nobody read")
            return
        }
        #expect(since >= before && since <= after)
        try second.attach()
        try act()
        var balance = Balance()
        try end(second, &balance)
        #expect(balance.all == UInt64(2 * Self.opens))
    }

    @Test func `what is not whole is taken out`() throws {
        do {
            let first = try KernelSession(settings: settings)
            try first.attach()
        }
        #expect(unlink(files.pins + "/v1/manifest") == 0)
        let second = try KernelSession(settings: settings)
        guard case .replaced = second.takeOver else {
            Issue.record("not replaced")
            return
        }
        try second.attach()
        second.detach()
        #expect(try files.contents.isEmpty)
    }

    private func isQuiet() throws -> Bool {
        let map = bpf_obj_get(files.pins + "/v1/maps/control")
        try #require(map >= 0)
        defer { close(map) }
        var key: UInt32 = 0
        var control = sensor_control()
        try #require(bpf_map_lookup_elem(map, &key, &control) == 0)
        return control.quiet != 0
    }

    @Test func `whoever was stopped for too long, and goes on, is told again, and that something is missing`() throws {
        var settings = settings
        settings.pinPatience = 500_000_000
        let session = try KernelSession(settings: settings)
        try session.attach()
        let deadline = KernelSession.bootTime() + settings.pinPatience
        while KernelSession.bootTime() <= deadline { usleep(1000) }
        try act()
        #expect(try isQuiet())
        var balance = Balance()
        session.drain { note($0, &balance) }
        #expect(balance.all < UInt64(2 * Self.opens))
        // Processes and cgroups of the time between are looked for, since so much is known to be missing.
        let losses = try session.readLosses()
        for kind in [SENSOR_PROCESS_FORK, SENSOR_CGROUP_CREATED] {
            #expect(losses.lost(of: [UInt8(kind.rawValue)]) == 1)
        }
        #expect(losses.counts.contains { $0.key.reason == LossReason.quiet.rawValue && $0.key.kind == 0 })
        // Whoever looks in time is told of all that is new, from then on.
        let file = directory.path + "/again"
        var isTold = false
        try eventually {
            try Child.shell("\(cgroup.enter); : >>'\(file)'")
            session.drain { record in
                if isOurs(record.header.key) { isTold = true }
            }
            return isTold
        }
        session.detach()
    }

    @Test func `programs that nobody listens to go quiet, and are not taken over`() throws {
        var settings = settings
        settings.pinPatience = 10_000_000
        var deadline: UInt64 = 0
        do {
            let first = try KernelSession(settings: settings)
            try first.attach()
            deadline = KernelSession.bootTime() + settings.pinPatience
        }
        while KernelSession.bootTime() <= deadline { usleep(1000) }
        // The first record after it, at the latest, is the last.
        try act()
        #expect(try isQuiet())
        // Not this process: it is over, as far as the programs know.
        let second = try KernelSession(settings: settings)
        guard case .replaced(let since?, _) = second.takeOver else {
            Issue.record("not replaced")
            return
        }
        #expect(since < deadline)
    }

    @Test func `what is not whole is replaced, and it is known since when nobody read it`() throws {
        let before = KernelSession.bootTime()
        do {
            let first = try KernelSession(settings: settings)
            try first.attach()
        }
        let after = KernelSession.bootTime()
        try #require(unlink(files.pins + "/v1/maps/" + ToldTotals.lossMapName) == 0)
        let second = try KernelSession(settings: settings)
        guard case .replaced(let since?, _) = second.takeOver else {
            Issue.record("not replaced, or it is not known since when")
            return
        }
        #expect(since >= before && since <= after)
        try second.attach()
        second.detach()
        #expect(second.leftPinned == nil)
    }

    @Test func `a control block of another layout says nothing`() throws {
        do {
            let first = try KernelSession(settings: settings)
            try first.attach()
        }
        let pins = PinDirectory(path: files.pins)
        // Another version's, as far as this one can tell.
        let other = try #require(pins.descriptor(of: "workloads", in: .maps))
        defer { close(other) }
        try #require(unlink(files.pins + "/v1/maps/control") == 0)
        try pins.pin(other, as: "control", in: .maps)
        var settings = settings
        settings.memoryEntries /= 2
        let second = try KernelSession(settings: settings)
        guard case .replaced(nil, _) = second.takeOver else {
            Issue.record("not replaced, or it is said since when")
            return
        }
    }

    @Test func `all of it is removed, but not under a daemon`() throws {
        #expect(try !PinnedState.remove(files.pins))
        do {
            let session = try KernelSession(settings: settings)
            try session.attach()
        }
        let lease = try PinLease(files.pins)
        #expect(lease.take())
        let other = try PinLease(files.pins)
        #expect(!other.take())
        #expect(throws: KernelError.self) { try PinnedState.remove(files.pins) }
        #expect(try !files.contents.isEmpty)
        withExtendedLifetime(lease) {}
    }

    @Test func `a lease is on the directory that is there when it is taken`() throws {
        let early = try PinLease(files.pins)
        #expect(try PinnedState.remove(files.pins))
        do {
            let other = try PinLease(files.pins)
            #expect(other.take() && !early.take())
            withExtendedLifetime(other) {}
        }
        #expect(early.take())
        let last = try PinLease(files.pins)
        #expect(!last.take())
    }

    @Test func `only what nobody may come back for is abandoned`() throws {
        #expect(try !PinnedState.remove(files.pins, onlyAbandoned: true))
        do {
            let session = try KernelSession(settings: settings)
            try session.attach()
        }
        #expect(try !PinnedState.remove(files.pins, onlyAbandoned: true))
        #expect(try !files.contents.isEmpty)

        var settings = settings
        settings.pinPatience = 1
        do {
            let session = try KernelSession(settings: settings)
            try session.attach()
            session.look()
        }
        do {
            let lease = try PinLease(files.pins)
            #expect(lease.take())
            #expect(try !PinnedState.remove(files.pins, onlyAbandoned: true))
            withExtendedLifetime(lease) {}
        }
        #expect(try !files.contents.isEmpty)
        #expect(try PinnedState.remove(files.pins, onlyAbandoned: true))
        #expect(access(files.pins, F_OK) != 0)
    }

    @Test func `nothing is left of what was removed`() throws {
        do {
            let session = try KernelSession(settings: settings)
            try session.attach()
        }
        #expect(try PinnedState.remove(files.pins))
        #expect(access(files.pins, F_OK) != 0)
        #expect(try !PinnedState.remove(files.pins))
    }

    @Test func `what belongs to another user is no place for pins`() throws {
        try #require(mkdir(files.pins, 0o700) == 0 && chown(files.pins, 4711, 4711) == 0)
        let error = #expect(throws: KernelError.self) { try PinLease(files.pins) }
        #expect(error?.code == .badSetting)
    }

    @Test func `pins have no place outside of a BPF file system`() throws {
        var settings = KernelSettings()
        settings.pinDirectory = directory.path + "/sensord"
        let error = #expect(throws: KernelError.self) { try KernelSession(settings: settings) }
        #expect(error?.code == .badSetting)
        #expect(access(directory.path + "/sensord", F_OK) != 0)
    }
}

@Suite struct PinManifestTests {
    @Test func `a manifest is read as it was written`() {
        let programs = [
            ProgramStatus(name: "sys_exit", section: "tp_btf/sys_exit", state: .attached, log: nil),
            ProgramStatus(name: "connect4", section: "cgroup/connect4", state: .refused(1), log: "not permitted"),
            ProgramStatus(name: "skb_ingress", section: "cgroup_skb/ingress", state: .detached(2), log: nil),
            ProgramStatus(name: "iter_task", section: "iter/task", state: .loaded, log: nil),
            ProgramStatus(name: "io_uring_submit_sqe", section: "tp_btf/io_uring_submit_sqe", state: .absent, log: nil),
        ]
        let manifest = PinManifest(image: .floor, digest: "00ff", programs: programs, maps: ["control", "memory"])
        #expect(PinManifest(manifest.text) == manifest)
    }

    @Test(arguments: [
        "", "sensord", "sensord other 00", "sensord direct 00\nsys_exit", "sensord direct 00\na b gone 0",
    ])
    func `what this version does not write is none`(text: String) {
        #expect(PinManifest(text) == nil)
    }

    @Test func `a digest is of the programs and of all that is fixed with them`() {
        var other = KernelSettings()
        other.entryBudget += 1
        let digests = [
            PinManifest.digest(.direct, KernelSettings(), subsystem: -1),
            PinManifest.digest(.floor, KernelSettings(), subsystem: -1),
            PinManifest.digest(.direct, KernelSettings(), subsystem: 2),
            PinManifest.digest(.direct, other, subsystem: -1),
        ]
        #expect(Set(digests).count == digests.count)
        #expect(PinManifest.digest(.direct, KernelSettings(), subsystem: -1) == digests[0])
    }
}
