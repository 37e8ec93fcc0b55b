// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite struct SetAsideFilesTests {
    private let directory: TestDirectory
    private let why = ReconcilerRefusal(status: 422, body: Array("no \u{1b}[31m\"such\"\n{\"setAside\":".utf8) + [0xff])

    init() throws { directory = try TestDirectory() }

    private func batches(_ count: Int) -> [[RecordEnvelope]] {
        var stream = RecordStream()
        return (0..<count).map { number in
            [stream.append(Array("{\"n\":\(number)}".utf8)), stream.append(Array("{}".utf8))]
        }
    }

    @Test func `batches are kept as lines, and the earliest go when there are too many`() throws {
        let folder = directory.path + "/aside"
        let files = SetAsideFiles(directory: folder, limit: 1300)
        let batches = batches(4)
        var paths: [String] = []
        // What a kill left.
        SmallFile.makeDirectory(of: folder + "/draft")
        try SmallFile.replace(folder + "/1-draft.ndjson.new", with: Array("{".utf8))
        for (number, batch) in batches.enumerated() {
            let kept = try files.keep(batch, why: why, time: UInt64(1_000_000_000 + number))
            paths.append(kept.path)
            #expect(kept.dropped == (number < 3 ? 0 : 1), "\(number)")
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(names == paths.dropFirst().map { String($0.dropFirst(folder.count + 1)) })
        let text = try SmallFile.read(paths[3], limit: 10_000)
        let lines = text.split(separator: 10).dropFirst().map { Array($0) + [10] }
        #expect(lines == batches[3].compactMap(\.line))
        var verifier = StreamVerifier()
        verifier.feed(text)
        let report = verifier.finish()
        #expect(report.isWhole && report.records == 2 && report.others == 1)
        #expect(throws: SystemError.self) {
            try SetAsideFiles(directory: paths[3] + "/below").keep(batches[0], why: why, time: 1)
        }
    }

    @Test func `what was set aside is found again with all that was known of it`() throws {
        let files = SetAsideFiles(of: "reconciler", in: directory.path)
        let other = SetAsideFiles(of: "otlp-logs", in: directory.path)
        let batches = batches(2)
        _ = try files.keep(batches[1], why: why, time: 1_000_000_001)
        _ = try files.keep(batches[0], why: ReconcilerRefusal("too large"), time: 999_999_999)
        _ = try other.keep(batches[0], why: why, time: 7)
        let all = SetAsideFiles.all(in: directory.path)
        #expect(all.map { $0.sink } == ["otlp-logs", "reconciler"])
        #expect(all.map { $0.files.batches.count } == [1, 2])
        let found = files.batches
        #expect(found.map(\.sequences) == [1...2, 3...4] && found.map(\.records) == [2, 2])
        #expect(found.map(\.time) == [999_999_999, 1_000_000_001] && found[0].stream == batches[0][0].stream)
        #expect(found[0].why == ReconcilerRefusal("too large"))
        #expect(found[1].why == why && why.answer.hasSuffix("\u{fffd}"))
        let lines = files.lines(of: found[1])?.map { Array($0) + [10] }
        #expect(lines == batches[1].compactMap(\.line))
        #expect(files.records(of: found[1])?.map(\.sequence) == [3, 4])

        try files.mark(found[1], true)
        #expect(files.batches.map(\.isMarked) == [false, true] && files.lines(of: found[1]) == nil)
        try files.mark(files.batches[1], false)
        #expect(files.batches == found)
        files.remove(found[1])
        #expect(files.batches == [found[0]] && files.records(of: found[1]) == nil)
    }

    @Test func `what is no batch is left alone`() throws {
        let files = SetAsideFiles(directory: directory.path, limit: 1)
        let stream = StreamID()
        for name in [
            "x.ndjson", "1-\(stream)-3-2.ndjson", "1-\(stream)-0-2.ndjson", "1-\(stream)-1-2.txt", "1-a-1-2.ndjson",
        ] {
            try SmallFile.replace("\(directory.path)/\(name)", with: [1])
        }
        #expect(files.batches.isEmpty)
        // Of an earlier version, which did not say why.
        let line = try #require(batches(1)[0][0].line)
        try SmallFile.replace("\(directory.path)/9-\(stream)-1-1.ndjson", with: line)
        #expect(files.batches.map(\.why) == [nil] && files.batches.map(\.records) == [1])
        _ = try files.keep(batches(1)[0], why: why, time: 10)
        #expect(files.batches.map(\.time) == [10])
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).count == 6)
    }

    @Test func `it is known of what has been set aside twice`() {
        let stream = StreamID()
        func batch(_ sequences: ClosedRange<UInt64>, of stream: StreamID) -> SetAsideBatch {
            SetAsideBatch(time: 1, stream: stream, sequences: sequences, why: nil)
        }
        let batches = [batch(1...10, of: stream), batch(5...12, of: stream), batch(1...40, of: StreamID())]
        #expect(batch(8...20, of: stream).overlap(with: batches) == 5)
        #expect(batch(13...20, of: stream).overlap(with: batches) == 0)
    }
}
