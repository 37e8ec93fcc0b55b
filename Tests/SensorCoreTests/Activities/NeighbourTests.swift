// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import SensorTestSupport
import Testing

@testable import SensorCore

/// One workload's flood is that workload's own trouble.
@Suite(.tags(.kernel), .needsKernel, .serialized) struct NeighbourTests {
    /// What came of the opens of two cgroups, with nobody reading the ring while they happened.
    private struct Outcome {
        var delivered = 0
        var lost: UInt64 = 0
        var needless: UInt64 = 0
    }

    private func run(_ settings: KernelSettings, flood: Int, few: Int) throws -> (flood: Outcome, few: Outcome) {
        let (loud, quiet) = (try TestCgroup(), try TestCgroup())
        let (first, second) = (try TestDirectory(), try TestDirectory())
        let session = try KernelSession(settings: settings)
        session.setStream(.scoped)
        session.setScopeOnly(true)
        for cgroup in [loud, quiet] { try session.addScope(cgroup: cgroup.identifier) }
        try session.attach()
        for (cgroup, directory, count) in [(loud, first, flood), (quiet, second, few)] {
            let process = try WorkloadProcess([WorkloadProcess.program, "open-many", directory.path, "\(count)"])
            try cgroup.take(process.pid)
            try process.openGate()
            #expect(try process.readLines())
            try process.finish()
        }
        session.detach()

        var (flooding, being) = (Outcome(), Outcome())
        while session.drain({ record in
            // What was opened by a name that the workload made up; its program's own opens are others.
            guard record.kind == UInt8(SENSOR_FILE_OPEN.rawValue), let name = record.section(SENSOR_SECTION_ARGUMENT)
            else { return }
            let isMany = name.bytes.withUnsafeBytes { $0.starts(with: Array("many-".utf8)) }
            if isMany, record.header.key.cgroup == loud.identifier { flooding.delivered += 1 }
            if isMany, record.header.key.cgroup == quiet.identifier { being.delivered += 1 }
        }) > 0 {}
        for (key, count) in try session.readLosses().counts {
            if key.cgroup == loud.identifier { key.isLost ? (flooding.lost += count) : (flooding.needless += count) }
            if key.cgroup == quiet.identifier { key.isLost ? (being.lost += count) : (being.needless += count) }
        }
        return (flooding, being)
    }

    @Test func `a flood in one cgroup costs another cgroup no event, though nobody reads`() throws {
        var settings = KernelSettings()
        settings.activityRingBytes = 1 << 20
        settings.ringBudget = 128 << 10
        let (flood, few) = try run(settings, flood: 20_000, few: 200)
        #expect(flood.lost > 0)
        #expect(few.delivered == 200)
        #expect(few.lost == 0)
    }

    @Test func `changes of one file that are made without end are told or counted, and cost another cgroup no event`()
        throws
    {
        let (loud, quiet) = (try TestCgroup(), try TestCgroup())
        let (first, second) = (try TestDirectory(), try TestDirectory())
        var settings = KernelSettings()
        settings.activityRingBytes = 1 << 20
        settings.ringBudget = 128 << 10
        let session = try KernelSession(settings: settings)
        session.setScopeOnly(true)
        session.setStream(.scoped)
        for cgroup in [loud, quiet] { try session.addScope(cgroup: cgroup.identifier) }
        try session.attach()
        for (cgroup, activity) in [
            (loud, ["names-repeated", first.path, "5000"]), (quiet, ["open-many", second.path, "200"]),
        ] {
            let process = try WorkloadProcess([WorkloadProcess.program] + activity)
            try cgroup.take(process.pid)
            for _ in 0..<(cgroup === loud ? 2 : 1) {
                try process.openGate()
                #expect(try process.readLines())
            }
            try process.finish()
        }
        session.detach()

        let kind = UInt8(SENSOR_FILE_ATTRIBUTE.rawValue)
        var (told, news, counted): (UInt64, Int, UInt64) = (0, 0, 0)
        var objects: Set<UInt64> = []
        try session.readCounts(records: { record in
            let header = record.header
            guard header.key.kind == kind, header.key.cgroup == loud.identifier,
                record.file?.access == SENSOR_ACCESS_MODE.rawValue
            else { return }
            objects.insert(header.key.object)
            if !header.isCopy { told += 1 }
            if header.flags & UInt16(SENSOR_FIRST_SEEN) != 0 { news += 1 }
        }) { change in
            guard change.key.cgroup == loud.identifier, objects.contains(change.key.object) else { return }
            counted += change.difference.count
        }
        let losses = try session.readLosses().counts.filter {
            $0.key.isLost && $0.key.reason != LossReason.stream.rawValue
        }
        // A first sight for which there is no room: that of the link.
        let lost = losses.filter { $0.key.kind == kind }.reduce(0) { $0 + $1.value }
        #expect(told + counted + lost == 15_000)
        #expect(told > 100)
        #expect(counted > 1000)
        #expect(news <= 2)
        #expect(losses.allSatisfy { $0.key.cgroup == loud.identifier })
    }

    @Test func `sockets that ask without end cost another cgroup no answer, and are accounted to the one`() throws {
        let (loud, quiet) = (try TestCgroup(), try TestCgroup())
        let session = try KernelSession()
        session.setScopeOnly(true)
        session.setStream(.scoped)
        for cgroup in [loud, quiet] { try session.addScope(cgroup: cgroup.identifier) }
        try session.attach()
        func start(_ cgroup: TestCgroup, _ activity: String...) throws -> WorkloadProcess {
            let process = try WorkloadProcess([WorkloadProcess.program] + activity)
            try cgroup.take(process.pid)
            try process.openGate()
            #expect(try process.readLines())
            return process
        }
        func lost(_ cgroup: TestCgroup) throws -> UInt64 {
            try session.readLosses().counts.reduce(0) { sum, loss in
                loss.key.cgroup == cgroup.identifier && loss.key.reason == LossReason.socketTable.rawValue
                    ? sum + loss.value : sum
            }
        }
        let asking = try start(quiet, "dns-late", "patient.example.test", "unconnected")
        // More than one cgroup has room for.
        let flood = try start(loud, "dns-many", "3000")
        let refused = try lost(loud)
        #expect(refused == 3000 - 2048)
        try asking.openGate()
        #expect(try asking.readLines())
        try asking.finish()
        // What is closed has made room.
        try flood.finish()
        let after = try start(loud, "dns-many", "2048")
        try after.finish()
        #expect(try lost(loud) == refused)
        #expect(try lost(quiet) == 0)
        session.detach()

        var answers: [UInt32] = []
        while session.drain({ record in
            guard record.kind == UInt8(SENSOR_DNS_ANSWER.rawValue), record.header.key.cgroup == quiet.identifier
            else { return }
            answers.append(record.header.tgid)
        }) > 0 {}
        #expect(answers == [asking.pid])
    }

    @Test func `a cgroup that has used up its share of the memory leaves the others theirs`() throws {
        var settings = KernelSettings()
        settings.activityRingBytes = 16 << 20
        settings.ringBudget = .max
        settings.failureEntries = 1024
        settings.failedEntryBudget = 256
        let (flood, few) = try run(settings, flood: 3000, few: 100)
        #expect(flood.delivered == 3000)
        #expect(flood.lost == 0)
        #expect(flood.needless > 0)
        #expect(few.delivered == 100)
        #expect(few.needless == 0)
    }
}
