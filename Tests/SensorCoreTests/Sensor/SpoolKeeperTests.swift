// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct SpoolKeeperTests {
    private let scratch: ScratchDirectory

    init() throws { scratch = try ScratchDirectory() }

    /// A record made so many seconds ago; nil: it does not say when.
    private func payload(_ age: UInt64?) throws -> [UInt8] {
        let record = PostureRecord.with {
            ($0.schema, $0.node, $0.boot) = (PostureRecord.currentSchema, "n1", "another")
            let now = ClockReading.now().wall
            if let age { $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: now - age * 1_000_000_000) }
        }
        return try record.jsonUTF8Bytes()
    }

    private func log(_ ages: [UInt64?]) throws -> StateLog {
        let log = try scratch.log()
        var stream = RecordStream(log.head)
        for age in ages { _ = try #require(log.append(payload(age), to: &stream)) }
        #expect(log.commit([:]) != .failed)
        return log
    }

    private var keeper: SpoolKeeper {
        var limits = SpoolLimits()
        (limits.age, limits.freePercent) = (.seconds(100), 0)
        return SpoolKeeper(limits, boot: "b")
    }

    @Test(
        arguments: [
            ([500, 400, 300, 50, 10], 3), ([500], 1), ([50, 10], nil), ([nil, nil, 400, 50], 3), ([nil, 50], nil),
            ([400, nil, 300, nil, 50, nil], 3), ([nil, nil], nil), ([400, nil, nil, nil, nil, nil, nil, 50], 1),
        ] as [([UInt64?], UInt64?)])
    func `what is too old goes, also behind what says nothing of its age`(_ ages: [UInt64?], _ last: UInt64?) throws {
        var keeper = keeper
        let log = try log(ages)
        #expect(keeper.excess(of: log, now: .now) == last)
    }

    @Test func `damage hides nothing that is too old`() throws {
        var keeper = keeper
        let log = try log([500, 500, 500, 400, 300, 50])
        for sequence in [1, 2, 4] as [UInt64] { log.loseRecord(sequence, in: 0) }
        #expect(keeper.excess(of: log, now: .now) == 5)
    }
}
