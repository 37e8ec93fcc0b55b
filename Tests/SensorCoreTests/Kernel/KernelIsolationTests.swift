// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

/// What one cgroup does too much of costs no other cgroup an event.
@Suite(.tags(.kernel), .needsKernel, .serialized) struct KernelIsolationTests {
    static let floodOpens = 20_000
    static let quietOpens = 30
    static let quietPrograms = 10

    /// What came of one cgroup.
    private struct Balance {
        /// Files opened without an error, by inode.
        var opened: Set<UInt64> = []
        var delivered: [UInt8: UInt64] = [:]
        var counted: [UInt8: UInt64] = [:]
        var lost: [UInt8: UInt64] = [:]
    }

    /// All that is in the rings, the counts and the ledger.
    private func balances(_ session: KernelSession) throws -> [UInt64: Balance] {
        var balances: [UInt64: Balance] = [:]
        while session.drain({ record in
            let key = record.header.key
            balances[key.cgroup, default: Balance()].delivered[key.kind, default: 0] += 1
            if key.error == 0, let file = record.file {
                balances[key.cgroup, default: Balance()].opened.insert(file.inode)
            }
        }) > 0 {}
        try session.readCounts(records: { _ in }) { change in
            balances[change.key.cgroup, default: Balance()].counted[change.key.kind, default: 0] +=
                change.difference.count
        }
        for (key, count) in try session.readLosses().counts where key.isLost {
            balances[key.cgroup, default: Balance()].lost[key.kind, default: 0] += count
        }
        return balances
    }

    private func inodes(_ directory: String, _ count: Int) throws -> Set<UInt64> {
        try Set(
            (1...count).map { number in
                var status = stat()
                let found = stat("\(directory)/\(number)", &status)
                try #require(found == 0)
                return UInt64(status.st_ino)
            })
    }

    @Test func `cgroups that one makes without end cost another none of his`() throws {
        let (flood, quiet) = (try TestCgroup("flood"), try TestCgroup("quiet"))
        var settings = KernelSettings()
        settings.lifecycleRingBytes = 64 << 10
        let session = try KernelSession(settings: settings)
        // Whoever only makes cgroups has no account of his own yet.
        session.setEnabledKinds(
            [SENSOR_CGROUP_CREATED, SENSOR_CGROUP_REMOVED].reduce(0) { $0 | 1 << UInt64($1.rawValue) })
        try session.attach()
        try Child.shell(
            """
            cd '\(flood.path)'; \(flood.enter)
            seq 700 | xargs mkdir; seq 700 | xargs rmdir; seq 700 | xargs mkdir; seq 700 | xargs rmdir
            """)
        try Child.shell("\(quiet.enter); mkdir '\(quiet.path)/container'")
        var status = stat()
        try #require(stat(quiet.path + "/container", &status) == 0)
        rmdir(quiet.path + "/container")
        session.detach()

        var created: [UInt64: UInt64] = [:]
        while session.drain({ record in
            guard record.kind == UInt8(SENSOR_CGROUP_CREATED.rawValue), let cgroup = record.cgroup else { return }
            created[cgroup.id] = record.header.key.cgroup
        }) > 0 {}
        #expect(created[UInt64(status.st_ino)] == quiet.identifier)
        let lost = try session.readLosses().counts.filter { $0.key.isLost }
        let own = lost.filter { $0.key.cgroup == flood.identifier }
        #expect(!own.isEmpty)
        // One row for each hook, not one for each cgroup that is gone.
        #expect(Set(own.map(\.key.kind)).count == own.count)
        let gone = Set(created.filter { $0.value == flood.identifier }.keys)
        #expect(!gone.isEmpty)
        #expect(lost.allSatisfy { $0.key.cgroup != quiet.identifier && !gone.contains($0.key.cgroup) })
    }

    @Test(arguments: [false, true])
    func `a flood in one cgroup costs another nothing, and is itself accounted to the one`(_ streaming: Bool) throws {
        let (flood, quiet) = (try TestCgroup("flood"), try TestCgroup("quiet"))
        let directory = try TestDirectory()
        try Child.shell(
            """
            set -e; cd '\(directory.path)'; mkdir flood quiet
            (cd flood; seq \(Self.floodOpens) | xargs touch); (cd quiet; seq \(Self.quietOpens) | xargs touch)
            """)
        var settings = KernelSettings()
        settings.activityRingBytes = 1 << 20
        settings.ringBudget = 32 << 10
        let session = try KernelSession(settings: settings)
        if streaming { session.setStream(.all) }
        try session.attach()

        // Nobody reads the rings until both are done. The flood begins before the other's work and ends after it.
        let flooding = try Child([
            "/bin/sh", "-c",
            """
            cd '\(directory.path)/flood'; \(flood.enter); opens=0
            while :; do
                i=0; while [ $i -lt \(Self.floodOpens) ]; do i=$((i+1)); : <$i; done
                opens=$((opens+i)); [ -e ../done ] && break
            done
            echo $opens >../opens
            """,
        ])
        defer {
            kill(flooding.pid, SIGKILL)
            flooding.wait()
        }
        try eventually {
            (try? session.readLosses().counts.contains { $0.key.cgroup == flood.identifier && $0.key.isLost }) ?? false
        }
        try Child.shell(
            """
            cd '\(directory.path)/quiet'; \(quiet.enter)
            i=0; while [ $i -lt \(Self.quietOpens) ]; do i=$((i+1)); : <$i; done
            i=0; while [ $i -lt \(Self.quietPrograms) ]; do i=$((i+1)); /bin/true; done
            """)
        try Child.shell(": >'\(directory.path)/done'")
        try eventually { HostText.read(directory.path + "/opens").hasSuffix("\n") }
        session.detach()

        let balances = try balances(session)
        let worked = try #require(balances[quiet.identifier])
        #expect(worked.lost == [:])
        #expect(try worked.opened.isSuperset(of: inodes(directory.path + "/quiet", Self.quietOpens)))
        #expect(worked.delivered[UInt8(SENSOR_PROCESS_FORK.rawValue)] == UInt64(Self.quietPrograms))
        #expect(worked.delivered[UInt8(SENSOR_PROCESS_EXEC.rawValue)] == UInt64(Self.quietPrograms))
        // The shell's own end as well.
        #expect(worked.delivered[UInt8(SENSOR_PROCESS_EXIT.rawValue)] == UInt64(Self.quietPrograms) + 1)

        let flooded = try #require(balances[flood.identifier])
        let kind = UInt8(SENSOR_FILE_OPEN.rawValue)
        let opens = try #require(UInt64(HostText.read(directory.path + "/opens").dropLast()))
        let (delivered, lost) = (flooded.delivered[kind, default: 0], flooded.lost[kind, default: 0])
        #expect(delivered > 0)
        #expect(lost > 0)
        // What is streamed is sent each time, and counted besides.
        #expect(delivered + lost + (streaming ? 0 : flooded.counted[kind, default: 0]) == opens)
    }
}
