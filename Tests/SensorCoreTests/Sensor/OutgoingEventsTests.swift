// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct OutgoingEventsTests {
    private let one = WorkloadDescription(kind: "Host", name: "one")
    private let other = WorkloadDescription(kind: "Host", name: "other")

    private func event(_ sequence: UInt64, _ workload: WorkloadDescription, path: String = "/a") -> Event {
        Event(
            sequence: sequence, time: 1, bootTime: 1, kind: .fileOpen, isFirstSeen: true, workload: workload,
            detail: .file(FileDetail(path: ByteString(path))), via: .sysExit)
    }

    private func outgoing(limit: Int = 4 << 20) -> OutgoingEvents {
        OutgoingEvents(.usual, credentials: CredentialPaths(), stream: "s", limit: limit)
    }

    private func sequences(_ portion: OutgoingEvents.Portion) -> [UInt64] {
        String(decoding: portion.json, as: UTF8.self).split(separator: "\"id\":\"s-").dropFirst().compactMap {
            UInt64($0.prefix { $0.isNumber })
        }
    }

    @Test func `they come out once, workload by workload, in order`() {
        var outgoing = outgoing()
        outgoing.note((1...6).map { event($0, $0 % 3 == 0 ? other : one) })
        let (portions, dropped) = outgoing.take()
        #expect(portions.map { sequences($0) } == [[1, 2, 4, 5], [3, 6]] && portions.map(\.count) == [4, 2])
        #expect(portions[0].workload === one && portions[1].workload === other && dropped == 0)
        let again = outgoing.take()
        #expect(again.portions.isEmpty)
    }

    @Test func `a record of many is several`() {
        var outgoing = outgoing()
        outgoing.note((1...40).map { event($0, one, path: "/" + String(repeating: "x", count: 10_000)) })
        let portions = outgoing.take().portions
        #expect(portions.count > 2 && portions.flatMap { sequences($0) } == Array(1...40))
        #expect(portions.allSatisfy { $0.json.count < 140_000 })
    }

    @Test func `where there is no room the earliest of whoever has most go, and are counted`() {
        var outgoing = outgoing(limit: 20_000)
        outgoing.note([event(1, other)] + (2...200).map { event($0, one) } + [event(201, other)])
        let (portions, dropped) = outgoing.take()
        #expect(portions.map { sequences($0) }.contains([1, 201]))
        #expect(sequences(portions.first { $0.workload === one } ?? portions[0]).last == 200)
        #expect(Int(dropped) + portions.reduce(0) { $0 + $1.count } == 201 && dropped > 100)
        let again = outgoing.take()
        #expect(again.dropped == 0)
    }

    @Test func `what is urgent has room that no flood takes, and comes first`() {
        var outgoing = outgoing(limit: 20_000)
        outgoing.note([event(1, one), event(2, one, path: "/root/.ssh/id_rsa")] + (3...300).map { event($0, one) })
        outgoing.note([event(301, other), event(302, one, path: "/root/.ssh/id_rsa")])
        let fill = outgoing.fill
        #expect(fill > 0.9)
        let (portions, dropped) = outgoing.take()
        #expect(portions.map(\.isUrgent) == [true, false, false])
        #expect(sequences(portions[0]) == [2, 302] && sequences(portions[2]) == [301])
        let rest = sequences(portions[1])
        #expect(rest == rest.sorted() && rest.last == 300)
        #expect(Int(dropped) + portions.reduce(0) { $0 + $1.count } == 302 && dropped > 100)
    }

    @Test func `of whom less is told, what is urgent travels and nothing else`() {
        var outgoing = outgoing()
        outgoing.note(
            [event(1, one), event(2, one, path: "/root/.ssh/id_rsa"), event(3, other)],
            lowered: [SubjectKey(one.identity)])
        let (portions, dropped) = outgoing.take()
        #expect(portions.map { sequences($0) } == [[2], [3]] && dropped == 1)
    }

    @Test func `it is known that something urgent waits, until it is taken`() {
        var outgoing = outgoing()
        outgoing.note([event(1, one)])
        let before = outgoing.hasUrgent
        outgoing.note([event(2, one, path: "/root/.ssh/id_rsa")])
        let urgent = outgoing.hasUrgent
        let counts = outgoing.take().portions.map(\.count)
        let after = outgoing.hasUrgent
        #expect(!before && urgent && counts == [1, 1] && !after)
        var nothing = OutgoingEvents(EventChoice(), credentials: CredentialPaths(), stream: "s")
        nothing.note([event(1, one, path: "/root/.ssh/id_rsa")])
        let isUrgent = nothing.hasUrgent
        let portions = nothing.take().portions
        #expect(!isUrgent && portions.isEmpty)
    }
}
