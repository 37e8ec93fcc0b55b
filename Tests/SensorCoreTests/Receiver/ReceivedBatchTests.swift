// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf
import Testing

@testable import SensorCore

@Suite struct ReceivedBatchTests {
    private func read(_ body: [UInt8], _ encoding: ReceivedBatch.Encoding) throws -> ReceivedBatch {
        try ReceivedBatch(body, encoding, limits: ReceiverLimits())
    }

    private func refusal(_ body: String) -> ReceiverRefusal? {
        do throws(ReceiverRefusal) {
            _ = try ReceivedBatch(Array(body.utf8), .json, limits: ReceiverLimits())
            return nil
        } catch { return error }
    }

    @Test func `both encodings are read as the same lines`() throws {
        var random = SplitMix(seed: 1)
        var node = NodeStream("n1", signer: RecordSigner())
        for _ in 0..<3 { node.act(&random) }
        let wanted = node.batch()
        #expect(wanted.records.count >= 3)
        #expect(try read(node.body(nil, .protobuf), .protobuf) == wanted)
        #expect(try read(node.body(nil, .json), .json) == wanted)
    }

    @Test(arguments: [
        "", "{", "[]", #"{"records":[]}"#, #"{"node":"n","stream":"x","records":[]}"#,
        #"{"node":"n","stream":"0123456789abcdef0123456789abcdef"}"#,
        #"{"node":"n","node":"m","stream":"0123456789abcdef0123456789abcdef","records":[]}"#,
        #"{"node":"n","stream":"0123456789abcdef0123456789abcdef","records":[],"records":[]}"#,
        #"{"node":"","stream":"0123456789abcdef0123456789abcdef","records":[]}"#,
        #"{"node":"a/b","stream":"0123456789abcdef0123456789abcdef","records":[]}"#,
        #"{"node":"n","stream":"0123456789abcdef0123456789abcdef","records":[]} {}"#,
        #"{"node":"n","stream":"0123456789abcdef0123456789abcdef","records":{}}"#,
    ])
    func `what is no batch is malformed`(_ body: String) { #expect(refusal(body)?.status == 400) }

    @Test func `members that a later version adds are passed over`() {
        let text =
            #"{"more":[1,{"a":null}],"node":"n","stream":"0123456789abcdef0123456789abcdef","records":[]}"# + "\n"
        #expect(refusal(text) == nil)
    }

    @Test func `no protobuf is malformed, and too many records are too large`() throws {
        #expect(throws: ReceiverRefusal.self) { try read([0xff, 0xff], .protobuf) }
        var node = NodeStream("n1")
        for number in 0..<3 as Range<UInt64> { node.tellOfNode(number) }
        var limits = ReceiverLimits()
        limits.records = 2
        let body = try node.body()
        #expect(throws: ReceiverRefusal(.tooLarge, "more than 2 records")) {
            try ReceivedBatch(body, .protobuf, limits: limits)
        }
    }

    @Test func `a payload that is no object in one line is named`() throws {
        let envelope = PostureEnvelope.with {
            ($0.stream, $0.sequence) = ("0123456789abcdef0123456789abcdef", 1)
            $0.payload = .init("{\n}".utf8)
        }
        let body: [UInt8] = try PostureBatch.with {
            ($0.node, $0.stream, $0.records) = ("n", "0123456789abcdef0123456789abcdef", [envelope])
        }.serializedBytes()
        #expect(throws: ReceiverRefusal(.malformed, "record 0: the payload is no JSON object in one line")) {
            try read(body, .protobuf)
        }
    }

    /// `printf 'hello' | gzip -n`.
    private static let packed: [UInt8] = [
        0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0xcb, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x86,
        0xa6,
        0x10, 0x36, 0x05, 0x00, 0x00, 0x00,
    ]

    @Test func `what is packed is unpacked, as far as there is room`() throws {
        #expect(try ReceivedBatch.unpacked(Self.packed, limit: 5) == Array("hello".utf8))
        #expect(throws: ReceiverRefusal(.tooLarge, "more than 4 bytes when unpacked")) {
            try ReceivedBatch.unpacked(Self.packed, limit: 4)
        }
        #expect(throws: ReceiverRefusal(.malformed, "the body is not packed by gzip, or not whole")) {
            try ReceivedBatch.unpacked(Self.packed.dropLast(), limit: 100)
        }
    }
}
