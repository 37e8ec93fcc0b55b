// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Logging
import SensorTestSupport
import Testing

@testable import SensorCore

/// What is kept over restarts, and that nothing but the records decides what it is.
@Suite(.timeLimit(.minutes(5))) struct PostureReceiverTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    private static var log: Logger {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return log
    }

    private func receiver(_ limits: ReceiverLimits = ReceiverLimits()) throws -> PostureReceiver {
        try PostureReceiver(directory: directory.path + "/state", limits: limits, log: Self.log) {
            NodeStream.start + 1000 * NodeStream.hour
        }
    }

    private static func acknowledged(_ answer: ReceiverAnswer) -> UInt64? {
        guard answer.status == 200 else { return nil }
        let text = String(decoding: answer.body, as: UTF8.self)
        return text.split(separator: #""acknowledged":""#).last.flatMap { UInt64($0.prefix { $0 != "\"" }) }
    }

    /// A sender that repeats itself and forgets how far it has come, but goes back to what is acknowledged.
    private struct Sender {
        let stream: NodeStream
        var position = 0

        mutating func step(
            _ receiver: PostureReceiver, _ random: inout SplitMix
        ) async throws {
            let count = stream.records.count
            var start = position
            switch Int.random(in: 0..<8, using: &random) {
            case 0: start = Int.random(in: 0...start, using: &random)
            // Of a stream that is not known, what comes first may be its beginning.
            case 1 where position > 0: start = min(count - 1, start + Int.random(in: 0..<4, using: &random))
            default: break
            }
            guard start < count else { return }
            let end = Int.random(in: start + 1...count, using: &random)
            let encoding: ReceivedBatch.Encoding = Bool.random(using: &random) ? .json : .protobuf
            let answer = await receiver.receive(
                try stream.body(start..<end, encoding), encoding, isPacked: false, from: .names([stream.node]))
            let sequence = try #require(PostureReceiverTests.acknowledged(answer))
            // The answer may be lost.
            if Int.random(in: 0..<5, using: &random) > 0 { position = Int(sequence) }
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func `however batches come, and over restarts, the profile is the merge of the nodes' own shares`(
        _ seed: UInt64
    ) async throws {
        var random = SplitMix(seed: seed)
        var senders: [Sender] = []
        for (name, writer, number) in [("n1", "w", 1), ("n2", "w", 2), ("n2", "v", 3), ("n3", "w", 4)] {
            var stream = NodeStream(name, writer: writer, seed: seed &* 10 &+ UInt64(number))
            for day in 0..<5 as Range<UInt64> {
                stream.act(&random, at: NodeStream.start + day * 24 * NodeStream.hour, times: 25)
                stream.tellOfNode(day)
            }
            senders.append(Sender(stream: stream))
        }
        var receiver: PostureReceiver? = try receiver()
        var steps = 0
        while let next = senders.indices.filter({ senders[$0].position < senders[$0].stream.records.count })
            .randomElement(using: &random)
        {
            try await senders[next].step(try #require(receiver), &random)
            steps += 1
            try #require(steps < 10_000)
            if Int.random(in: 0..<10, using: &random) == 0 { try await reopen(&receiver) }
        }
        for _ in 0..<2 {
            let found = try #require(await receiver?.subjects { _ in true }.first)
            var wanted = SharedProfile(found.subject)
            for sender in senders { wanted.merge(with: sender.stream.share) }
            #expect(found.profile == wanted)
            #expect(found.nodes == ["n1", "n2", "n3"])
            #expect(found.factCount == wanted.facts.values.reduce(0) { $0 + $1.writers.count })
            let statistics = try #require(await receiver?.statistics)
            #expect(statistics.events == 20 && statistics.facts == found.factCount && statistics.writers == 4)
            try await reopen(&receiver)
        }
    }

    /// Another one on the same directory, as after a kill: it is not closed.
    private func reopen(_ receiver: inout PostureReceiver?, _ limits: ReceiverLimits = ReceiverLimits()) async throws {
        receiver = nil
        // Whoever asked it last lets go of it soon.
        let deadline = ContinuousClock.now + .seconds(60)
        while receiver == nil {
            receiver = try? self.receiver(limits)
            try #require(receiver != nil || ContinuousClock.now < deadline)
        }
    }

    @Test func `what cannot be kept is not acknowledged`() async throws {
        var limits = ReceiverLimits()
        limits.stateBytes = 1 << 20
        let receiver = try receiver(limits)
        var node = NodeStream("n1")
        for number in 0..<12_000 { node.tellOfNode(UInt64(number)) }
        var (position, refused) = (0, 0)
        while position < node.records.count, refused < 3 {
            let end = min(node.records.count, position + 500)
            let answer = await receiver.receive(
                try node.body(position..<end), .protobuf, isPacked: false, from: .anybody)
            if let sequence = Self.acknowledged(answer) {
                #expect(Int(sequence) == end)
                position = Int(sequence)
            } else {
                #expect(answer.status == 503 && answer.retryAfter != nil)
                refused += 1
            }
        }
        #expect(position > 0 && refused == 3)
        #expect(await receiver.statistics.trouble != nil)
    }

    @Test func `a credential speaks for its own node alone`() async throws {
        let receiver = try receiver()
        var node = NodeStream("n1")
        node.tellOfNode(1)
        let body = try node.body()
        #expect(await receiver.receive(body, .protobuf, isPacked: false, from: .names(["n2"])).status == 403)
        #expect(await receiver.receive(body, .protobuf, isPacked: false, from: .names(["n2", "n1"])).status == 200)
        #expect(await receiver.statistics.refused == [.foreign: 1])
    }

    @Test func `events are told as they came, page by page`() async throws {
        let receiver = try receiver()
        var node = NodeStream("n1")
        for number in 0..<7 { node.tellOfNode(UInt64(number)) }
        _ = await receiver.receive(try node.body(), .protobuf, isPacked: false, from: .anybody)
        var lines: [[UInt8]] = []
        var next: EventCursor?
        for count in [3, 3, 1, 0] {
            let page = try await receiver.events(after: next, body: "nodeCoverage", node: nil, limit: 3)
            #expect(page.events.count == count)
            lines += page.events.map(\.line)
            next = page.next
        }
        #expect(lines == node.batch().records)
        #expect(try await receiver.events(after: nil, body: "gap", node: nil, limit: 3).next.number == 7)
        #expect(try await receiver.events(after: nil, body: nil, node: "n2", limit: 3).events.isEmpty)
    }

    /// From the first on, without a cursor.
    private func events(
        _ receiver: PostureReceiver?, after cursor: EventCursor?, limit: Int = 9
    ) async throws -> EventPage {
        try await #require(receiver).events(after: cursor, body: nil, node: nil, limit: limit)
    }

    @Test func `who reads events is told what made room meanwhile, also over restarts`() async throws {
        var limits = ReceiverLimits()
        limits.events = 4
        var receiver: PostureReceiver? = try receiver(limits)
        var node = NodeStream("n1")
        for number in 0..<3 { node.tellOfNode(UInt64(number)) }
        _ = await receiver?.receive(try node.body(), .protobuf, isPacked: false, from: .anybody)
        let before = try await events(receiver, after: nil, limit: 2)
        #expect(before.next.number == 2 && before.missed == 0)
        for number in 3..<7 { node.tellOfNode(UInt64(number)) }
        _ = await receiver?.receive(try node.body(), .protobuf, isPacked: false, from: .anybody)
        for isRestarted in [false, true] {
            if isRestarted { try await reopen(&receiver, limits) }
            let after = try await events(receiver, after: before.next)
            #expect(after.events.map(\.entry.number) == [4, 5, 6, 7] && after.missed == 1)
            #expect(try await events(receiver, after: nil).missed == 3)
            #expect(try await events(receiver, after: after.next).missed == 0)
        }
        #expect(try await events(receiver, after: EventCursor(StreamID(), 6)).events.count == 4)
    }

    @Test func `where events are lost their numbers are of another series`() async throws {
        var receiver: PostureReceiver? = try receiver()
        var node = NodeStream("n1")
        for number in 0..<7 { node.tellOfNode(UInt64(number)) }
        _ = await receiver?.receive(try node.body(), .protobuf, isPacked: false, from: .anybody)
        let before = try await events(receiver, after: nil)
        await receiver?.close()
        let lines = before.events.map(\.line)
        let last = try #require(lines.last)
        let state = directory.path + "/state"
        for name in try FileManager.default.contentsOfDirectory(atPath: state) where name.hasSuffix(".log") {
            let file = URL(fileURLWithPath: state + "/" + name)
            var data = try Data(contentsOf: file)
            guard let place = data.firstRange(of: last) else { continue }
            data[place.lowerBound] ^= 1
            try data.write(to: file)
        }
        try await reopen(&receiver)
        let after = try await events(receiver, after: before.next)
        #expect(after.events.map(\.line) == lines.dropLast() && after.next.series != before.next.series)
        try await reopen(&receiver)
        #expect(try await events(receiver, after: after.next).events.isEmpty)
    }
}
