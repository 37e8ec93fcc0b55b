// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// What each thread was before a change: credentials and namespaces are its own.
@Suite struct ThreadIdentityTests {
    private typealias Thread = (UInt32, UInt64)

    private let host = FakeHost()
    private let leader: Thread = (100, 7)
    private let first: Thread = (101, 11)
    private let second: Thread = (102, 12)

    private let root = Records.credentials(uid: 0, capabilities: 0xff)
    private let user = Records.credentials(uid: 1000)
    private let home: UInt32 = 500

    #if arch(x86_64)
        private static let (setresuid, setgid, unshare, setns, clone): (UInt32, UInt32, UInt32, UInt32, UInt32) =
            (117, 106, 272, 308, 56)
    #else
        private static let (setresuid, setgid, unshare, setns, clone): (UInt32, UInt32, UInt32, UInt32, UInt32) =
            (147, 144, 97, 268, 220)
    #endif

    private func changes(_ records: [[UInt8]]) -> [IdentityDetail] {
        var pipeline = Pipeline(session: Records.session, host: host)
        for record in records { pipeline.record(record) }
        return pipeline.takeEvents().compactMap(\.identityDetail)
    }

    private func exec(time: UInt64 = 10) -> [UInt8] { Records.exec(credentials: root, network: home, time: time) }

    private func move(
        _ thread: Thread, _ number: UInt32 = unshare, to network: UInt32, uts: UInt32 = 0,
        as credentials: sensor_credentials? = nil, flags: Int32 = SENSOR_FIRST_SEEN, at time: UInt64
    ) -> [UInt8] {
        Records.identity(
            number: number, credentials: credentials ?? root, network: network, uts: uts, thread: thread, flags: flags,
            time: time)
    }

    @Test func `what one thread became is not what another was`() throws {
        let found = changes([
            exec(), move(first, to: 501, at: 20), move(first, Self.setresuid, to: 501, as: user, at: 21),
            move(second, to: home, uts: 900, at: 22),
        ])
        try #require(found.count == 3)
        #expect(found[0].from?.namespaces.network == home)
        #expect(found[1].from?.namespaces.network == 501)
        #expect(found[1].capabilitiesLost.count == 8)
        #expect(found[2].from?.user.effective == 0)
        #expect(found[2].from?.namespaces.network == home)
        #expect(found[2].capabilitiesGained.isEmpty)
    }

    @Test func `a thread's way back is told although another acted meanwhile`() throws {
        let found = changes([
            exec(), move(first, to: 501, at: 20), move(second, Self.setns, to: home, uts: 900, at: 21),
            move(first, Self.setns, to: home, at: 22),
        ])
        #expect(found.map { $0.from?.namespaces.network } == [home, home, 501])
    }

    @Test func `each thread that is told to become another user came from the same`() {
        let found = changes([
            exec(), move(first, Self.setresuid, to: home, as: user, at: 20),
            move(leader, Self.setresuid, to: home, as: user, at: 21),
            move(second, Self.setresuid, to: home, as: user, at: 22),
        ])
        #expect(found.map { $0.from?.user.effective } == [0, 0, 0])
    }

    @Test func `of a thread that any of several made, only that is told in which they agree`() throws {
        let late: Thread = (103, 25)
        let found = changes([exec(), move(first, to: 501, at: 20), move(late, to: 502, at: 30)])
        let from = try #require(found.last?.from)
        #expect(from.namespaces.network == 0)
        #expect(from.user.effective == 0)
        #expect(found.last?.to.namespaces.network == 502)
    }

    @Test func `nobody is said to have been another user if that is not known`() {
        let late: Thread = (103, 25)
        let found = changes([
            exec(), move(first, Self.setresuid, to: home, as: user, at: 20),
            move(late, Self.setresuid, to: home, as: Records.credentials(uid: 1001), at: 30),
        ])
        #expect(found.count == 2)
        #expect(found.last?.from == nil)
    }

    @Test func `what a call cannot have changed tells which of several a thread was`() {
        let late: Thread = (103, 25)
        let found = changes([
            exec(), move(first, to: 501, at: 20), move(late, Self.setresuid, to: 501, as: user, at: 30),
        ])
        #expect(found.last?.from?.namespaces.network == 501)
        #expect(found.last?.from?.user.effective == 0)
    }

    @Test func `a number that came back is another thread`() {
        let again: Thread = (101, 25)
        let found = changes([
            exec(), move(first, Self.setresuid, to: home, as: user, at: 20), move(again, to: 501, at: 30),
        ])
        #expect(found.last?.from?.user.effective == 0)
        #expect(found.last?.from?.namespaces.network == home)
    }

