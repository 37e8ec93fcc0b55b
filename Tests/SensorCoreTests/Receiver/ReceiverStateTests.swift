// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

/// How batches are judged.
@Suite struct ReceiverStateTests {
    private var state = ReceiverState()
    private static let now = NodeStream.start + 100 * NodeStream.hour

    private static func node(_ name: String = "n1", records: UInt64 = 6, seed: UInt64 = 1) -> NodeStream {
        var node = NodeStream(name, seed: seed)
        for number in 0..<records { node.tellOfNode(number) }
        return node
    }

    private mutating func take(_ batch: ReceivedBatch) -> Result<UInt64, ReceiverRefusal> {
        Result { () throws(ReceiverRefusal) in try state.take(batch, at: Self.now) }
    }

    private func reason(_ result: Result<UInt64, ReceiverRefusal>) -> ReceiverRefusal.Reason? {
        if case .failure(let refusal) = result { refusal.reason } else { nil }
    }

    @Test mutating func `batches in order are acknowledged, repeated ones again, and counted once`() {
        let node = Self.node()
        #expect(take(node.batch(0..<3)) == .success(3))
        #expect(take(node.batch(0..<3)) == .success(3))
        #expect(take(node.batch(1..<5)) == .success(5))
        #expect(take(node.batch(5..<6)) == .success(6))
        #expect(take(node.batch(0..<1)) == .success(6))
        #expect(state.statistics.records == 6 && state.statistics.repeated == 6)
        #expect(state.events.entries.count == 6)
    }

    @Test mutating func `a batch beyond what is known is answered with what is known`() {
        let node = Self.node()
        #expect(take(node.batch(0..<2)) == .success(2))
        #expect(take(node.batch(3..<6)) == .success(2))
        #expect(take(node.batch(3..<6)) == .success(2))
        #expect(state.statistics.holes == 2 && state.statistics.records == 2)
        #expect(take(node.batch(2..<6)) == .success(6))
    }

    @Test mutating func `a stream that is not known may begin in the middle, if its node has nothing before`() {
        let node = Self.node()
        #expect(take(node.batch(3..<5)) == .success(0))
        #expect(take(node.batch(3..<5)) == .success(5))
        let other = Self.node("n2", seed: 2)
        #expect(take(other.batch(3..<5)) == .success(0))
        #expect(take(other.batch(0..<5)) == .success(5))
    }

    @Test mutating func `a gap stands for what is missing`() throws {
        var node = Self.node()
        let told = node.tellOfGap(3...4)
        let gap = try #require(told)
        let batch = NodeStream.batch("n1", node.stream.head.id, [gap, node.records[4]])
        #expect(take(node.batch(0..<2)) == .success(2))
        #expect(take(batch) == .success(5))
        #expect(state.streams.streams[node.stream.head.id]?.progress.summary.missing == 2)
        // What its sender has dropped, and the receiver has.
        let tooLate = node.tellOfGap(1...2)
        let late = try #require(tooLate)
        #expect(take(NodeStream.batch("n1", node.stream.head.id, [late])) == .success(5))
    }

    @Test mutating func `what contradicts a record that was taken is refused, and named`() throws {
        let node = Self.node()
        #expect(take(node.batch(0..<3)) == .success(3))
        var other = node.records[1]
        other.payload = node.records[2].payload
        #expect(reason(take(NodeStream.batch("n1", node.stream.head.id, [other]))) == .contradiction)
        let stream = try #require(state.streams.streams[node.stream.head.id])
        #expect(stream.refused == 1 && stream.lastRefusal.contains("sequence 2"), "\(stream.lastRefusal)")
        #expect(take(node.batch(3..<6)) == .success(6))
    }

    @Test mutating func `what breaks the chain is refused, and what comes before it is acknowledged first`() {
        let node = Self.node()
        var records = node.records
        records[3].previous = PayloadDigest(of: [1])
        let batch = NodeStream.batch("n1", node.stream.head.id, records)
        #expect(take(batch) == .success(3))
        #expect(reason(take(NodeStream.batch("n1", node.stream.head.id, Array(records[3...])))) == .brokenChain)
        // Set aside by its sender.
        var sender = node
        let gap = sender.tellOfGap(4...4)
        #expect(take(NodeStream.batch("n1", node.stream.head.id, [gap, records[4]].compactMap { $0 })) == .success(5))
    }

