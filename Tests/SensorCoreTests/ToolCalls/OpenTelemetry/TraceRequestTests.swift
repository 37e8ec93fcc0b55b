// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct TraceRequestTests {
    @Test(arguments: [false, true]) func `what the SDK has sent is read, in either encoding`(_ isJSON: Bool) throws {
        let request =
            try isJSON
            ? TraceRequest(json: Array(TraceRecording.json.utf8)) : TraceRequest(protobuf: TraceRecording.protobuf)
        #expect(request.spanCount == 3)
        try #require(request.calls.count == 2)
        let mcp = request.calls[0]
        let tool = request.calls[1]
        #expect(tool.span.name == "execute_tool read_file")
        #expect(tool.span.tool == "read_file")
        #expect(tool.span.key?.traceHigh == 0x0102_0304_0506_0708)
        #expect(tool.span.key?.traceLow == 0x090a_0b0c_0d0e_0f10)
        #expect(tool.span.key?.span == 0x1111_1111_1111_1112)
        #expect(tool.span.begin == TraceRecording.begin + 1_000_000_000)
        #expect(tool.span.end == TraceRecording.begin + 2_000_000_000)
        #expect(!tool.span.isError)
        #expect(
            tool.span.attributes == [
                .operation: "execute_tool", .tool: "read_file", .call: "call_1", .agentName: "planner",
                .agentID: "asst_5", .conversation: "conv_7",
            ])
        #expect(tool.resource[.service] == "planner")
        #expect(tool.resource[.pod] == "4f0f1b7e-0000-4000-8000-000000000001")
        #expect(mcp.span.isError)
        #expect(mcp.span.attributes[.mcpSession] == "mcp-9")
        #expect(mcp.span.attributes[.error] == "tool_error")
        #expect(request.ancestors(of: mcp) == [0x1111_1111_1111_1112, 0x1111_1111_1111_1111])
        #expect(request.ancestors(of: tool) == [0x1111_1111_1111_1111])
    }

    @Test func `a call is what it says, and not what else there is`() {
        func span(_ name: String, _ attributes: [TraceAttribute: String] = [:]) -> TraceSpan {
            TraceSpan(name: name, attributes: attributes)
        }
        #expect(span("execute_tool search").isCall)
        #expect(span("execute_tool search").tool == "search")
        #expect(span("execute_tool").isCall)
        #expect(span("run", [.operation: "execute_tool"]).isCall)
        #expect(span("x", [.mcpMethod: "tools/call"]).isCall)
        #expect(span("tools/call search", [.mcpMethod: "tools/call"]).tool == "search")
        #expect(!span("execute_tools search").isCall)
        #expect(!span("tools/list", [.mcpMethod: "tools/list"]).isCall)
        #expect(!span("chat gpt", [.operation: "chat", .tool: "search"]).isCall)
    }

    @Test func `what is cut off anywhere is refused or read as far as it is whole, and nothing worse`() {
        let whole = TraceRecording.protobuf
        var refused = 0
        for length in 1..<whole.count {
            do {
                let request = try TraceRequest(protobuf: Array(whole.prefix(length)))
                #expect(request.spanCount < 3)
            } catch { refused += 1 }
        }
        // All of it is in one field, which is then longer than what there is.
        #expect(refused == whole.count - 1)
    }

    @Test func `no changed byte does harm`() {
        let whole = TraceRecording.protobuf
        for index in whole.indices {
            for value in [0, 0x7f, 0x80, 0xff, whole[index] ^ 1] as [UInt8] {
                var changed = whole
                changed[index] = value
                if let request = try? TraceRequest(protobuf: changed) { #expect(request.calls.count <= 3) }
            }
        }
    }

    @Test(
        arguments: [
            [0x0a], [0x0a, 0x05, 0x00], [0x0b], [0x00], [0x08, 0x80], [0x09, 1, 2, 3], [0x0d, 1],
            [0x08] + [UInt8](repeating: 0xff, count: 10), [0x0a] + [UInt8](repeating: 0xff, count: 9) + [1],
            [0x0a, 0x02, 0x12, 0x07],
        ] as [[UInt8]])
    func `bytes that are no message are refused`(_ bytes: [UInt8]) {
        #expect(throws: TraceFault.self) { try TraceRequest(protobuf: bytes) }
    }

    @Test(arguments: [
        "", "[]", "{", #"{"resourceSpans":{}}"#, #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":7}]}]}]}"#,
        #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"-1"}]}]}]}"#,
        String(repeating: "[", count: 100_000),
    ])
    func `text that is no request is refused`(_ text: String) {
        #expect(throws: TraceFault.self) { try TraceRequest(json: Array(text.utf8)) }
    }

    @Test func `ids that are none are no ids, and the span is still counted`() throws {
        let text =
            #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz","spanId":"0","name":"execute_tool a"}]}]}]}"#
        let request = try TraceRequest(json: Array(text.utf8))
        #expect(request.calls.count == 1)
        #expect(request.calls.first?.span.key == nil)
    }

    @Test func `more spans than a request may have are refused, however small they are`() throws {
        func request(_ count: Int) -> [UInt8] {
            let spans = [UInt8](repeating: 0, count: count).flatMap { _ in [0x12, 0x00] as [UInt8] }
            func field(_ tag: UInt8, _ bytes: [UInt8]) -> [UInt8] {
                let length = UInt64(bytes.count)
                return [tag, UInt8(length & 0x7f) | 0x80, UInt8(length >> 7 & 0x7f) | 0x80, UInt8(length >> 14)] + bytes
            }
            return field(0x0a, field(0x12, spans))
        }
        #expect(try TraceRequest(protobuf: request(TraceRequest.spanLimit)).spanCount == TraceRequest.spanLimit)
        #expect(throws: TraceFault.self) { try TraceRequest(protobuf: request(TraceRequest.spanLimit + 1)) }
        let small = Array(repeating: "{}", count: TraceRequest.valueLimit / 2).joined(separator: ",")
        #expect(throws: TraceFault("more than \(TraceRequest.valueLimit) values in JSON")) {
            try TraceRequest(json: Array(#"{"resourceSpans":[\#(small)]}"#.utf8))
        }
    }

    @Test func `long values are cut`() throws {
        let long = String(repeating: "ä", count: 300)
        let text = #"""
            {"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"execute_tool x","attributes":[
            {"key":"gen_ai.tool.name","value":{"stringValue":"\#(long)"}}]}]}]}]}
            """#
        let request = try TraceRequest(json: Array(text.utf8))
        #expect(request.calls.first?.span.tool == String(repeating: "ä", count: 128))
    }

    @Test func `spans that name each other as parents end nowhere`() throws {
        var request = TraceRequest()
        let trace: [UInt8] = [UInt8](repeating: 1, count: 16)
        for (own, parent) in [(1, 2), (2, 3), (3, 2)] as [(UInt8, UInt64)] {
            let key = SpanKey(trace: trace[...], span: [0, 0, 0, 0, 0, 0, 0, own])
            try request.add(TraceSpan(key: key, parent: parent, name: "execute_tool x"))
        }
        #expect(request.calls.map { request.ancestors(of: $0) } == [[2, 3], [3], [2]])
    }
}
