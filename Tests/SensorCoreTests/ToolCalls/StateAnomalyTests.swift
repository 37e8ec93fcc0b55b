// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// One test for each rule that messages alone can break: what breaks it, what it shows, and what does not break it.
@Suite struct StateAnomalyTests {
    private let fixture = BookFixture()

    private func transition(_ kind: String, _ more: String, on connection: Int = 1) throws -> ToolCallAnswer {
        try fixture.send(#"{"type":"transition","session":"s1","kind":"\#(kind)"\#(more)}"#, on: connection)
    }

    private func override(_ policy: String, on connection: Int = 1) throws {
        try fixture.send(
            #"{"type":"decision","session":"s1","call":"c1","policy":"\#(policy)","outcome":"override"}"#,
            on: connection)
    }

    // MARK: Order

    @Test func `duplicate_operation: the same call once more`() throws {
        try fixture.hello()
        let same = #"{"type":"begin","session":"s1","call":{"id":"c1","name":"pay","arguments":{"to":"bob"}}}"#
        try fixture.send(same)
        #expect(try fixture.send(same).code == .duplicateCall)
        #expect(fixture.rules == [.duplicateOperation])
        try fixture.end("c1")
        #expect(try fixture.send(same).type == "ack")
        #expect(fixture.rules == [.duplicateOperation, .duplicateOperation])
        #expect(fixture.anomalies.map(\.call) == ["c1", "c1"])
        try fixture.end("c1")
        try fixture.end("c1")
        #expect(fixture.rules.count == 3)
        #expect(fixture.anomalies.last?.expected == "one end of call c1")
    }

    @Test func `an id that another operation had before is no duplicate`() throws {
        try fixture.hello()
        for amount in 1...3 {
            try fixture.send(
                #"{"type":"begin","session":"s1","call":{"id":"c1","name":"pay","arguments":["\#(amount)x"]}}"#)
            try fixture.end("c1")
        }
        #expect(fixture.anomalies.isEmpty)
    }

    @Test func `a client that comes back to end what it had left is not to blame`() throws {
        try fixture.hello()
        try fixture.hello(from: BookFixture.sibling, on: 2)
        try fixture.begin("c1")
        fixture.book.leave(1)
        try fixture.hello(on: 3)
        #expect(try fixture.end("c1", on: 3).code == .unknownCall)
        #expect(fixture.anomalies.isEmpty)
    }

    @Test(arguments: [4, 5])
    func `out_of_order: a number that does not go up`(_ number: Int) throws {
        try fixture.send(#"{"type":"hello","protocol":1,"session":"s1","seq":5}"#)
        #expect(try fixture.begin("c1", #","seq":\#(number)"#).code == .outOfOrder)
        #expect(fixture.rules == [.outOfOrder])
        #expect(fixture.anomalies.first?.expected == "seq above 5")
        #expect(fixture.anomalies.first?.came == "begin with seq \(number)")
        #expect(fixture.begun.isEmpty)
        #expect(try fixture.begin("c1", #","seq":9"#).type == "ack")
        #expect(fixture.anomalies.count == 1)
    }

    @Test func `each connection and each process on it counts for itself`() throws {
        try fixture.send(#"{"type":"hello","protocol":1,"session":"s1","seq":5}"#)
        #expect(try fixture.begin("c1", #","seq":1"#, on: 2).type == "ack")
        #expect(try fixture.begin("c2", #","seq":1"#, from: BookFixture.sibling).type == "ack")
        #expect(fixture.anomalies.isEmpty)
    }

    @Test func `out_of_order: a catalog's part that does not follow`() throws {
        try fixture.send(#"{"type":"catalog","server":{"name":"files"},"part":1,"parts":3}"#)
        #expect(
            try fixture.send(#"{"type":"catalog","server":{"name":"files"},"part":3,"parts":3}"#).code == .outOfOrder)
        #expect(fixture.rules == [.outOfOrder])
        #expect(fixture.anomalies.first?.expected == "part 2 of the catalog of files")
    }

    @Test func `end_without_begin: a call that nobody has announced`() throws {
        try fixture.hello()
        #expect(try fixture.end("c1").code == .unknownCall)
        #expect(fixture.rules == [.endWithoutBegin])
        #expect(fixture.anomalies.first?.call == "c1")
    }

    @Test func `an end whose beginning was refused, or may have been, has a beginning`() throws {
        try fixture.hello()
        #expect(try fixture.begin("c1", #","scope":"thread","threadId":1"#).code == .notYourThread)
        #expect(try fixture.end("c1").code == .unknownCall)
        #expect(fixture.anomalies.isEmpty)
        // Begun after all, and ended twice.
        try fixture.begin("c1")
        try fixture.end("c1")
        try fixture.end("c1")
        #expect(fixture.rules == [.duplicateOperation])
        // Nobody has read what came.
        fixture.book.leaveUnread(on: 1)
        try fixture.end("c2")
        #expect(fixture.rules.count == 1)
        try fixture.end("c2", on: 2)
        #expect(fixture.rules == [.duplicateOperation, .endWithoutBegin])
    }

    @Test func `what nobody has read explains what comes soon after it, and not for ever`() throws {
        try fixture.hello()
        fixture.book.leaveUnread(on: 1)
        for number in 0..<64 { try fixture.end("c\(number)") }
        #expect(fixture.anomalies.isEmpty)
        try fixture.end("c64")
        #expect(fixture.rules == [.endWithoutBegin])
    }

    @Test func `out_of_order: a call within one that has ended`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"g1","scopes":["read"]}"#)
        try fixture.end("c1")
        try fixture.send(
            #"{"type":"begin","session":"s1","call":{"id":"c2","parent":"c1"},"authority":{"scopes":["root"]}}"#)
        #expect(fixture.rules == [.outOfOrder, .authorityWidened])
        #expect(fixture.anomalies.map(\.call) == ["c2", "c2"])
        #expect(fixture.anomalies.first?.came == "begin after it has ended (ok)")
    }

    @Test func `a call within one that its client had to leave is not to blame`() throws {
        try fixture.hello()
        try fixture.begin("c1")
        try fixture.hello(from: BookFixture.sibling, on: 2)
        fixture.book.leave(1)
        try fixture.hello(on: 3)
        try fixture.send(#"{"type":"begin","session":"s1","call":{"id":"c2","parent":"c1"}}"#, on: 3)
        #expect(fixture.anomalies.isEmpty)
    }

    @Test func `call_after_session_end: a session that its client has ended`() throws {
        try fixture.hello()
        try fixture.send(#"{"type":"session.end","session":"s1"}"#)
        #expect(try fixture.begin("c1").code == .unknownSession)
        #expect(fixture.rules == [.callAfterSessionEnd])
        #expect(fixture.anomalies.first?.came == "begin")
        try fixture.hello()
        #expect(try fixture.begin("c1").type == "ack")
        #expect(fixture.anomalies.count == 1)
    }

    @Test func `a session that was only left is not one that has ended`() throws {
        try fixture.hello()
        fixture.book.leave(1)
        #expect(try fixture.begin("c1", on: 2).code == .unknownSession)
        #expect(fixture.anomalies.isEmpty)
    }

    @Test func `call_after_session_end: also when its client has gone meanwhile`() throws {
        try fixture.hello()
        try fixture.send(#"{"type":"session.end","session":"s1"}"#)
        fixture.book.leave(1)
        fixture.pass(seconds: 300)
        fixture.book.tick()
        #expect(try fixture.begin("c1", on: 2).code == .unknownSession)
        #expect(fixture.rules == [.callAfterSessionEnd])
        // Not for ever.
        fixture.book.leave(2)
        fixture.forget()
        #expect(try fixture.begin("c1", on: 3).code == .unknownSession)
        #expect(fixture.anomalies.count == 1)
    }

    // MARK: Epochs and versions

    private func hello(epoch: Int, on connection: Int = 1) throws -> ToolCallAnswer {
        try fixture.send(
            #"{"type":"hello","protocol":1,"session":"s1","epoch":\#(epoch)}"#, on: connection)
    }

    @Test func `epoch_mismatch: a hello of a life that is over`() throws {
        #expect(try hello(epoch: 2).type == "ack")
        #expect(try hello(epoch: 3, on: 2).type == "ack")
        #expect(fixture.anomalies.isEmpty)
        #expect(try hello(epoch: 2, on: 3).code == .outOfOrder)
        #expect(fixture.rules == [.epochMismatch])
        #expect(fixture.anomalies.first?.expected == "epoch 3 or later")
    }

    @Test func `epoch_mismatch: a call of a client from before`() throws {
        _ = try hello(epoch: 2)
        _ = try hello(epoch: 3, on: 2)
        #expect(try fixture.begin("c1").type == "ack")
        #expect(fixture.rules == [.epochMismatch])
        #expect(try fixture.begin("c2", on: 2).type == "ack")
        #expect(fixture.anomalies.count == 1)
    }

    @Test func `epoch_mismatch: a transition in another epoch than it can be`() throws {
        _ = try hello(epoch: 2)
        #expect(try transition("mode", #","to":"a","initiator":{"kind":"human"},"epoch":2"#).type == "ack")
        #expect(try transition("reconnect", #","epoch":3"#).type == "ack")
        #expect(fixture.anomalies.isEmpty)
        #expect(try transition("reconnect", #","epoch":3"#).type == "ack")
        #expect(fixture.rules == [.epochMismatch])
        #expect(try transition("recovery", #","epoch":1"#).code == .outOfOrder)
        #expect(fixture.rules == [.epochMismatch, .epochMismatch])
    }

    @Test func `version_mismatch: an agent that becomes another version within a session`() throws {
        for version in ["1", "1", "2"] {
            try fixture.send(
                #"{"type":"hello","protocol":1,"session":"s1","agent":{"name":"planner","version":"\#(version)"}}"#)
        }
        #expect(fixture.rules == [.versionMismatch])
        #expect(fixture.anomalies.first?.expected == "planner 1")
        #expect(fixture.anomalies.first?.came == "planner 2")
    }

    @Test func `version_mismatch: a server that becomes another version behind a connection`() throws {
        for version in ["1", "1", "2"] {
            try fixture.send(#"{"type":"catalog","server":{"name":"files","version":"\#(version)"}}"#)
        }
        #expect(fixture.rules == [.versionMismatch])
        #expect(fixture.anomalies.first?.expected == "files 1")
        try fixture.send(#"{"type":"catalog","server":{"name":"files","version":"3"}}"#, on: 2)
        #expect(fixture.anomalies.count == 1)
    }

    // MARK: Authority

    @Test func `authority_expired: a call by what is no longer in force`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"g1","expiresAt":"2027-01-15T08:00:01Z"}"#)
        #expect(fixture.anomalies.isEmpty)
        fixture.pass(seconds: 1)
        try fixture.begin("c2", #","authority":{"grant":"g1","expiresAt":"2027-01-15T08:00:01Z"}"#)
        #expect(fixture.rules == [.authorityExpired])
        #expect(fixture.anomalies.first?.came == "grant g1 expired at 2027-01-15T08:00:01.000000000Z")
        #expect(fixture.anomalies.first?.call == "c2")
    }

    @Test(arguments: [
        (#""scopes":["read","write"]"#, "write"),
        (#""scopes":["read"],"expiresAt":1800000601"#, "until 2027-01-15T08:10:01.000000000Z"),
    ])
    func `authority_widened: a call that claims more, or for longer, than the one it is made within`(
        _ claim: String, _ came: String
    ) throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"g1","scopes":["read"],"expiresAt":1800000600}"#)
        try fixture.send(
            """
            {"type":"begin","session":"s1","call":{"id":"c2","parent":"c1"},\
            "authority":{"grant":"g2","scopes":["read"],"expiresAt":1800000600}}
            """)
        #expect(fixture.anomalies.isEmpty)
        try fixture.send(
            #"{"type":"begin","session":"s1","call":{"id":"c3","parent":"c1"},"authority":{"grant":"g3",\#(claim)}}"#)
        #expect(fixture.rules == [.authorityWidened])
        #expect(fixture.anomalies.first?.came == came)
        #expect(fixture.anomalies.first?.call == "c3")
    }

    @Test func `authority_widened: a call within a call that says nothing of its authority`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"g1","scopes":["read"],"expiresAt":1800000600}"#)
        try fixture.send(#"{"type":"begin","session":"s1","call":{"id":"c2","parent":"c1"}}"#)
        func begin(_ id: String, within parent: String, _ authority: String) throws {
            try fixture.send(
                #"{"type":"begin","session":"s1","call":{"id":"\#(id)","parent":"\#(parent)"},"authority":{\#(authority)}}"#
            )
        }
        try begin("c3", within: "c2", #""scopes":["read"]"#)
        #expect(fixture.anomalies.isEmpty)
        try begin("c4", within: "c2", #""scopes":["read","admin"]"#)
        #expect(fixture.rules == [.authorityWidened])
        // What the nearest does not say is the one's before it.
        try begin("c5", within: "c3", #""expiresAt":1800000601"#)
        #expect(fixture.rules == [.authorityWidened, .authorityWidened])
        #expect(fixture.anomalies.map(\.call) == ["c4", "c5"])
    }

    @Test func `authority_widened: a refresh of the only grant in use, which it does not name`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"g1","scopes":["read"]}"#)
        _ = try transition("refresh", #","to":"g2","authority":{"grant":"g2","scopes":["read","admin"]}"#)
        #expect(fixture.rules == [.authorityWidened])
    }

    @Test func `of several grants in use it is not known which was refreshed`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"g1","scopes":["read"]}"#)
        try fixture.begin("c2", #","authority":{"grant":"g2","scopes":["write"]}"#)
        _ = try transition("refresh", #","to":"g3","authority":{"grant":"g3","scopes":["write"]}"#)
        #expect(fixture.anomalies.isEmpty)
    }

    @Test func `authority_widened: a grant that grows by itself`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"g1","scopes":["read"]}"#)
        try fixture.begin("c2", #","authority":{"grant":"g1","scopes":["read","admin"]}"#)
        #expect(fixture.rules == [.authorityWidened])
        #expect(fixture.anomalies.first?.came == "admin")
    }

    @Test(arguments: [
        (#""scopes":["read","write"],"issuedAt":1800000000,"expiresAt":1800000600"#, true),
        (#""scopes":["read"],"issuedAt":1800000000,"expiresAt":1800000601"#, true),
        (#""scopes":["read"],"issuedAt":1800000500,"expiresAt":1800001100"#, false),
    ])
    func `authority_widened: a refresh that brings more, or for longer, than it refreshes`(
        _ claim: String, _ isWider: Bool
    ) throws {
        try fixture.hello()
        try fixture.begin(
            "c1",
            #","authority":{"grant":"g1","scopes":["read"],"issuedAt":1800000000,"expiresAt":1800000600}"#)
        _ = try transition("refresh", #","from":"g1","to":"g2","authority":{"grant":"g2",\#(claim)}"#)
        #expect(fixture.rules == (isWider ? [.authorityWidened] : []))
    }

    @Test func `repeated_refresh: what has been refreshed is refreshed again`() throws {
        try fixture.hello()
        _ = try transition("refresh", #","from":"g1","to":"g2""#)
        _ = try transition("refresh", #","from":"g2","to":"g3""#)
        #expect(fixture.anomalies.isEmpty)
        _ = try transition("refresh", #","from":"g1","to":"g4""#)
        #expect(fixture.rules == [.repeatedRefresh])
        #expect(fixture.anomalies.first?.expected == "grant g1 refreshed once")
    }

    @Test func `repeated_refresh: more often than credentials age`() throws {
        try fixture.hello()
        for _ in 0..<SessionTrust.refreshLimit { _ = try transition("refresh", #","from":"g","to":"g""#) }
        #expect(fixture.anomalies.isEmpty)
        fixture.pass(seconds: 61)
        for _ in 0..<SessionTrust.refreshLimit { _ = try transition("refresh", #","from":"g","to":"g""#) }
        #expect(fixture.anomalies.isEmpty)
        _ = try transition("refresh", #","from":"g","to":"g""#)
        #expect(fixture.rules == [.repeatedRefresh])
        #expect(fixture.anomalies.first?.came == "6")
    }

    @Test func `stale_trust: authority from before the account changed`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"old"}"#)
        try fixture.end("c1")
        fixture.pass(seconds: 10)
        _ = try transition("account", #","from":"ann","to":"bob""#)
        #expect(fixture.anomalies.isEmpty)
        fixture.pass(seconds: 10)
        try fixture.begin("c2", #","authority":{"grant":"new","issuedAt":1800000015}"#)
        try fixture.begin("c3", #","authority":{"grant":"unknown"}"#)
        #expect(fixture.anomalies.isEmpty)
        try fixture.begin("c4", #","authority":{"grant":"older","issuedAt":1800000005}"#)
        try fixture.begin("c5", #","authority":{"grant":"old"}"#)
        #expect(fixture.rules == [.staleTrust, .staleTrust])
        #expect(fixture.anomalies.map(\.call) == ["c4", "c5"])
        #expect(
            fixture.anomalies.first?.expected
                == "authority from after the account changed (2027-01-15T08:00:10.000000000Z)")
    }

    @Test func `stale_trust: a refresh makes nothing younger`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"old","scopes":["read"]}"#)
        try fixture.end("c1")
        fixture.pass(seconds: 10)
        _ = try transition("account", #","from":"ann","to":"bob""#)
        fixture.pass(seconds: 10)
        let fresh = #"{"grant":"new","scopes":["read"],"issuedAt":1800000020}"#
        _ = try transition("refresh", #","from":"old","to":"new","authority":\#(fresh)"#)
        #expect(fixture.rules == [.staleTrust])
        try fixture.begin("c2", #","authority":\#(fresh)"#)
        #expect(fixture.rules == [.staleTrust, .staleTrust])
        #expect(fixture.anomalies.last?.came == "grant new, refreshed from one that is from before")
        // What was minted since is not.
        try fixture.begin("c3", #","authority":{"grant":"g3","issuedAt":1800000020}"#)
        _ = try transition("refresh", #","from":"g3","to":"g4","authority":{"grant":"g4"}"#)
        try fixture.begin("c4", #","authority":{"grant":"g4"}"#)
        #expect(fixture.rules.count == 2)
    }

    // MARK: Control

    @Test func `repeated_override: a policy that is overridden over and over`() throws {
        try fixture.hello()
        for _ in 0..<SessionTrust.overrideLimit {
            try override("p")
            try override("q")
        }
        #expect(fixture.anomalies.isEmpty)
        try override("p")
        #expect(fixture.rules == [.repeatedOverride])
        #expect(fixture.anomalies.first?.came == "3 times")
        fixture.pass(seconds: 601)
        try override("p")
        #expect(fixture.anomalies.count == 1)
    }

    @Test func `mode_switch_without_user: a mode that no human switches`() throws {
        try fixture.hello()
        _ = try transition("mode", #","to":"auto","initiator":{"kind":"human"}"#)
        #expect(fixture.anomalies.isEmpty)
        _ = try transition("mode", #","to":"plan","initiator":{"kind":"agent"}"#)
        _ = try transition("mode", #","to":"auto""#)
        #expect(fixture.rules == [.modeSwitchWithoutUser, .modeSwitchWithoutUser])
        #expect(fixture.anomalies.first?.came == "to plan by agent")
    }

    @Test func `control_change_unusual: a change from what was not`() throws {
        try fixture.hello()
        _ = try transition("account", #","from":"ann","to":"bob""#)
        _ = try transition("account", #","from":"bob","to":"cid""#)
        #expect(fixture.anomalies.isEmpty)
        _ = try transition("account", #","from":"ann","to":"dan""#)
        #expect(fixture.rules == [.controlChangeUnusual])
        #expect(fixture.anomalies.first?.expected == "a change of account from cid")
        #expect(fixture.anomalies.first?.came == "from ann to dan")
    }

    @Test func `control_change_unusual: another account while a call is open`() throws {
        try fixture.hello()
        try fixture.begin("c1")
        _ = try transition("account", #","to":"bob""#)
        #expect(fixture.rules == [.controlChangeUnusual])
        #expect(fixture.anomalies.first?.came == "1 open call")
    }

    @Test func `identity_mismatch: another workload's session`() throws {
        try fixture.hello()
        try fixture.begin("c1")
        #expect(try fixture.begin("c1", from: BookFixture.mallory, on: 2).code == .notYourSession)
        #expect(fixture.rules == [.identityMismatch])
        #expect(fixture.anomalies.first?.came == "begin in a session of another workload")
    }

    @Test func `identity_mismatch: a session from after the client has connected, once it was refused`() throws {
        fixture.arrive(2)
        try fixture.hello()
        try fixture.begin("c1")
        // By chance, for all that is known.
        #expect(try fixture.end("c1", from: BookFixture.mallory, on: 2).code == .notYourSession)
        #expect(try fixture.end("c9", from: BookFixture.mallory, on: 2).code == .notYourSession)
        #expect(fixture.anomalies.isEmpty)
        #expect(try fixture.end("c1", from: BookFixture.mallory, on: 2).code == .notYourSession)
        #expect(fixture.rules == [.identityMismatch])
        #expect(fixture.anomalies.first?.came == "end in a session of another workload")
        // Another session, and another connection, may be by chance again.
        try fixture.hello("s2")
        fixture.arrive(3)
        try fixture.hello("s3")
        for (session, connection) in [("s2", 2), ("s3", 2), ("s3", 3)] {
            try fixture.begin("c\(connection)", session: session)
            try fixture.end("c\(connection)", session: session, from: BookFixture.mallory, on: connection)
        }
        #expect(fixture.rules == [.identityMismatch])
    }

    @Test func `what was refused to a connection is charged to its workload, and bounded`() throws {
        fixture.arrive(2)
        for number in 0..<200 {
            try fixture.hello("s\(number)")
            try fixture.end("c1", session: "s\(number)", from: BookFixture.mallory, on: 2)
        }
        #expect((64 * 64..<64 * 128).contains(fixture.accounts.of(BookFixture.mallory.workload).bytes))
        fixture.book.leave(2)
        #expect(fixture.accounts.of(BookFixture.mallory.workload).bytes == 0)
    }

    // MARK: Clients that come back

    /// The only client of a session loses its connection.
    private func lose(_ connection: Int) {
        fixture.book.leave(connection)
        fixture.pass(seconds: 300)
        fixture.book.tick()
    }

    @Test func `epoch_mismatch: a client that comes back in an epoch that is over`() throws {
        _ = try hello(epoch: 3)
        lose(1)
        #expect(try hello(epoch: 1, on: 2).code == .outOfOrder)
        #expect(fixture.rules == [.epochMismatch])
        #expect(fixture.anomalies.first?.expected == "epoch 3 or later")
        #expect(fixture.book.sessions.isEmpty)
        #expect(try hello(epoch: 3, on: 2).type == "ack")
        #expect(try transition("reconnect", #","epoch":4"#, on: 2).type == "ack")
        #expect(fixture.anomalies.count == 1)
    }

    @Test func `stale_trust and duplicate_operation: what a client brings back from before`() throws {
        try fixture.hello()
        try fixture.begin("c1", #","authority":{"grant":"g1"}"#)
        try fixture.end("c1")
        fixture.pass(seconds: 1)
        _ = try transition("account", #","to":"bob""#)
        lose(1)
        try fixture.hello(on: 2)
        try fixture.begin("c1", #","authority":{"grant":"g1"}"#, on: 2)
        #expect(fixture.rules == [.duplicateOperation, .staleTrust])
    }

    @Test func `repeated_override and repeated_refresh: those from before count`() throws {
        for number in 1...3 {
            try fixture.hello(on: number)
            try override("p", on: number)
            #expect(try transition("refresh", #","from":"g1","to":"g2""#, on: number).type == "ack")
            fixture.book.leave(number)
        }
        #expect(fixture.rules == [.repeatedRefresh, .repeatedOverride, .repeatedRefresh])
    }

    @Test func `what a client comes back to was the same workload's, and is forgotten in time`() throws {
        _ = try hello(epoch: 3)
        lose(1)
        #expect(
            try fixture.send(
                #"{"type":"hello","protocol":1,"session":"s1","epoch":1}"#, from: BookFixture.mallory, on: 2
            ).type == "ack")
        fixture.forget()
        #expect(try hello(epoch: 1, on: 3).type == "ack")
        #expect(fixture.anomalies.isEmpty)
    }

    // MARK: How many are told

    @Test func `a rule that is broken over and over is told so often, with the number of the others`() throws {
        try fixture.hello()
        for number in 0..<25 { try fixture.end("c\(number)") }
        #expect(fixture.anomalies.count == AnomalyGate.limit)
        #expect(fixture.book.gate.suppressed == 15)
        // Another rule, and another workload.
        try fixture.send(#"{"type":"session.end","session":"s1"}"#)
        try fixture.end("c1")
        #expect(fixture.rules.last == .callAfterSessionEnd)
        try fixture.hello(from: BookFixture.mallory, on: 2)
        try fixture.end("c1", from: BookFixture.mallory, on: 2)
        #expect(fixture.anomalies.count == AnomalyGate.limit + 2)
        fixture.pass(seconds: 61)
        try fixture.hello()
        try fixture.end("c99")
        #expect(fixture.anomalies.last?.call == "c99")
        #expect(fixture.anomalies.last?.suppressed == 15)
    }

    @Test func `what was held back is told when nothing follows it`() throws {
        try fixture.hello()
        for number in 0..<25 { try fixture.end("c\(number)") }
        fixture.book.tick()
        #expect(fixture.anomalies.count == AnomalyGate.limit)
        fixture.pass(seconds: 60)
        fixture.book.tick()
        #expect(fixture.anomalies.count == AnomalyGate.limit + 1)
        #expect(fixture.anomalies.last?.call == "c24")
        #expect(fixture.anomalies.last?.suppressed == 14)
        fixture.book.tick()
        #expect(fixture.anomalies.count == AnomalyGate.limit + 1)
        #expect(fixture.book.isIdle)
    }
}
