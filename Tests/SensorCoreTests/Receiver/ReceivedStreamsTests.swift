// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct ReceivedStreamsTests {
    private let day: UInt64 = 86_400_000_000_000

    private func limits() -> ReceiverLimits {
        var limits = ReceiverLimits()
        (limits.streams, limits.streamsOfNode) = (3, 2)
        return limits
    }

    private func hear(_ id: StreamID, of node: String, at now: UInt64, _ streams: inout ReceivedStreams) throws
        -> [StreamID]
    {
        var stream = try #require(try streams.stream(id, of: node, first: 1, at: now))
        stream.heardAt = now
        return streams.update(id, stream)
    }

    @Test func `where there is no room the stream that was heard of longest ago goes, once its node may be gone`()
        throws
    {
        var streams = ReceivedStreams(limits: limits())
        let ids = (0..<5).map { _ in StreamID() }
        for (number, id) in ids.prefix(3).enumerated() {
            #expect(try hear(id, of: "n\(number)", at: UInt64(number) * day, &streams).isEmpty)
        }
        #expect(throws: ReceiverRefusal.self) { try streams.stream(ids[3], of: "n3", first: 1, at: 6 * day) }
        // It is still there.
        #expect(try hear(ids[0], of: "n0", at: 6 * day, &streams).isEmpty)
        #expect(throws: ReceiverRefusal.self) { try streams.stream(ids[3], of: "n3", first: 1, at: 7 * day) }
        #expect(try hear(ids[3], of: "n3", at: 8 * day, &streams) == [ids[1]])
        #expect(Set(streams.streams.keys) == [ids[0], ids[2], ids[3]])
        #expect(throws: ReceiverRefusal.self) { try streams.stream(ids[4], of: "n4", first: 1, at: 8 * day) }
    }

    @Test func `of a node that has too many its own goes`() throws {
        var streams = ReceivedStreams(limits: limits())
        let ids = (0..<4).map { _ in StreamID() }
        for (number, id) in ids.prefix(2).enumerated() {
            #expect(try hear(id, of: "n", at: UInt64(number), &streams).isEmpty)
        }
        #expect(try hear(ids[2], of: "m", at: 3, &streams).isEmpty)
        #expect(try hear(ids[3], of: "n", at: 4, &streams) == [ids[0]])
    }
}
