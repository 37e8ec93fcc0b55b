// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

/// How facts are shared out to records.
@Suite struct FactBatchesTests {
    private func facts(_ count: Int, text: String) -> [PostureFact] {
        (0..<count).map { number in
            PostureFact.with {
                let values = ["\(number)\(text)", text, text].map { ByteString($0) }
                $0.key = PostureFactKey(FactKey(.process, values))
                ($0.count, $0.processes, $0.replicas) = (UInt64(number), [text, text, text, text], [text])
            }
        }
    }

    @Test func `a record has two hundred facts, and one is made of none`() {
        let all = facts(450, text: "/usr/bin/python3")
        #expect(all.batches().map(\.count) == [200, 200, 50])
        #expect(all.batches().flatMap { $0 } == all)
        #expect(Array(all[..<200]).batches().map(\.count) == [200])
        #expect([PostureFact]().batches().map(\.count) == [0])
    }

    @Test func `whatever names somebody chooses, the log takes each record`() throws {
        let text = String(repeating: "\u{1}", count: 1024)
        let all = facts(400, text: text)
        let batches = all.batches()
        #expect(batches.count > 2 && batches.flatMap { $0 } == all)
        for batch in batches {
            let record = PostureRecord.with { $0.facts.facts = Array(batch) }
            let bytes: [UInt8] = try record.jsonUTF8Bytes()
            #expect(bytes.count < StateLog.Limits().waitingRecords)
        }
    }

    @Test func `names that facts share are no longer than a key's parts`() {
        var names = SharedNames()
        let number = names.number(of: ByteString(String(repeating: "a", count: 4096)))
        #expect(names[number].bytes.count <= 1024 && names[number].text.contains("a…~"))
        #expect(names.number(of: ByteString(String(repeating: "a", count: 4097))) != number)
        #expect(names.number(of: names[number]) == number)
    }
}
