// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite struct SetAsideFilesTests {
    @Test func `batches are kept as lines, and the earliest go when there are too many`() throws {
        let directory = try TestDirectory()
        let folder = directory.path + "/aside"
        let files = SetAsideFiles(directory: folder, limit: 1000)
        var stream = RecordStream()
        let batches = (0..<4).map { number in
            [stream.append(Array("{\"n\":\(number)}".utf8)), stream.append(Array("{}".utf8))]
        }
        var paths: [String] = []
        // What a kill left.
        SmallFile.makeDirectory(of: folder + "/draft")
        try SmallFile.replace(folder + "/1-draft.ndjson.new", with: Array("{".utf8))
        for (number, batch) in batches.enumerated() {
            let kept = try files.keep(batch, time: UInt64(1_000_000_000 + number))
            paths.append(kept.path)
            #expect(kept.dropped == (number < 3 ? 0 : 1), "\(number)")
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(names == paths.dropFirst().map { String($0.dropFirst(folder.count + 1)) })
        let text = try SmallFile.read(paths[3], limit: 10_000)
        #expect(text == batches[3].compactMap(\.line).flatMap { $0 })
        #expect(throws: SystemError.self) {
            try SetAsideFiles(directory: paths[3] + "/below").keep(batches[0], time: 1)
        }
    }
}