    @Test func `a step that may have been repeated in silence makes what was before uncertain, unless a tail saw all`()
    {
        func steps(_ flags: Int32) -> [UInt32?] {
            changes([
                exec(), move(first, Self.setns, to: 501, flags: flags, at: 20),
                move(first, Self.setns, to: home, flags: flags, at: 21),
                move(first, Self.setns, to: 502, flags: flags, at: 22),
            ]).map { $0.from?.namespaces.network }
        }
        #expect(steps(SENSOR_FIRST_SEEN) == [home, 501, 0])
        #expect(steps(SENSOR_FIRST_SEEN | SENSOR_STREAMED) == [home, 501, home])
    }

    @Test func `steps that lead on from each other are certain`() {
        var grouped = root
        grouped.egid = 100
        var dropped = Records.credentials(uid: 1000)
        dropped.egid = 100
        let found = changes([
            exec(), move(leader, to: 501, at: 20), move(leader, Self.setgid, to: 501, as: grouped, at: 21),
            move(leader, Self.setresuid, to: 501, as: dropped, at: 22),
        ])
        #expect(found.map { $0.from?.namespaces.network } == [home, 501, 501])
        #expect(found.map { $0.from?.group.effective } == [0, 0, 100])
    }

    @Test func `a call that failed has changed nothing`() {
        let failed = Records.identity(
            number: Self.setresuid, credentials: user, network: home, thread: second, error: 1, time: 21)
        let found = changes([exec(), move(first, Self.setresuid, to: home, as: user, at: 20), failed])
        #expect(found.last?.from == found.last?.to)
    }

    @Test func `a clone was what the thread that called it was`() {
        let child = Records.identity(
            number: Self.clone, credentials: user, network: 502, pid: 200, thread: (200, 30),
            creator: (100, 101, 11), time: 30)
        let found = changes([
            exec(), move(first, to: 501, at: 20), move(first, Self.setresuid, to: 501, as: user, at: 21),
            Records.fork(pid: 200, start: 30, parent: (100, 7), credentials: user, time: 29), child,
        ])
        #expect(found.last?.from?.namespaces.network == 501)
        #expect(found.last?.from?.user.effective == 1000)
    }

    @Test func `exec leaves one thread, and that is as it says`() {
        let found = changes([
            exec(), move(first, Self.setresuid, to: home, as: user, at: 20), exec(time: 25),
            move(second, to: 501, at: 30),
        ])
        #expect(found.last?.from?.user.effective == 0)
        #expect(found.last?.from?.namespaces.network == home)
    }

    @Test func `what was there before is known as the kernel lists it`() {
        let seen = Records.seen(pid: 100, start: 7, executable: "/usr/bin/agent", network: home)
        #expect(
            changes([seen, move(first, to: 501, as: Records.credentials(), at: 20)]).map { $0.from?.namespaces.network }
                == [home])
        let other = Records.seen(pid: 100, start: 7, executable: "/usr/bin/agent", network: 501, thread: 101)
        for order in [[seen, other], [other, seen]] {
            let found = changes(order + [move(second, to: 502, as: Records.credentials(), at: 20)])
            #expect(found.map { $0.from?.namespaces.network } == [0])
        }
    }

    @Test func `what only /proc tells is no state before`() {
        host.addProcess(100, parent: 1, start: 7, executable: "/usr/bin/agent", arguments: ["agent"], uid: 1000)
        #expect(changes([move(leader, Self.setresuid, to: home, as: user, at: 20)]).map(\.from) == [nil])
    }

    @Test func `a state that is newer than the change is none before it`() {
        #expect(changes([exec(time: 30), move(leader, to: 501, at: 20)]).map(\.from) == [nil])
    }

    @Test func `however many threads change, what is kept is bounded, and what is told is sure`() {
        var records = [exec()]
        for number in UInt32(0)..<5000 {
            records.append(move((1000 + number, 11), to: 10_000 + number, at: 20 + UInt64(number)))
        }
        // Kept no more, so that it may be as any of the others.
        records.append(move((1000, 11), Self.setns, to: home, at: 10_000))
        let found = changes(records)
        #expect(found.first?.from?.namespaces.network == home)
        #expect(found.last?.from == nil)
    }

    @Test func `threads of a process that has ended are let go`() {
        var limits = ProcessTable.Limits()
        limits.threads = 2
        var table = ProcessTable(bootID: "b00t", limits: limits)
        let before = IdentityState(root, sensor_namespaces())
        var facts = ProcessFacts()
        facts.identity = before
        for number in UInt32(1)..<4 {
            let key = ProcessKey(tgid: number, start: 1)
            let process = table.exec(key, parent: ProcessKey(tgid: 0, start: 0), facts: facts, at: 1)
            var to = before
            for thread in UInt32(10)..<12 {
                to.user.effective = thread
                let step = IdentityStep(to: to, fields: .user, time: 5)
                table.changeIdentity(of: process, thread: ThreadKey(tid: thread, start: 2), step)
                let next = IdentityStep(to: before, fields: .user, time: 6)
                let key = ThreadKey(tid: thread, start: 2)
                let found = table.identity(of: process, thread: key, before: next)
                #expect(found == to)
            }
            _ = table.exit(key, at: 9)
        }
    }
}
