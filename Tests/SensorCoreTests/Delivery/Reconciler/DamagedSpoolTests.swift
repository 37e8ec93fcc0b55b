// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import SensorTestSupport
import Testing

@testable import SensorCore

/// Records that wait for a reconciler on a disk that does not keep what it was given.
@Suite struct DamagedSpoolTests {
    /// Takes all, or nothing.
    private final class Sink: RecordSink {
        let name = "reconciler"
        private let takes: Bool
        private let records = NIOLockedValueBox<[RecordEnvelope]>([])

        init(takes: Bool) { self.takes = takes }

        func offer(_ envelope: RecordEnvelope) -> Bool {
            if takes { records.withLockedValue { $0.append(envelope) } }
            return takes
        }

        var settled: UInt64 { taken.last?.sequence ?? 0 }

        var taken: [RecordEnvelope] { records.withLockedValue { $0 } }
    }

    private let directory: TestDirectory
    private var state: String { directory.path + "/state" }

    init() throws { directory = try TestDirectory() }

    private func journal(_ sink: Sink) throws -> PostureJournal {
        try PostureJournal(directory: state, boot: "b", node: "n", sinks: [sink])
    }

    /// Changes one bit of each of these payloads.
    private func damage(_ payloads: [[UInt8]], _ random: inout SplitMix) throws {
        let file = open(state + "/00000001.log", O_RDWR | O_CLOEXEC)
        try #require(file >= 0)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: Int(lseek(file, 0, SEEK_END)))
        try #require(pread(file, &bytes, bytes.count, 0) == bytes.count)
        let text = bytes[...]
        for payload in payloads {
            let start = try #require(text.firstRange(of: payload)).lowerBound
            let place = start + Int.random(in: 0..<payload.count, using: &random)
            var byte = bytes[place] ^ 1 << UInt8.random(in: 0..<8, using: &random)
            try #require(pwrite(file, &byte, 1, off_t(place)) == 1)
        }
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func `flipped bits cost the records that they are in, a gap says which, and all others arrive as they were`(
        _ seed: UInt64
    ) throws {
        let total = 300
        var random = SplitMix(seed: seed)
        let first = try journal(Sink(takes: false))
        first.write(.numbered(0..<total))
        #expect(first.finish())
        let payloads = try (0..<total).map { try RecordContent(.numbered($0)).json() }
        let damaged = Set(
            (0..<Int.random(in: 1...6, using: &random)).map { _ in Int.random(in: 0..<total, using: &random) })
        try damage(damaged.sorted().map { payloads[$0] }, &random)

        let sink = Sink(takes: true)
        let second = try journal(sink)
        #expect(second.finish())
        #expect(second.stream == first.stream)
        let whole = sink.taken.filter { $0.replaced == nil }
        #expect(whole.map(\.sequence) == (0..<total).filter { !damaged.contains($0) }.map { UInt64($0) + 1 })
        #expect(whole.allSatisfy { $0.payload == payloads[Int($0.sequence) - 1] })
        let gone = sink.taken.compactMap { $0.replaced?.range }.flatMap { Array($0) }
        #expect(gone == damaged.sorted().map { UInt64($0) + 1 })
        var verifier = StreamVerifier()
        for record in sink.taken { verifier.feed(try #require(record.line)) }
        let report = verifier.finish()
        let stream = try #require(report.streams.first)
        #expect(report.firstBreak == nil && report.streams.count == 1)
        #expect(stream.repeated == 0 && stream.missing == UInt64(damaged.count) && stream.last == UInt64(total))
    }
}
