// SPDX-License-Identifier: Apache-2.0

import SensorCore
import SwiftProtobuf
import Testing

@Suite struct ToolCallRecordTests {
    private static func call(_ change: (inout ToolCallDetail) -> Void = { _ in }) -> ToolCallDetail {
        var call = ToolCallDetail(id: "c\"1", name: "read", session: "s1", scope: "thread")
        change(&call)
        return call
    }

    private static let records: [ToolCallRecord] = {
        var full = ToolCallRecord(
            state: .finished,
            call: call {
                $0.initiator = .init(kind: "human", id: "ada")
                $0.claims.context = "p1"
                $0.arguments = [
                    ToolCallArgument(
                        name: "path", type: "string", length: 3, digest: KeyedDigest(keyID: "k", value: "v"))
                ]
                $0.status = "ok"
                $0.duration = 5
                $0.parentCall = LinkedCall(id: "p", name: "", session: "s0")
            }, process: EventSample.agent, workload: EventSample.pod, began: 1_795_214_460_123_456_789,
            ended: 1_795_214_461_000_000_000)
        full.effects = [
            .init(
                event: "s-1", kind: .fileOpen, text: "/a\n", method: .exact,
                summary: .init(
                    count: .max, firstSeen: 1, lastSeen: 2_000_000_000, errorNumber: 2, process: "b-1-2",
                    executable: "/bin/sh", access: [.read, .create])),
            .init(
                event: "s-2", kind: .networkClose, text: "[::1]:443", method: .candidates, candidates: ["a", "b"],
                candidatesLeftOut: 7,
                summary: .init(firstSeen: 1, lastSeen: 1, bytesSent: 0, bytesReceived: .max)),
        ]
        full.counts = [.networkClose: 1, .fileOpen: .max]
        full.leftOut = 3
        full.isIncomplete = true
        full.outlivedBy = [.init(id: "b-3-4", pid: 3, executable: "/bin/sleep", method: .process)]
        full.outlivedByLeftOut = 1
        let bare = ToolCallRecord(state: .open, call: call(), workload: EventSample.unit, began: 0)
        var span = ToolCallRecord(
            state: .finished, call: EventSample.spanCall, process: EventSample.foreign, workload: .unknown(), began: 7,
            ended: 8)
        span.effects = EventSample.spanCall.effects?.listed ?? []
        return [full, bare, span]
    }()

    @Test(arguments: 0..<3) func `a line is what the schema makes of the record`(_ index: Int) throws {
        let record = Self.records[index]
        let line = String(decoding: record.line, as: UTF8.self)
        #expect(line.hasPrefix("{\"toolCall\":{") && line.hasSuffix("}}\n"))
        let body = String(line.dropFirst("{\"toolCall\":".count).dropLast(2))
        #expect(try PostureToolCallRecord(jsonString: body) == PostureToolCallRecord(record), "\(line)")
    }

    @Test(arguments: 0..<3) func `a record that is read back writes the same line`(_ index: Int) throws {
        let line = Self.records[index].line
        let record = try #require(ToolCallRecord(json: line[...]))
        #expect(String(decoding: record.line, as: UTF8.self) == String(decoding: line, as: UTF8.self))
    }

    @Test func `an event lists a bounded number of the calls that it could be for`() {
        let ids = (1...100).map { "c\($0)" }
        let reference = ToolCallReference(id: "", name: "", session: "", method: .candidates, candidates: ids)
        #expect(reference.candidates == Array(ids.prefix(64)) && reference.candidatesLeftOut == 36)
        let again = ToolCallReference(
            id: "", name: "", session: "", method: .candidates, candidates: reference.candidates,
            candidatesLeftOut: reference.candidatesLeftOut)
        #expect(again == reference)
    }

    @Test func `what is no record is none`() {
        for line in [
            "", "{}", "{\"toolCall\":{}}", "{\"toolCall\":", "{\"toolCall\":{\"state\":\"new\"}}", "{\"time\":1}",
        ] {
            #expect(ToolCallRecord(json: Array(line.utf8)[...]) == nil)
        }
    }
}
