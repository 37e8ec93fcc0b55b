// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct ReconcilerOutcomeTests {
    private func outcome(
        _ status: Int, _ body: [UInt8] = [], type: String? = "application/json", retryAfter: String? = nil
    ) -> ReconcilerOutcome {
        // 06 Nov 1994 08:49:37
        ReconcilerOutcome(
            status: status, contentType: type, body: body, retryAfter: retryAfter, wall: 784_111_777_000_000_000)
    }

    @Test func `acknowledgements are read in both encodings, whatever else they say`() throws {
        let expected = ReconcilerOutcome.acknowledged(stream: "ab", sequence: 812)
        let text = #"{"stream":"ab","acknowledged":"812","more":1}"#
        #expect(outcome(200, Array(text.utf8), type: "application/json; charset=utf-8") == expected)
        #expect(outcome(200, Array(text.utf8), type: nil) == expected)
        let message = PostureAcknowledgement.with { ($0.stream, $0.acknowledged) = ("ab", 812) }
        #expect(outcome(200, try message.serializedBytes(), type: "application/x-protobuf") == expected)
    }

    @Test(arguments: ["", "{", "[]", #"{"acknowledged":"-1"}"#, #"{"acknowledged":"x"}"#])
    func `what is no acknowledgement acknowledges nothing`(_ body: String) {
        #expect(outcome(200, Array(body.utf8)) == .unavailable("the answer is no acknowledgement"))
    }

    @Test func `each status means what the contract says`() {
        for status in [400, 422] {
            let refusal = ReconcilerRefusal("status \(status)", status: status, answer: "no\u{fffd}")
            #expect(outcome(status, Array("no".utf8) + [0xff]) == .rejected(refusal))
        }
        #expect(outcome(401) == .unauthorized("status 401") && outcome(403) == .unauthorized("status 403"))
        #expect(outcome(413) == .tooLarge(ReconcilerRefusal("status 413", status: 413)))
        #expect(outcome(429, retryAfter: "7") == .throttled("status 429", after: .seconds(7)))
        #expect(outcome(503, retryAfter: "7") == .unavailable("status 503", after: .seconds(7)))
        for status in [201, 204, 301, 404, 500, 502] { #expect(outcome(status) == .unavailable("status \(status)")) }
    }

    @Test(arguments: [
        ("0", 0), ("-5", 0), ("100000", 3600), ("Sun, 06 Nov 1994 08:50:00 GMT", 23),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0), ("soon", nil), ("Sun, 06 Nov 1994 25:00:00 GMT", nil), ("", nil),
        ("99999999999999999999", nil), ("9223372036854775807", 3600),
    ]) func `a pause is seconds or a date`(_ header: String, _ seconds: Int?) {
        #expect(outcome(503, retryAfter: header) == .unavailable("status 503", after: seconds.map { .seconds($0) }))
    }

    @Test func `a batch has the payloads as they were stored`() throws {
        var stream = RecordStream()
        let records = [#"{"b":1,"a":"ü"}"#, #"{"c": 2}"#].map { stream.append(Array($0.utf8)) }
        let batch = try PostureBatch(
            serializedBytes: try #require(ReconcilerEncoding.protobuf.encode(records, node: "n")))
        #expect(batch.node == "n" && batch.stream == records[0].stream.description)
        #expect(batch.records.compactMap { RecordEnvelope($0) } == records)
        let json = String(decoding: try #require(ReconcilerEncoding.json.encode(records, node: "n\"1")), as: UTF8.self)
        let id = records[0].stream
        let previous = PayloadDigest(of: records[0].payload)
        #expect(
            json
                == #"{"node":"n\"1","stream":"\#(id)","records":[{"stream":"\#(id)","sequence":"1","payload":{"b":1,"a":"ü"}},"#
                + #"{"stream":"\#(id)","sequence":"2","previous":"\#(previous)","payload":{"c": 2}}]}"#)
        var broken = records
        broken[1].payload = Array("{\n}".utf8)
        #expect(ReconcilerEncoding.json.encode(broken, node: "n") == nil)
    }
}