    @Test mutating func `what is sent again counts once, and only if it had not come before`() throws {
        var node = Self.node()
        #expect(take(node.batch(0..<2)) == .success(2))
        let stream = node.stream.head.id
        // The answer to two of these was lost, and all were set aside.
        let told = node.tellOfGap(1...4)
        let gap = try #require(told)
        #expect(take(NodeStream.batch("n1", stream, [gap, node.records[4], node.records[5]])) == .success(6))
        let resent = (1...4).map { node.resend($0) }
        let before = state.currentStatistics
        for _ in 0..<2 { #expect(take(NodeStream.batch("n1", stream, resent)) == .success(10)) }
        // Two of them are new, and the second time none is.
        #expect(state.currentStatistics.records == before.records + 2)
        #expect(state.currentStatistics.repeated == before.repeated + 2 + 4)
        let again = [node.resend(3), node.resend(5)]
        var restored = ReceiverState()
        for key in state.takeChanges() {
            let isKnown = state.value(of: key).map { restored.restore(key.bytes, $0) }
            #expect(isKnown ?? true)
        }
        restored.finishRestoring(isWhole: true)
        state = restored
        #expect(take(NodeStream.batch("n1", stream, again)) == .success(12))
        #expect(state.currentStatistics.records == 0 && state.currentStatistics.repeated == 2)
    }

    @Test mutating func `of a stream that was taken up in the middle what came before may be sent again`() throws {
        var node = Self.node()
        let stream = node.stream.head.id
        #expect(take(node.batch(3..<6)) == .success(0))
        #expect(take(node.batch(3..<6)) == .success(6))
        let again = [node.resend(2), node.resend(2), node.resend(5)]
        #expect(take(NodeStream.batch("n1", stream, again)) == .success(9))
        #expect(state.currentStatistics.records == 4 && state.currentStatistics.repeated == 2)
    }

    @Test mutating func `a stream is the node's that it came from first`() {
        let node = Self.node()
        #expect(take(node.batch(0..<2)) == .success(2))
        #expect(reason(take(NodeStream.batch("n2", node.stream.head.id, Array(node.records[2...])))) == .foreign)
    }

    @Test mutating func `records of other nodes, schemas, streams and of none are refused`() throws {
        let node = Self.node()
        #expect(reason(take(NodeStream.batch("n2", node.stream.head.id, node.records))) == .wrongPayload)
        var random = SplitMix(seed: 9)
        #expect(reason(take(NodeStream.batch("n1", StreamID(using: &random), node.records))) == .wrongPayload)
        for payload in [#"{"schema":"posture.v9","node":"n1"}"#, #"{"schema":1}"#, #"{"node":"n1"}"#] {
            var stream = RecordStream()
            let record = stream.append(Array(payload.utf8))
            #expect(reason(take(NodeStream.batch("n1", stream.head.id, [record]))) == .wrongPayload, "\(payload)")
            #expect(state.streams.streams[stream.head.id] == nil)
        }
        var batch = node.batch(0..<2)
        batch.records[0] = Array("{}".utf8)
        #expect(reason(take(batch)) == .wrongPayload)
        #expect(state.statistics.records == 0)
    }

    @Test mutating func `with keys, records are signed by one of them`() {
        let (signer, other) = (RecordSigner(), RecordSigner())
        state = ReceiverState(keys: RecordKeys([signer.publicKey]))
        for (signer, isTaken) in [(signer, true), (other, false), (nil, false)] {
            var random = SplitMix(seed: isTaken ? 1 : signer == nil ? 2 : 3)
            var node = NodeStream("n1", seed: random.next(), signer: signer)
            node.tellOfNode(1)
            #expect(reason(take(node.batch())) == (isTaken ? nil : .signature))
        }
    }

    @Test mutating func `there is room for so many streams, subjects, facts and events`() {
        var limits = ReceiverLimits()
        (limits.streamsOfNode, limits.streams, limits.subjects, limits.facts, limits.events) = (2, 3, 1, 10, 4)
        state = ReceiverState(limits: limits)
        for seed in 1...3 as ClosedRange<UInt64> {
            #expect(take(Self.node("n1", records: 2, seed: seed).batch()) == .success(2))
        }
        #expect(state.streams.streams.count == 2)
        #expect(take(Self.node("n2", records: 1, seed: 4).batch()) == .success(1))
        #expect(reason(take(Self.node("n3", records: 1, seed: 5).batch())) == .noRoom)
        #expect(state.events.entries.map(\.number) == [4, 5, 6, 7] && state.events.dropped == 3)

        var random = SplitMix(seed: 1)
        var first = NodeStream("n1", seed: 10)
        for _ in 0..<9 { first.act(&random, times: 20) }
        var second = NodeStream("n1", SubjectKey(kind: "Host"), seed: 11)
        second.act(&random)
        for node in [first, second] { #expect(take(node.batch()) == .success(UInt64(node.records.count))) }
        let statistics = state.currentStatistics
        #expect(statistics.subjects == 1 && statistics.facts == 10)
        #expect(statistics.leftOutFacts > 0 && statistics.leftOutRecords > 0)
    }

    @Test mutating func `a node for whose share there is no room is missed where the subject is read`() throws {
        var limits = ReceiverLimits()
        limits.writers = 1
        state = ReceiverState(limits: limits)
        var random = SplitMix(seed: 1)
        var (one, other) = (NodeStream("n1", seed: 1), NodeStream("n2", seed: 2))
        one.act(&random, times: 20)
        other.act(&random, times: 20)
        for node in [one, other] { #expect(take(node.batch()) == .success(UInt64(node.records.count))) }
        let subject = try #require(state.subjects.subjects[one.subject])
        #expect(other.subject == one.subject && subject.nodes == ["n1"])
        #expect(subject.leftOut > 0 && state.currentStatistics.leftOutFacts == subject.leftOut)
    }

    @Test mutating func `how many facts there was no room for is known after a restart`() throws {
        var limits = ReceiverLimits()
        limits.facts = 10
        state = ReceiverState(limits: limits)
        var random = SplitMix(seed: 1)
        var node = NodeStream("n1")
        for _ in 0..<9 { node.act(&random, times: 20) }
        #expect(take(node.batch()) == .success(UInt64(node.records.count)))
        let leftOut = try #require(state.subjects.subjects[node.subject]).leftOut
        #expect(leftOut > 0)

        var next = ReceiverState(limits: limits)
        for key in state.takeChanges() {
            guard let value = state.value(of: key) else { continue }
            let isKnown = next.restore(key.bytes, value)
            #expect(isKnown, "\(key)")
        }
        next.finishRestoring(isWhole: true)
        #expect(next.subjects.subjects[node.subject]?.leftOut == leftOut)
        #expect(next.subjects.factCount == 10)
    }

    @Test mutating func `names of rollouts have a bound, beyond which the oldest go`() {
        var limits = ReceiverLimits()
        limits.revisions = 4
        state = ReceiverState(limits: limits)
        var node = NodeStream("n1")
        let subject = node.subject
        func record(_ number: Int, of node: String = "n1") -> PostureRecord {
            PostureRecord.with {
                ($0.schema, $0.node, $0.time.seconds) = (PostureRecord.currentSchema, node, Int64(1000 + number))
                $0.subject = PostureSubject(subject)
                $0.profile.writer = "w"
                $0.profile.revisions = [
                    PostureRevision.with {
                        ($0.name, $0.firstSeen.seconds, $0.lastSeen.seconds) = ("\(number)", 900, Int64(1000 + number))
                    }
                ]
                $0.profile.facts = [
                    PostureFact.with {
                        ($0.discipline, $0.kind, $0.outcome, $0.count) = ("behavioral", "dns", "ok", UInt64(number + 1))
                        $0.lastSeen.seconds = Int64(1000 + number)
                        ($0.key.name, $0.key.type) = ("a.test", "A")
                        $0.revisions = (max(0, number - 1)...number).map(String.init)
                    }
                ]
            }
        }
        for number in 0..<7 { node.append(record(number)) }
        #expect(take(node.batch()) == .success(7))
        var latest: Set = ["3", "4", "5", "6"]
        #expect(state.subjects.subjects[subject].map { Set($0.profile.revisions.keys) } == latest)
        #expect(state.subjects.subjects[subject]?.profile.facts.values.map(\.revisions) == [latest])
        #expect(state.currentStatistics.leftOutRevisions == 3)
        // What comes late is older than all that there is.
        latest = ["4", "5", "6", "7"]
        var late = NodeStream("n2", seed: 2)
        late.append(record(7, of: "n2"))
        late.append(record(0, of: "n2"))
        #expect(take(late.batch()) == .success(2))
        #expect(state.subjects.subjects[subject].map { Set($0.profile.revisions.keys) } == latest)
        #expect(state.subjects.subjects[subject]?.profile.facts.values.map(\.revisions) == [latest])
    }
}
