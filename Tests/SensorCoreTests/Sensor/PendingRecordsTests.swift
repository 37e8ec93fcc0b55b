// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct PendingRecordsTests {
    private func workload(_ name: String) -> WorkloadDescription { WorkloadDescription(kind: "Host", name: name) }

    /// Of as many bytes as there are in `body`, and what each record takes.
    private func content(_ name: String, bytes: Int = 0) throws -> (content: RecordContent, name: String) {
        let head = PostureRecord.with { $0.node = name }
        let text = "\"" + String(repeating: "x", count: bytes) + "\""
        return (RecordContent(RecordHead(head), "toolCall", body: Array(text.utf8)[...]), name)
    }

    private func nodes(_ contents: [RecordContent]) throws -> [String] {
        try contents.map { content in
            let text = String(decoding: try content.json(), as: UTF8.self)
            return String(text.split(separator: "\"")[3])
        }
    }

    @Test func `they come out in the order in which they came, once, anomalies by themselves`() throws {
        var pending = PendingRecords()
        let (one, other) = (workload("one"), workload("other"))
        for number in 0..<6 {
            pending.append(try content("\(number)").content, .toolCallEnd, of: number % 2 == 0 ? one : other)
            pending.append(try content("a\(number)").content, .anomalyState, of: one)
        }
        let (first, second) = (pending.take(), pending.take())
        #expect(try nodes(first.others) == ["0", "1", "2", "3", "4", "5"])
        #expect(try nodes(first.urgent) == ["a0", "a1", "a2", "a3", "a4", "a5"])
        #expect(second.urgent.isEmpty && second.others.isEmpty)
        let isLost = !pending.takeLost().isEmpty
        #expect(!isLost)
    }

    @Test func `who has most pays, and only he is said to have lost any`() throws {
        var pending = PendingRecords(limit: 20_000)
        let (quiet, loud) = (workload("quiet"), workload("loud"))
        pending.append(try content("first").content, .anomalyState, of: quiet)
        for _ in 0..<100 { pending.append(try content("loud", bytes: 300).content, .toolCallEnd, of: loud) }
        pending.append(try content("last").content, .toolCallEnd, of: quiet)
        let isHalfFull = pending.isHalfFull
        #expect(isHalfFull)
        let (lost, contents) = (pending.takeLost(), pending.take())
        #expect(lost.count == 1 && lost.first?.workload === loud && lost.first?.kind == .toolCallEnd)
        let names = try nodes(contents.others)
        #expect(try nodes(contents.urgent) == ["first"] && names.last == "last")
        #expect(UInt64(names.count - 1) + (lost.first?.count ?? 0) == 100)
        let (isLost, isStillHalfFull) = (!pending.takeLost().isEmpty, pending.isHalfFull)
        #expect(!isLost && !isStillHalfFull)
    }
}
