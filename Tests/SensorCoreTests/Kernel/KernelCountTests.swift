// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

/// The in-kernel memory, from real opens to the counts that come out.
@Suite(.tags(.kernel), .needsKernel, .serialized) struct KernelCountTests {
    /// A shell that opens one file so many times, in one process.
    private func open(_ path: String, times: Int) throws {
        try Child.shell("i=0; while [ $i -lt \(times) ]; do : <'\(path)'; i=$((i+1)); done")
    }

    private struct Tally {
        var firstSights = 0
        var counted: UInt64 = 0
        var evicted = 0
        var keys: Set<UInt64> = []
    }

    /// Everything that is told of opens of the file with `inode` until now.
    private func collect(_ session: KernelSession, _ inode: UInt64, into tally: inout Tally) throws {
        let note = { (record: RecordView) in
            guard record.kind == UInt8(SENSOR_FILE_OPEN.rawValue), let file = record.file, file.inode == inode else {
                return
            }
            tally.firstSights += record.header.flags & UInt16(SENSOR_FIRST_SEEN) != 0 ? 1 : 0
            tally.keys.insert(record.header.key.object)
        }
        // Nothing is drained before: the counts themselves see to it that the record comes first.
        try session.readCounts(records: note) { change in
            guard change.key.kind == UInt8(SENSOR_FILE_OPEN.rawValue), tally.keys.contains(change.key.object) else {
                return
            }
            tally.counted += change.difference.count
            tally.evicted += change.isEvicted ? 1 : 0
        }
    }

    private func temporaryFile() throws -> (path: String, inode: UInt64) {
        var template = Array("/tmp/sensord-count-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        var status = stat()
        try #require(fstat(descriptor, &status) == 0)
        return (
            String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self), UInt64(status.st_ino)
        )
    }

    @Test func `repeated opens of a file are one first sight, and the rest is counted`() throws {
        let file = try temporaryFile()
        defer { unlink(file.path) }
        let session = try KernelSession()
        try session.attach()
        try open(file.path, times: 500)
        var tally = Tally()
        try collect(session, file.inode, into: &tally)
        #expect(tally.firstSights == 1)
        #expect(tally.counted == 499)

        try open(file.path, times: 100)
        try collect(session, file.inode, into: &tally)
        #expect(tally.firstSights == 1)
        #expect(tally.counted == 599)
    }

    /// Whether this kernel lets programs hold the processor, and call global functions meanwhile.
    private static let lets =
        KernelTypes.release.split(separator: ".").prefix(2).compactMap { Int($0) }
        .lexicographicallyPrecedes([6, 15]) == false

    @Test(.enabled(if: lets, "programs cannot hold the processor before 6.15"))
    func `programs that are there twice tell of each event once, and what both missed is counted`() throws {
        let file = try temporaryFile()
        defer { unlink(file.path) }
        var settings = KernelSettings()
        settings.images = [.held]
        let session = try KernelSession(settings: settings)
        try session.attach()
        let attached = session.programs.filter { $0.state == .attached }
        #expect(attached.count { $0.isAgain } >= 8)
        #expect(
            attached.filter(\.isAgain).allSatisfy { again in attached.contains { $0.name + "_again" == again.name } })
        // Several at a time, so that some wait for their turn.
        let loop = "i=0; while [ \\$i -lt 2000 ]; do : <\(file.path); i=\\$((i+1)); done"
        try Child.shell("seq 4 | xargs -P 4 -n 1 sh -c \"\(loop)\"")
        var tally = Tally()
        try collect(session, file.inode, into: &tally)
        let told = UInt64(tally.firstSights) + tally.counted
        let missed = try session.readLosses().counts.reduce(0) {
            $0 + ($1.key.reason == LossReason.recursion.rawValue ? $1.value : 0)
        }
        #expect(told <= 8000 && told + missed >= 8000, "\(told) told, \(missed) missed")
    }

    @Test func `what the kernel side takes up can be asked`() throws {
        let directory = try TestDirectory()
        try Child.shell("cd '\(directory.path)'; seq 300 | xargs touch")
        let statistics = bpf_enable_stats(BPF_STATS_RUN_TIME)
        try #require(statistics >= 0)
        defer { close(statistics) }
        let session = try KernelSession()
        try session.attach()
        let before = session.use()
        try Child.shell("cd '\(directory.path)'; seq 300 | xargs cat")
        let full = session.use()
        _ = try session.readCounts(records: { _ in }) { _ in }
        let use = session.use()
        func level(_ name: String, _ use: KernelUse) throws -> FillLevel {
            try #require((use.rings + use.maps).first { $0.name == name })
        }
        let memory = try level("memory", use)
        #expect(memory.used >= 300 && memory.size == Int(session.settings.memoryEntries), "\(memory)")
        let rings = try ["lifecycle", "activity"].map { try level($0, full) }
        #expect(rings.allSatisfy { $0.used > 0 && $0.used <= $0.size })
        #expect(rings.map(\.size) == [session.settings.lifecycleRingBytes, session.settings.activityRingBytes])
        #expect(use.maps.allSatisfy { $0.used >= 0 && $0.used <= $0.size })
        for name in ["failures", "workloads", "losses", "sockets", "call_threads", "reduced"] {
            #expect(try level(name, use).size > 0)
        }
        func runs(_ use: KernelUse) -> UInt64 { use.programs.first { $0.name == "sys_exit" }?.runs ?? 0 }
        #expect(runs(use) > runs(before) + 300)
    }

    @Test func `an entry that was idle is deleted, and the next open is a first sight again`() throws {
        let file = try temporaryFile()
        defer { unlink(file.path) }
        var settings = KernelSettings()
        settings.idleTicks = 1
        let session = try KernelSession(settings: settings)
        try session.attach()
        var tally = Tally()
        try open(file.path, times: 10)
        for _ in 0..<3 { try collect(session, file.inode, into: &tally) }
        #expect(tally.evicted == 1)
        try open(file.path, times: 10)
        try collect(session, file.inode, into: &tally)
        #expect(tally.firstSights == 2)
        #expect(tally.counted == 18)
    }

    @Test func `an entry that is to be forgotten tells its last count, and the next open is a first sight again`()
        throws
    {
        let file = try temporaryFile()
        defer { unlink(file.path) }
        let session = try KernelSession()
        try session.attach()
        try open(file.path, times: 10)
        var keys: [sensor_key] = []
        session.drain { record in
            guard record.kind == UInt8(SENSOR_FILE_OPEN.rawValue), record.file?.inode == file.inode else { return }
            keys.append(record.header.key)
        }
        try #require(keys.count == 1)
        var unknown = keys[0]
        unknown.object ^= 1
        let changes = session.forget([unknown, keys[0]])
        #expect(changes.map(\.difference.count) == [0, 9])
        #expect(changes.map(\.key.object) == [unknown.object, keys[0].object])
        try open(file.path, times: 10)
        var tally = Tally()
        try collect(session, file.inode, into: &tally)
        #expect(tally.firstSights == 1)
        #expect(tally.counted == 9)
    }

    @Test func `a record wakes a sleeping consumer at once`() throws {
        var settings = KernelSettings()
        settings.idleMilliseconds = 60_000
        let session = try KernelSession(settings: settings)
        try session.attach()
        let file = try temporaryFile()
        defer { unlink(file.path) }
        var isSeen = false
        var delays: [UInt64] = []
        let deadline = KernelSession.bootTime() + 50_000_000_000
        // Acts while this thread sleeps.
        let child = try Child(["/bin/sh", "-c", "sleep 0.3; : <'\(file.path)'; sleep 0.3"])
        while !isSeen, KernelSession.bootTime() < deadline {
            #expect(session.wait(until: deadline) == .records)
            session.drain { record in
                guard record.file?.inode == file.inode else { return }
                isSeen = true
                delays.append((KernelSession.bootTime() - record.header.time) / 1_000_000)
            }
        }
        child.wait()
        #expect(isSeen)
        // A batch time and what a loaded machine adds; without the wake-up it would be a minute.
        #expect(delays.allSatisfy { $0 < 10_000 })
    }
}
