// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct TelemetryRequestTests {
    private static let stream = StreamID(Array(repeating: UInt8(ascii: "a"), count: 32))

    /// Fields of a message by number.
    private func fields(_ bytes: ArraySlice<UInt8>) throws -> [UInt64: [WireReader.Value]] {
        var reader = WireReader(bytes)
        var fields: [UInt64: [WireReader.Value]] = [:]
        while let (number, value) = try reader.next() { fields[number, default: []].append(value) }
        return fields
    }

    private func message(_ value: WireReader.Value?) throws -> [UInt64: [WireReader.Value]] {
        try fields(bytes(value))
    }

    private func bytes(_ value: WireReader.Value?) throws -> ArraySlice<UInt8> {
        guard case .bytes(let bytes)? = value else { throw TraceFault("no bytes") }
        return bytes
    }

    private func text(_ value: WireReader.Value?) throws -> String { String(decoding: try bytes(value), as: UTF8.self) }

    private func number(_ value: WireReader.Value?) throws -> UInt64 {
        switch value {
        case .fixed64(let number)?, .varint(let number)?: return number
        default: throw TraceFault("no number")
        }
    }

    /// As text, whatever they are.
    private func attributes(_ values: [WireReader.Value]?) throws -> [String: String] {
        var attributes: [String: String] = [:]
        for value in values ?? [] {
            let pair = try message(value)
            let any = try message(pair[2]?.first)
            let name = try text(pair[1]?.first)
            if let value = any[1]?.first {
                attributes[name] = try text(value)
            } else if let value = any[3]?.first {
                attributes[name] = String(Int64(bitPattern: try number(value)))
            } else if let value = any[2]?.first {
                attributes[name] = try number(value) == 1 ? "true" : "false"
            } else {
                let array = try message(any[5]?.first)
                attributes[name] = try (array[1] ?? []).map { try text(message($0)[1]?.first) }.joined(separator: " ")
            }
        }
        return attributes
    }

    private func record(_ sequence: UInt64, _ change: (inout PostureRecord) -> Void) throws -> TelemetryRecord {
        let message = PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, "n1")
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: 1_795_214_460_123_456_789)
            change(&$0)
        }
        var stream = RecordStream(.init(id: try #require(Self.stream), sequence: sequence - 1))
        return try #require(TelemetryRecord(stream.append(try message.jsonUTF8Bytes())))
    }

    private func call(_ sequence: UInt64 = 1, _ change: (inout PostureToolCallRecord) -> Void = { _ in }) throws
        -> TelemetryRecord
    {
        try record(sequence) {
            $0.toolCall = PostureToolCallRecord.with {
                $0.state = "finished"
                $0.call = PostureToolCall.with {
                    ($0.id, $0.name, $0.session, $0.status) = ("c1", "read_file", "s1", "error")
                    ($0.type, $0.error, $0.initiator.kind) = ("function", "ENOENT", "human")
                    $0.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                }
                $0.process = PostureProcess.with {
                    ($0.pid, $0.executable, $0.arguments) = (42, "/usr/bin/python3", ["python3", "agent.py"])
                }
                $0.workload = PostureWorkload.with {
                    ($0.namespace, $0.kind, $0.name) = ("agents", "Deployment", "planner")
                    ($0.pod.name, $0.container.name, $0.container.id) = ("planner-1", "main", "abc")
                }
                $0.began = Google_Protobuf_Timestamp(nanosecondsSince1970: 1_795_214_459_000_000_001)
                $0.ended = Google_Protobuf_Timestamp(nanosecondsSince1970: 1_795_214_460_000_000_002)
                $0.effects = [
                    PostureToolCallEffect.with {
                        ($0.kind, $0.text, $0.count, $0.method) = ("file.open", "/etc/hosts", 3, "exact")
                        $0.candidates = ["c1", "c2"]
                        $0.firstSeen = Google_Protobuf_Timestamp(nanosecondsSince1970: 1_795_214_459_500_000_000)
                    }
                ]
                $0.leftOut = 7
                change(&$0)
            }
        }
    }

    @Test func `a record is a log record, its payload byte for byte and its envelope in attributes`() throws {
        let facts = try record(4) {
            $0.subject = PostureSubject.with {
                ($0.cluster, $0.namespace, $0.kind) = ("uid", "agents", "CronJob")
                ($0.name, $0.container) = ("sweep", "main")
            }
            $0.facts = PostureFacts.with { $0.writer = "w" }
        }
        let logs = try message(fields(LogsRequest.encoded([facts])[...])[1]?.first)
        let resource = try attributes(message(logs[1]?.first)[1])
        #expect(
            resource == [
                "service.name": "sweep", "k8s.cluster.uid": "uid", "k8s.namespace.name": "agents",
                "k8s.cronjob.name": "sweep", "sensord.workload.kind": "CronJob", "k8s.container.name": "main",
                "host.name": "n1", "k8s.node.name": "n1",
            ])
        let scope = try message(logs[2]?.first)
        #expect(try text(message(scope[1]?.first)[1]?.first) == "sensord")
        let log = try message(scope[2]?.first)
        #expect(try number(log[1]?.first) == 1_795_214_460_123_456_789)
        #expect(try number(log[2]?.first) == 9)
        #expect(try text(log[12]?.first) == "sensord.facts")
        #expect(try Array(bytes(message(log[5]?.first)[1]?.first)) == facts.envelope.payload)
        let expected = [
            "sensord.stream": facts.envelope.stream.description, "sensord.sequence": "4",
        ]
        #expect(try attributes(log[6]) == expected)
    }

    @Test func `records of one workload share a resource, and come in their order`() throws {
        func node(_ sequence: UInt64) throws -> TelemetryRecord {
            try record(sequence) { $0.nodeCoverage = PostureNodeCoverage() }
        }
        let records = [try call(1), try call(2), try node(3), try call(4)]
        let groups = try fields(LogsRequest.encoded(records)[...])[1] ?? []
        let sequences = try groups.map { group in
            let logs = try message(message(group)[2]?.first)[2] ?? []
            return try logs.map { try attributes(message($0)[6])["sensord.sequence"] }
        }
        #expect(sequences == [["1", "2"], ["3"], ["4"]])
    }

    @Test func `an anomaly is a warning of its rule`() throws {
        let anomaly = try record(1) {
            $0.anomaly = PostureEvent.with {
                $0.kind = "anomaly.state"
                ($0.anomaly.rule, $0.anomaly.session, $0.anomaly.call) = ("stale_trust", "s1", "c1")
                ($0.workload.kind, $0.workload.name) = ("SystemdUnit", "agent.service")
            }
        }
        let logs = try message(fields(LogsRequest.encoded([anomaly])[...])[1]?.first)
        #expect(try attributes(message(logs[1]?.first)[1])["service.name"] == "agent.service")
        let log = try message(message(logs[2]?.first)[2]?.first)
        #expect(try number(log[2]?.first) == 13)
        #expect(try attributes(log[6])["sensord.anomaly.rule"] == "stale_trust")
        #expect(try attributes(log[6])["gen_ai.tool.call.id"] == "c1")
    }

    @Test func `a call that is over is a span of the agent's trace, its effects are events`() throws {
        let record = try call()
        let encoded = try #require(SpansRequest.encoded([record]))
        #expect(SpansRequest.encoded([try call()]) == encoded, "the same record makes the same span")
        let spans = try message(fields(encoded[...])[1]?.first)
        #expect(try attributes(message(spans[1]?.first)[1])["k8s.deployment.name"] == "planner")
        let span = try message(message(spans[2]?.first)[2]?.first)
        #expect(Hexadecimal.text(try bytes(span[1]?.first)) == "0af7651916cd43dd8448eb211c80319c")
        #expect(Hexadecimal.text(try bytes(span[4]?.first)) == "b7ad6b7169203331")
        #expect(try bytes(span[2]?.first).count == 8)
        #expect(try text(span[5]?.first) == "execute_tool read_file")
        #expect(try number(span[7]?.first) == 1_795_214_459_000_000_001)
        #expect(try number(span[8]?.first) == 1_795_214_460_000_000_002)
        let own = try attributes(span[9])
        #expect(own["gen_ai.tool.name"] == "read_file" && own["gen_ai.conversation.id"] == "s1")
        #expect(own["process.pid"] == "42" && own["process.command_args"] == "python3 agent.py")
        #expect(own["error.type"] == "ENOENT")
        #expect(try number(span[12]?.first) == 7)
        let status = try message(span[15]?.first)
        #expect(try number(status[3]?.first) == 2 && text(status[2]?.first) == "ENOENT")
        let event = try message(span[11]?.first)
        #expect(try text(event[2]?.first) == "file.open" && number(event[1]?.first) == 1_795_214_459_500_000_000)
        #expect(
            try attributes(event[3]) == [
                "sensord.effect.object": "/etc/hosts", "file.path": "/etc/hosts", "sensord.effect.count": "3",
                "sensord.effect.method": "exact", "sensord.effect.candidates": "c1 c2",
            ])
    }

    @Test(arguments: [
        "", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "a trace",
    ])
    func `what is no traceparent makes a trace of its own`(_ text: String) throws {
        let encoded = try #require(SpansRequest.encoded([try call { $0.call.traceparent = text }]))
        let span = try message(message(message(fields(encoded[...])[1]?.first)[2]?.first)[2]?.first)
        #expect(try bytes(span[1]?.first).count == 16 && span[4] == nil)
    }

    @Test func `a call that came as a span is its child, and one that is open is none yet`() throws {
        let known = try call {
            $0.call.span.traceID = "11111111111111111111111111111111"
            $0.call.span.spanID = "2222222222222222"
        }
        let open = try call {
            $0.state = "open"
            $0.clearEnded()
        }
        let encoded = try #require(SpansRequest.encoded([open, known]))
        let spans = try message(message(fields(encoded[...])[1]?.first)[2]?.first)[2] ?? []
        #expect(spans.count == 1)
        #expect(Hexadecimal.text(try bytes(message(spans[0])[4]?.first)) == "2222222222222222")
        #expect(SpansRequest.encoded([open]) == nil)
    }
}
