// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

/// What happens in a cgroup that is not watched: nothing of it leaves the kernel or is remembered there.
@Suite(.tags(.kernel), .needsKernel, .serialized) struct KernelWatchTests {
    private static let lifecycle = Set(
        [SENSOR_PROCESS_EXEC, SENSOR_PROCESS_FORK, SENSOR_PROCESS_EXIT, SENSOR_CGROUP_CREATED, SENSOR_CGROUP_REMOVED]
            .map { UInt8($0.rawValue) })

    /// Which cgroups a map has entries of; its keys begin with the cgroup.
    private func cgroups(in name: String, _ session: KernelSession) throws -> Set<UInt64> {
        let map = try session.object.map(name)
        var cgroups: Set<UInt64> = []
        var current = [UInt64](repeating: 0, count: 4)
        var next = current
        var error = bpf_map_get_next_key(map, nil, &next)
        while error == 0 {
            cgroups.insert(next[0])
            current = next
            error = bpf_map_get_next_key(map, &current, &next)
        }
        return cgroups
    }

    /// What was told of each cgroup, by kind.
    private func kinds(_ session: KernelSession) -> [UInt64: Set<UInt8>] {
        var kinds: [UInt64: Set<UInt8>] = [:]
        while session.drain({ kinds[$0.header.key.cgroup, default: []].insert($0.kind) }) > 0 {}
        return kinds
    }

    /// Files, sockets, names, identities, notable calls and io_uring, all in a cgroup.
    private func work(in cgroup: TestCgroup) throws {
        let directory = try TestDirectory()
        try run(
            [
                ["names-attributes", directory.path], ["tcp-transfer", "4", "1000"], ["tcp-refused", "4", "blocking"],
                ["unix-stream", directory.path + "/socket"], ["identity-users"], ["syscall-notable", directory.path],
                ["exec-failing", directory.path], ["uring-open", directory.path, "0"], ["uring-connect"],
                ["uring-blind", directory.path, "7"],
            ], in: cgroup)
    }

    private func run(_ activities: [[String]], in cgroup: TestCgroup) throws {
        for activity in activities {
            let process = try WorkloadProcess([WorkloadProcess.program] + activity)
            try cgroup.take(process.pid)
            try process.openGate()
            _ = try process.readLines()
            if let failure = process.lines.first(where: { $0.hasPrefix("failed ") }) { throw TestFailure(failure) }
            try process.finish()
        }
    }

    private static let maps = ["memory", "failures", "workloads", "uring_opcodes"]

    @Test func `a cgroup that is gone leaves nothing in the kernel, and no loss is forgotten`() throws {
        let cgroup = try TestCgroup("gone")
        var settings = KernelSettings()
        settings.entryBudget = 16
        let session = try KernelSession(settings: settings)
        try session.attach()
        try work(in: cgroup)
        session.detach()
        _ = kinds(session)
        try session.readCounts(records: { _ in }, { _ in })
        let maps = Self.maps + ["losses"]
        for map in maps { #expect(try cgroups(in: map, session).contains(cgroup.identifier), "\(map)") }
        let losses = try session.readLosses()
        let blind = try session.readBlindOperations()

        session.forget(cgroups: [cgroup.identifier])
        for map in maps { #expect(try !cgroups(in: map, session).contains(cgroup.identifier), "\(map)") }
        let later = try session.readLosses()
        #expect(later.counts.values.reduce(0, +) == losses.counts.values.reduce(0, +))
        #expect(!later.counts.keys.contains { $0.cgroup == cgroup.identifier })
        let blindLater = try session.readBlindOperations()
        #expect(blindLater.reduce(0) { $0 + $1.count } == blind.reduce(0) { $0 + $1.count })
        #expect(!blindLater.contains { $0.cgroup == cgroup.identifier })
    }

    @Test func `no activity of an unwatched cgroup is told or remembered, its processes' lives are`() throws {
        let (watched, unwatched) = (try TestCgroup("watched"), try TestCgroup("unwatched"))
        let session = try KernelSession()
        let isDone = session.setWatched(false, cgroup: unwatched.identifier)
        #expect(isDone)
        try session.attach()
        for cgroup in [unwatched, watched] { try work(in: cgroup) }

        let kinds = kinds(session)
        #expect(kinds[unwatched.identifier, default: []].subtracting(Self.lifecycle) == [])
        #expect(kinds[unwatched.identifier, default: []].contains(UInt8(SENSOR_PROCESS_EXEC.rawValue)))
        for kind in [
            SENSOR_FILE_OPEN, SENSOR_FILE_CREATE, SENSOR_FILE_DELETE, SENSOR_FILE_ATTRIBUTE, SENSOR_FILE_EXECMAP,
            SENSOR_NETWORK_CONNECT, SENSOR_NETWORK_LISTEN, SENSOR_NETWORK_ACCEPT, SENSOR_NETWORK_CLOSE,
            SENSOR_SYSCALL_FIRST, SENSOR_SYSCALL_NOTABLE, SENSOR_IDENTITY_CHANGE, SENSOR_PROCESS_EXEC,
        ] {
            #expect(kinds[watched.identifier, default: []].contains(UInt8(kind.rawValue)), "\(kind)")
        }
        for map in Self.maps {
            let found = try cgroups(in: map, session)
            #expect(!found.contains(unwatched.identifier), "\(map)")
            #expect(found.contains(watched.identifier), "\(map)")
        }
        let losses = try session.readLosses().counts.filter { $0.key.cgroup == unwatched.identifier }
        #expect(losses.isEmpty)
    }

    @Test func `a tail is sent all the same, and nothing is remembered for it`() throws {
        let cgroup = try TestCgroup("unwatched")
        let session = try KernelSession()
        _ = session.setWatched(false, cgroup: cgroup.identifier)
        try session.addScope(cgroup: cgroup.identifier)
        session.setStream(.scoped)
        try session.attach()
        try work(in: cgroup)
        var firstSights = 0
        var kinds: Set<UInt8> = []
        while session.drain({ record in
            guard record.header.key.cgroup == cgroup.identifier, !Self.lifecycle.contains(record.kind) else { return }
            if record.header.flags & UInt16(SENSOR_FIRST_SEEN) != 0 { firstSights += 1 }
            kinds.insert(record.kind)
        }) > 0 {}
        #expect(firstSights == 0)
        for kind in [
            SENSOR_FILE_OPEN, SENSOR_FILE_DELETE, SENSOR_NETWORK_CONNECT, SENSOR_NETWORK_CLOSE, SENSOR_SYSCALL_NOTABLE,
        ] {
            #expect(kinds.contains(UInt8(kind.rawValue)), "\(kind)")
        }
        for map in ["memory", "failures", "uring_opcodes"] {
            #expect(try !cgroups(in: map, session).contains(cgroup.identifier), "\(map)")
        }

        // A tail of some kinds brings no others along.
        session.setStream(.scoped, kinds: 1 << UInt64(SENSOR_NETWORK_CONNECT.rawValue))
        try work(in: cgroup)
        let told = self.kinds(session)[cgroup.identifier, default: []].subtracting(Self.lifecycle)
        #expect(told == [UInt8(SENSOR_NETWORK_CONNECT.rawValue)])
        #expect(try !cgroups(in: "memory", session).contains(cgroup.identifier))
    }

    @Test func `where all is streamed, a cgroup that no tail asks for is remembered instead`() throws {
        let (wanted, unwanted) = (try TestCgroup("wanted"), try TestCgroup("unwanted"))
        let session = try KernelSession()
        let isDone = session.setStreamed(false, cgroup: unwanted.identifier)
        #expect(isDone)
        session.setStream(.all)
        try session.attach()
        func streamed() throws -> (wanted: Set<UInt8>, unwanted: Set<UInt8>) {
            var streamed: [UInt64: Set<UInt8>] = [:]
            for cgroup in [wanted, unwanted] { try work(in: cgroup) }
            while session.drain({ record in
                guard record.header.flags & UInt16(SENSOR_STREAMED) != 0 else { return }
                streamed[record.header.key.cgroup, default: []].insert(record.kind)
            }) > 0 {}
            return (streamed[wanted.identifier] ?? [], streamed[unwanted.identifier] ?? [])
        }
        let activities = Set(
            [
                SENSOR_FILE_OPEN, SENSOR_FILE_CREATE, SENSOR_FILE_DELETE, SENSOR_NETWORK_CONNECT, SENSOR_NETWORK_CLOSE,
                SENSOR_SYSCALL_NOTABLE, SENSOR_PROCESS_EXEC,
            ].map { UInt8($0.rawValue) })
        var kinds = try streamed()
        #expect(kinds.wanted.isSuperset(of: activities))
        #expect(kinds.unwanted == [])
        #expect(try cgroups(in: "memory", session).contains(unwanted.identifier))

        // A tail of a process or cgroup is sent that in any case.
        try session.addScope(cgroup: unwanted.identifier)
        kinds = try streamed()
        #expect(kinds.unwanted.isSuperset(of: activities))
        try session.removeScope(cgroup: unwanted.identifier)

        _ = session.setStreamed(true, cgroup: unwanted.identifier)
        kinds = try streamed()
        #expect(kinds.unwanted.isSuperset(of: activities))
        _ = session.setStreamed(false, cgroup: unwanted.identifier)
        session.forget(cgroups: [unwanted.identifier])
        #expect(session.unstreamed.isEmpty)
    }

    @Test func `watching begins and ends while programs run, and begins anew`() throws {
        let cgroup = try TestCgroup("switched")
        let session = try KernelSession()
        try session.attach()
        try work(in: cgroup)
        let open = UInt8(SENSOR_FILE_OPEN.rawValue)
        #expect(kinds(session)[cgroup.identifier, default: []].contains(open))
        try session.readCounts(records: { _ in }, { _ in })

        _ = session.setWatched(false, cgroup: cgroup.identifier)
        session.forgetActivity(of: [cgroup.identifier])
        for map in ["memory", "failures", "workloads"] {
            #expect(try !cgroups(in: map, session).contains(cgroup.identifier), "\(map)")
        }
        try work(in: cgroup)
        #expect(kinds(session)[cgroup.identifier, default: []].subtracting(Self.lifecycle) == [])

        _ = session.setWatched(true, cgroup: cgroup.identifier)
        try work(in: cgroup)
        #expect(kinds(session)[cgroup.identifier, default: []].contains(open))
        #expect(session.unwatched.isEmpty)
    }

    @Test
    func
        `of a cgroup of which less is told repeats are counted, then what is new is counted as lost, then all comes again`()
        throws
    {
        let cgroup = try TestCgroup("reduced")
        let session = try KernelSession()
        try session.attach()
        let open = UInt8(SENSOR_FILE_OPEN.rawValue)
        func lost(_ reason: LossReason) throws -> UInt64 {
            try session.readLosses().counts.reduce(0) {
                $1.key.cgroup == cgroup.identifier && $1.key.reason == reason.rawValue ? $0 + $1.value : $0
            }
        }
        let directory = try TestDirectory()
        let repeated = ["open-repeated", directory.path, "100"]
        session.setStream(.all, kinds: .max)
        let isFirst = session.setDetail(.firstSights, cgroup: cgroup.identifier)
        try run([repeated], in: cgroup)
        #expect(isFirst && kinds(session)[cgroup.identifier, default: []].contains(open))
        #expect(try lost(.stream) >= 99)
        #expect(try lost(.overload) == 0)

        session.setStream(.none, kinds: .max)
        session.forgetActivity(of: [cgroup.identifier])
        let isSecond = session.setDetail(.counts, cgroup: cgroup.identifier)
        let began = KernelSession.bootTime() >> 30
        try Child.shell(
            """
            cd '\(directory.path)'; \(cgroup.enter)
            i=0; while [ $i -lt 400 ]; do i=$((i+1)); : >new$i; done
            """)
        try run([["tcp-refused", "4", "blocking"]], in: cgroup)
        var told: [UInt8: UInt64] = [:]
        while session.drain({ record in
            if record.header.key.cgroup == cgroup.identifier { told[record.kind, default: 0] += 1 }
        }) > 0 {}
        let seconds = KernelSession.bootTime() >> 30 - began + 1
        let created = told[UInt8(SENSOR_FILE_CREATE.rawValue), default: 0]
        #expect(isSecond && (1...UInt64(SENSOR_DETAIL_ALLOWANCE) * seconds).contains(created))
        #expect(try created + lost(.overload) >= 400)
        // What is of another kind comes beside the flood, as do processes.
        #expect(told[UInt8(SENSOR_NETWORK_CONNECT.rawValue), default: 0] > 0)
        #expect(!Self.lifecycle.isDisjoint(with: told.keys))

        _ = session.setDetail(.whole, cgroup: cgroup.identifier)
        #expect(session.reduced.isEmpty)
        try work(in: cgroup)
        #expect(kinds(session)[cgroup.identifier, default: []].contains(open), "it was not remembered either")
    }

    @Test func `where there is no room, a cgroup is watched and that is told`() throws {
        var settings = KernelSettings()
        settings.unwatchedCgroups = 2
        let session = try KernelSession(settings: settings)
        let answers = (UInt64(1)...3).map { session.setWatched(false, cgroup: $0) }
        #expect(answers == [true, true, false])
        session.forget(cgroups: [1])
        #expect(session.unwatched == [2])
        let again = session.setWatched(false, cgroup: 3)
        #expect(again)
    }
}
