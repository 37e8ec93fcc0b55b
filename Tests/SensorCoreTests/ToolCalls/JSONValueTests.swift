// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Testing

@testable import SensorCore

@Suite struct JSONValueTests {
    @Test func `a text is read as RFC 8259 has it`() {
        let cases: [(String, JSONValue)] = [
            ("null", .null), (" true ", .boolean(true)), ("false", .boolean(false)), ("-0.5e+3", .number("-0.5e+3")),
            ("0", .number("0")), (#""""#, .text("")), (#""a\"\\\/\b\f\n\r\t""#, .text("a\"\\/\u{8}\u{c}\n\r\t")),
            (#""\u00e9\uD83D\uDE00é""#, .text("é😀é")),
            // Halves of characters, as models write them.
            (#""\uD800""#, .text("\u{fffd}")), (#""\uDC00a""#, .text("\u{fffd}a")),
            (#""\uD800\u0041\uD800\n""#, .text("\u{fffd}A\u{fffd}\n")),
            (#""\uD83D\uD83D\uDE00""#, .text("\u{fffd}😀")), ("[]", .list([])),
            ("[1, [2] ,null]", .list([.number("1"), .list([.number("2")]), .null])),
            ("{}", .object([])),
            (
                #"{"a":1,"a":{"b":[]}}"#,
                .object([.init("a", .number("1")), .init("a", .object([.init("b", .list([]))]))])
            ),
        ]
        for (text, value) in cases { #expect(JSONValue(Array(text.utf8)) == value, "\(text)") }
    }

    @Test(arguments: [
        "", " ", "nul", "truex", "01", "1.", ".5", "+1", "-", "1e", "0x1", "NaN", "'a'", "\"a", "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\uD800\\u00\"", "\"a\nb\"", "[1,]", "[1 2]", "[", "{\"a\"}", "{a:1}",
        "{\"a\":1,}", "{} {}",
        "1 2", "\u{0}",
    ])
    func `what is no JSON is nothing`(_ text: String) {
        #expect(JSONValue(Array(text.utf8)) == nil)
    }

    @Test func `numbers are whole where they say so`() {
        #expect(JSONValue.number("18446744073709551615").integer == .max)
        #expect(JSONValue.number("7.0").integer == 7 && JSONValue.number("1e3").integer == 1000)
        for text in ["-1", "1.5", "18446744073709551616", "1e400"] { #expect(JSONValue.number(text).integer == nil) }
        #expect(JSONValue.text("7").integer == nil)
    }

    @Test func `it takes nothing that Foundation does not take`() {
        var random = SplitMix(seed: 11)
        let line = Array(#"{"a":[1,-2.5e3,"b\u0041\n",true,null,{"c":{}}],"d":"é"}"#.utf8)
        for _ in 0..<5000 {
            var bytes = line
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 9...126, using: &random)
            }
            guard String(validating: bytes, as: UTF8.self) != nil else { continue }
            // Which looks at numbers and strings only when they are asked for.
            guard JSONValue(bytes) != nil else { continue }
            let isTaken = (try? JSONDecoder().decode(Anything.self, from: Data(bytes))) != nil
            #expect(isTaken, "\(String(decoding: bytes, as: UTF8.self))")
        }
    }

    private struct Anything: Decodable { init(from decoder: any Decoder) {} }
}

@Suite struct MessageFaultTests {
    @Test(arguments: [
        ("[]", "no JSON object"), ("{}", "type is missing"), (#"{"type":null}"#, "type is missing"),
        (#"{"type":"begin","call":{}}"#, "call.id is missing"), (#"{"type":7}"#, "type is of the wrong type"),
        (#"{"type":"x","seq":-1}"#, "seq cannot be understood"),
        (#"{"type":"x","scope":"all"}"#, "scope cannot be understood"),
        (#"{"type":"x","agent":7}"#, "agent is of the wrong type"),
        (#"{"type":"x","authority":{"expiresAt":"soon"}}"#, "authority.expiresAt cannot be understood"),
        (#"{"type":"x","sources":[{"kind":"user"},{}]}"#, "sources.kind is missing"), ("{", "no JSON"),
    ])
    func `what is wrong with a message is told with the field`(_ line: String, _ reason: String) {
        #expect { try MessageBytes.decode(Array(line.utf8)) } throws: { error in
            (error as? CallRefusal)?.message == "not a message: \(reason)"
        }
    }

    @Test func `answers are JSON whatever is in them`() throws {
        let answer = ToolCallAnswer.error(7, .malformed, "\"\n\u{1}é")
        #expect(
            JSONValue(answer.line)
                == .object([
                    .init("type", .text("error")), .init("seq", .number("7")), .init("code", .text("malformed")),
                    .init("message", .text("\"\n\u{1}é")),
                ]))
        #expect(
            String(decoding: ToolCallAnswer.ack(1, span: "2", scope: .thread).line, as: UTF8.self)
                == #"{"type":"ack","seq":1,"span":"2","scope":"thread"}"# + "\n")
    }
}
