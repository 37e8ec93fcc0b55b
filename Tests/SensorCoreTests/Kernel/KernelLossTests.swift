// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

/// Whatever is generated is delivered or counted, exactly, also when there is far too much of it.
@Suite(.tags(.kernel), .needsKernel, .serialized) struct KernelLossTests {
    static let opens = 5000

    private struct Balance {
        var delivered: UInt64 = 0
        var counted: UInt64 = 0
        /// Delivered for a tail only, and counted beside it.
        var copies: UInt64 = 0
        var lostCopies: UInt64 = 0
        var lost: UInt64 = 0
        var reasons: Set<UInt8> = []
    }

    /// Opens `opens` different files in a cgroup of its own, with nobody reading the rings meanwhile.
    private func overflow(
        _ settings: KernelSettings, _ name: String, streaming: Bool = false, rounds: Int = 1
    ) throws -> Balance {
        let cgroup = try TestCgroup(name)
        let directory = "/tmp/sensord-loss-\(name)-\(getpid())"
        try Child.shell("mkdir '\(directory)'; cd '\(directory)'; seq \(Self.opens) | xargs touch")
        defer { _ = try? Child.shell("rm -r '\(directory)'") }

        let session = try KernelSession(settings: settings)
        if streaming { session.setStream(.all) }
        try session.attach()
        // Only what the shell does by itself, once it is in the cgroup: no program, no pattern.
        try Child.shell(
            """
            cd '\(directory)'; \(cgroup.enter)
            r=0; while [ $r -lt \(rounds) ]; do r=$((r+1))
            i=0; while [ $i -lt \(Self.opens) ]; do i=$((i+1)); : <$i; done; done
            """)
        session.detach()

        var balance = Balance()
        let kind = UInt8(SENSOR_FILE_OPEN.rawValue)
        while session.drain({ record in
            guard record.kind == kind, record.header.key.cgroup == cgroup.identifier else { return }
            balance.delivered += 1
            if record.header.flags & UInt16(SENSOR_FIRST_SEEN) == 0 { balance.copies += 1 }
        }) > 0 {}
        try session.readCounts(records: { _ in }) { change in
            guard change.key.kind == kind, change.key.cgroup == cgroup.identifier else { return }
            balance.counted += change.difference.count
        }
        for (key, count) in try session.readLosses().counts
        where key.kind == kind && key.cgroup == cgroup.identifier {
            if key.reason == LossReason.stream.rawValue { balance.lostCopies += count }
            guard key.isLost else { continue }
            balance.lost += count
            balance.reasons.insert(key.reason)
        }
        return balance
    }

    @Test func `a ring that overflows loses what it counts as lost, and nothing else`() throws {
        var settings = KernelSettings()
        settings.activityRingBytes = 64 << 10
        settings.ringBudget = .max
        let balance = try overflow(settings, "full")
        #expect(balance.delivered + balance.counted + balance.lost == UInt64(Self.opens))
        // How much of it gets in is up to what else runs on this machine.
        #expect(balance.reasons == [LossReason.ringFull.rawValue])
    }

    @Test func `a cgroup's budget throttles it before the ring is full, and what that costs is counted`() throws {
        var settings = KernelSettings()
        settings.activityRingBytes = 256 << 10
        settings.ringBudget = 16 << 10
        let balance = try overflow(settings, "budget")
        #expect(balance.delivered + balance.counted + balance.lost == UInt64(Self.opens))
        #expect(balance.reasons == [LossReason.ringBudget.rawValue])
    }

    @Test func `a memory that is full sends every event instead of falling silent`() throws {
        var settings = KernelSettings()
        settings.activityRingBytes = 16 << 20
        settings.memoryEntries = 256
        settings.ringBudget = .max
        let balance = try overflow(settings, "memory")
        #expect(balance.delivered == UInt64(Self.opens))
        #expect(balance.lost == 0)
    }

    @Test func `while everything is streamed, an overflow is counted as well`() throws {
        var settings = KernelSettings()
        settings.activityRingBytes = 64 << 10
        let balance = try overflow(settings, "stream", streaming: true)
        #expect(balance.delivered + balance.lost == UInt64(Self.opens))
        #expect(balance.lost > 0)
    }

    @Test func `what a tail loses of repeats is the tail's loss, not the workload's`() throws {
        var settings = KernelSettings()
        settings.activityRingBytes = 256 << 10
        let balance = try overflow(settings, "copies", streaming: true, rounds: 3)
        #expect(balance.delivered - balance.copies + balance.counted + balance.lost == UInt64(3 * Self.opens))
        #expect(balance.copies + balance.lostCopies == balance.counted)
        #expect(balance.lostCopies > 0)
    }
}
