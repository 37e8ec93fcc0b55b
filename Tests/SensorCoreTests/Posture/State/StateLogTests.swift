// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct StateLogTests {
    private let scratch: ScratchDirectory

    init() throws { scratch = try ScratchDirectory() }

    @Test func `what was committed is there again`() throws {
        var log: StateLog? = try scratch.log(sync: .commit)
        #expect(log?.opening == OpeningReport())
        #expect(log?.commit(["a": "1", "b": "2"]) != .failed)
        #expect(log?.commit(["a": "3", "b": nil, "c": "4"]) != .failed)
        #expect(log?.close { _ in nil } != .failed)
        log = nil
        let again = try scratch.log()
        #expect(again.entries == ["a": "3", "c": "4"])
        #expect(again.opening.entries == 2)
        #expect(again.opening.wasClean)
        #expect(again.opening.isWhole)
        #expect(again.opening.stream == .continued)
    }

    @Test func `what was not committed is not`() throws {
        var log: StateLog? = try scratch.log()
        #expect(log?.commit(["a": "1"]) != .failed)
        log?.change(Array("a".utf8))
        var stream = RecordStream(try #require(log?.head))
        #expect(log?.append(Array("{}".utf8), to: &stream) != nil)
        log = nil
        let again = try scratch.log()
        #expect(again.entries == ["a": "1"])
        #expect(again.head.sequence == 0)
        #expect(!again.opening.wasClean)
    }

    @Test func `nothing is written where nothing has changed`() throws {
        let log = try scratch.log()
        #expect(log.commit(["a": "1"]) != .failed)
        let written = log.statistics.writtenBytes
        #expect(log.commit([:]) == .committed(bytes: 0, moved: 0))
        #expect(log.commit(["b": nil]) == .committed(bytes: 0, moved: 0))
        #expect(log.statistics.writtenBytes == written)
    }

    @Test func `the stream goes on where it stood`() throws {
        var log: StateLog? = try scratch.log()
        var stream = RecordStream(try #require(log?.head))
        let first = try #require(log?.append(Array(#"{"n":1}"#.utf8), to: &stream))
        let second = try #require(log?.append(Array(#"{"n":2}"#.utf8), to: &stream))
        #expect(log?.kept == [], "nothing is to be seen before it is on disk")
        #expect(log?.commit([:]) != .failed)
        #expect(log?.kept == [.record(first), .record(second)])
        log?.acknowledge(through: 1)
        log = nil

        log = try scratch.log()
        #expect(log?.head == stream.head)
        #expect(log?.kept == [.record(first), .record(second)], "the acknowledgement was not committed")
        log?.acknowledge(through: 1)
        #expect(log?.commit([:]) != .failed)
        log = nil

        log = try scratch.log()
        #expect(log?.kept == [.record(second)])
        #expect(log?.opening.records == 1)
        log?.acknowledge(through: 99)
        #expect(log?.acknowledged == 2)
    }

    @Test func `a stream keeps its signatures`() throws {
        let signer = RecordSigner()
        let log = try scratch.log()
        var stream = RecordStream(log.head, signer: signer)
        let envelope = try #require(log.append(Array("{}".utf8), to: &stream))
        #expect(log.commit([:]) != .failed)
        #expect(log.kept == [.record(envelope)])
        #expect(envelope.signature?.keyID == signer.publicKey.id)
    }

    @Test func `another stream may begin`() throws {
        var log: StateLog? = try scratch.log()
        var stream = RecordStream(try #require(log?.head))
        _ = log?.append(Array("{}".utf8), to: &stream)
        #expect(log?.commit([:]) != .failed)
        var other = RecordStream()
        _ = other.append(Array("{}".utf8))
        log?.begin(other.head)
        #expect(log?.kept == [])
        let envelope = try #require(log?.append(Array(#"{"a":1}"#.utf8), to: &other))
        #expect(envelope.sequence == 2)
        #expect(log?.commit([:]) != .failed)
        log = nil
        let again = try scratch.log()
        #expect(again.head == other.head)
        #expect(again.kept == [.record(envelope)])
    }

    @Test func `acknowledged records are a hole with a digest, for whoever still asks for them`() throws {
        let log = try scratch.log()
        var stream = RecordStream(log.head)
        let envelopes = (1...3).compactMap { log.append(Array(#"{"n":\#($0)}"#.utf8), to: &stream) }
        #expect(log.commit([:]) != .failed)
        log.acknowledge(through: 2)
        #expect(try log.next(after: 0) == .hole(1...2, digest: PayloadDigest(of: envelopes[1].payload)))
        #expect(log.kept == [.record(envelopes[2])])
        log.acknowledge(through: 3)
        #expect(try log.next(after: 2) == .hole(3...3, digest: PayloadDigest(of: envelopes[2].payload)))
        #expect(try log.next(after: 3) == nil)
    }

    @Test func `records that find no room have no place`() throws {
        var limits = StateLog.Limits()
        limits.waitingRecords = 10
        let log = try scratch.log(limits)
        var stream = RecordStream(log.head)
        #expect(log.append(Array("{12345678}".utf8), to: &stream) != nil)
        #expect(log.append(Array("{}".utf8), to: &stream) == nil)
        #expect(stream.head.sequence == 1)
        #expect(log.commit([:]) != .failed)
        #expect(log.append(Array("{}".utf8), to: &stream)?.sequence == 2)
    }

    @Test func `what is too long keeps nothing else from the disk`() throws {
        let log = try scratch.log()
        #expect(!log.change([UInt8](repeating: 0, count: 5000)))
        log.change([1])
        log.change([2])
        #expect(log.commit { $0 == [1] ? [UInt8](repeating: 0, count: 17 << 20) : [3] } != .failed)
        #expect(log.keys == [[2]])
        #expect(log.statistics.refusedEntries == 1)
    }

    @Test func `garbage is removed as it comes`() throws {
        var limits = StateLog.Limits()
        limits.segment = 16 << 10
        var log: StateLog? = try scratch.log(limits)
        var stream = RecordStream(try #require(log?.head))
        var expected: [String: String] = [:]
        var largest = 0
        for round in 0..<200 {
            var values: [String: String?] = [:]
            for key in 0..<10 where (round + key) % 3 == 0 {
                values["key-\(key)"] = String(repeating: "\(round % 10)", count: 500)
            }
            if round == 100 { values["once"] = "kept" }
            if round == 120 { values["gone"] = "x" }
            if round == 150 { values["gone"] = .some(nil) }
            for (key, value) in values { expected[key] = value }
            _ = log?.append(Array(#"{"n":\#(round)}"#.utf8), to: &stream)
            let outcome = try #require(log?.commit(values))
            guard case .committed(_, let moved) = outcome else {
                Issue.record("round \(round): \(outcome)")
                return
            }
            // A commit moves about as much as it writes, not a segment at once.
            #expect(moved <= (256 << 10) + 8192)
            log?.acknowledge(through: UInt64(round))
            largest = max(largest, log?.size.bytes ?? 0)
        }
        // Two values of each of eleven keys, and two segments.
        #expect(largest < 2 * 11 * 2 * 620 + 3 * (16 << 10))
        #expect(log?.entries == expected)
        #expect(log?.statistics.removedSegments ?? 0 > 10)
        log = nil
        let again = try scratch.log(limits)
        #expect(again.entries == expected)
        #expect(again.opening.isWhole)
        #expect(again.head == stream.head)
        #expect(again.kept.count == 2, "the last acknowledgement was not committed")
    }

    @Test func `a limit is a limit until there is less`() throws {
        var limits = StateLog.Limits()
        limits.bytes = 64 << 10
        let log = try scratch.log(limits)
        let large = String(repeating: "x", count: 20 << 10)
        #expect(log.commit(["a": large, "b": large]) != .failed)
        #expect(log.commit(["c": large, "d": large]) == .failed)
        #expect(log.condition == .full)
        #expect(log.entries.count == 2)
        for _ in 0..<4 { _ = log.commit(["a": nil, "b": nil, "c": nil, "d": "small"]) }
        #expect(log.condition == .working)
        #expect(log.entries == ["d": "small"])
        #expect(log.size.bytes <= 2 * limits.bytes)
    }

    @Test func `a loss of power renews what was not synced`() throws {
        var log: StateLog? = try scratch.log()
        let id = log?.head.id
        #expect(log?.commit(["a": "1"]) != .failed)
        log = nil
        log = try scratch.log(boot: "b")
        #expect(log?.opening.stream == .continued)
        log = nil
        log = try scratch.log(boot: "another")
        #expect(log?.opening.stream == .renewed)
        #expect(log?.head.id != id)
        #expect(log?.entries == ["a": "1"])
    }
}
