// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct CallArgumentsTests {
    private func arguments(_ json: String) throws -> CallArguments {
        CallArguments(try #require(JSONValue(Array(json.utf8))))
    }

    @Test func `of each argument there is name, type and length`() throws {
        let found = try arguments(
            #"{"text":"héllo","number":1.5,"flag":true,"none":null,"list":[1,2],"object":{"a":1},"long":{"omitted":true}}"#
        )
        #expect(
            found.arguments == [
                ToolCallArgument(name: "flag", type: "boolean"),
                ToolCallArgument(name: "list", type: "array", length: 2),
                ToolCallArgument(name: "long", type: "omitted"),
                ToolCallArgument(name: "none", type: "null"),
                ToolCallArgument(name: "number", type: "number"),
                ToolCallArgument(name: "object", type: "object", length: 1),
                ToolCallArgument(name: "text", type: "string", length: 6),
            ])
    }

    @Test func `arguments without names have their places`() throws {
        #expect(try arguments(#"["ls","/tmp"]"#).arguments.map(\.name) == ["0", "1"])
        #expect(try arguments("null").arguments.isEmpty)
        #expect(try arguments("7").arguments == [ToolCallArgument(name: "", type: "number")])
    }

    @Test func `an object in a string, as models write it, is the object`() throws {
        let found = try arguments(#""{\"path\":\"/etc/hosts\"}""#)
        #expect(found.arguments == [ToolCallArgument(name: "path", type: "string", length: 10)])
        #expect(found.terms == ["/etc/hosts"])
        #expect(try arguments(#""{not json""#).arguments == [ToolCallArgument(name: "", type: "string", length: 9)])
    }

    @Test(arguments: [
        (#"{"path":"/app/data.db"}"#, ["/app/data.db"]),
        (#"{"url":"https://api.example.test/v1"}"#, ["https://api.example.test/v1"]),
        (#"{"b":["x1",{"c":"y2"}],"a":"z3"}"#, ["z3", "x1", "y2"]),
        (#"{"command":"cat /etc/hosts | grep 'a.test'"}"#, ["cat", "/etc/hosts", "a.test"]),
        (#"{"command":"cp --target=/tmp/x it"}"#, ["cp", "/tmp/x"]),
        (#"{"bash_command":"make all"}"#, ["make"]),
        (#"{"path":"/tmp/my file.txt"}"#, ["/tmp/my file.txt", "/tmp/my", "file.txt"]),
        (#"{"prompt":"Please read /etc/hosts."}"#, []),
        (#"{"question":"What does /src/a.py do? compare with example.com"}"#, []),
        (#"{"number":7,"flag":true,"empty":""}"#, []),
    ])
    func `terms are what may be a path, a host or a command`(_ json: String, _ terms: [String]) throws {
        #expect(try arguments(json).terms == terms)
    }

    @Test(
        arguments: [
            (#"{"path":"/a"}"#, []), (#"{"number":7}"#, []),
            (#"{"question":"What does /src/a.py do? compare with example.com"}"#, ["/src/a.py", "example.com"]),
            (#"{"command":"cp --target=/tmp/x it"}"#, ["--target", "it"]),
            (#"{"content":"no name, this."}"#, ["this"]), (#"{"files":{"/a":"b"}}"#, ["/a"]),
            ("{}", nil), ("[]", nil), (#"{"a":{"omitted":true}}"#, nil), (#"{"a":[{"omitted":true,"length":5}]}"#, nil),
            (#"{"command":"rm *.txt"}"#, nil), (#"{"command":"cat $FILE"}"#, nil),
        ] as [(String, [String]?)])
    func `what else stands there is mentioned, and it is said where that is not all`(
        _ json: String, _ mentions: [String]?
    ) throws {
        #expect(try arguments(json).mentions == mentions)
    }

    @Test func `where a limit was reached not all is known`() throws {
        func items(_ count: Int) -> String { (0..<count).map { #""/p/\#($0)""# }.joined(separator: ",") }
        #expect(try arguments("[\(items(63))]").mentions == [])
        // A client tells no more, and does not say so.
        #expect(try arguments("[\(items(64))]").mentions == nil)
        #expect(try arguments("[[\(items(40))],[\(items(40))]]").mentions == [])
        #expect(try arguments("[\"\(String(repeating: "x", count: 1025))\"]").mentions == nil)
        #expect(try arguments("[\"\(String(repeating: "x y ", count: 2000))\"]").mentions == nil)
        let deep = String(repeating: "[", count: 9) + "7" + String(repeating: "]", count: 9)
        #expect(try arguments(deep).mentions == nil)
    }

    @Test func `whatever a client sends, little is kept of it`() throws {
        let long = String(repeating: "x", count: 2000)
        let many = (0..<200).map { #""\#(long)\#($0)":"/p/\#($0)""# }.joined(separator: ",")
        let found = try arguments("{\(many)}")
        #expect(found.arguments.count == 64)
        #expect(found.arguments.allSatisfy { $0.name.utf8.count == CallArguments.nameBytes })
        #expect(found.terms.count == CallArguments.termCount)
        #expect(try arguments(#"["\#(long)"]"#).terms.isEmpty)
        let deep = String(repeating: "[", count: 100) + "\"/deep\"" + String(repeating: "]", count: 100)
        #expect(try arguments(deep).terms.isEmpty)
    }
}

@Suite struct MessageBytesTests {
    @Test(arguments: [
        "", "{", "[]", "7", "\"hello\"", "null", "{}", #"{"type":7}"#, #"{"type":"hello","seq":-1}"#,
        #"{"type":"hello","seq":"1"}"#, #"{"type":"begin","call":{}}"#, #"{"type":"begin","call":7}"#,
        #"{"type":"begin","scope":"galaxy"}"#, #"{"type":"begin","threadId":4294967296}"#,
        #"{"type":"begin","authority":{"expiresAt":"tomorrow"}}"#, #"{"type":"begin","authority":{"expiresAt":-1}}"#,
    ])
    func `what is no message is malformed`(_ line: String) {
        #expect { try MessageBytes.decode(Array(line.utf8)) } throws: { error in
            (error as? CallRefusal)?.code == .malformed
        }
    }

    @Test(
        arguments: [
            [0xff, 0xfe], Array(#"{"type":""#.utf8) + [0xc3] + Array(#""}"#.utf8), [0], Array("{\0}".utf8),
            // UTF-16, which a decoder of JSON may guess.
            [0x7b, 0, 0x7d, 0],
        ] as [[UInt8]])
    func `bytes that are no text are malformed`(_ bytes: [UInt8]) {
        #expect { try MessageBytes.decode(bytes) } throws: { ($0 as? CallRefusal)?.code == .malformed }
    }

    @Test func `a message that is nested without end is malformed`() {
        let depth = 30_000
        let nest = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        let line = #"{"type":"begin","call":{"id":"c","arguments":\#(nest)}}"#
        #expect { try MessageBytes.decode(Array(line.utf8)) } throws: { ($0 as? CallRefusal)?.code == .malformed }
    }

    @Test(
        arguments: [
            (#"{"type":"x","seq":7}"#, 7), (#"{"seq" : 12,"#, 12), (#"{"type":"x"}"#, nil), (#"{"seq":"7"}"#, nil),
            (#"{"seq"}"#, nil), (#"{"seq":99999999999999999999}"#, nil), ("\"seq\":", nil),
            // Only the message's own is.
            (#"{"call":{"arguments":{"seq":3}},"seq":7}"#, 7), (#"{"call":{"arguments":{"seq":3}}}"#, nil),
            (#"{"type":"{\"seq\":3}","seq":7}"#, 7), (#"{"a":[{"seq":3}],"seq":7"#, 7), (#"{"a":"seq","seq":7}"#, 7),
            (#"{"a":"\"#, nil), (#"{"seq"#, nil),
        ] as [(String, UInt64?)])
    func `the number of a message is found where it stands`(_ line: String, _ number: UInt64?) {
        #expect(MessageBytes.sequence(Array(line.utf8)) == number)
    }

    @Test func `whatever the bytes are, they are refused or a message`() {
        var random = SplitMix(seed: 4)
        let line = Array(
            #"{"type":"begin","seq":1,"session":"s","call":{"id":"c","arguments":{"a":[1,"b"]}},"threadId":7}"#.utf8)
        for _ in 0..<2000 {
            var bytes = line
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            do throws(CallRefusal) { _ = try MessageBytes.decode(bytes) } catch { #expect(error.code == .malformed) }
            _ = MessageBytes.sequence(bytes)
        }
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2027-01-15T08:00:00Z", 1_800_000_000_000_000_000),
            ("2027-01-15T09:30:00+01:30", 1_800_000_000_000_000_000),
            ("2024-02-29T23:59:59.25Z", 1_709_251_199_250_000_000),
            ("2000-03-01t00:00:00z", 951_868_800_000_000_000), ("9999-12-31T23:59:59Z", .max),
            ("2027-01-15", nil), ("2027-13-15T08:00:00Z", nil), ("2027-01-15T08:00:00", nil),
            ("1969-12-31T23:59:59Z", nil),
            ("2027-01-15T08:00:00.Z", nil), ("2027-01-15T08:00:00Zx", nil), ("", nil),
        ] as [(String, UInt64?)])
    func `times are read as RFC 3339 has them`(_ text: String, _ time: UInt64?) {
        #expect(WallTime.parse(text) == time)
    }

    @Test(arguments: [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
        ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", true),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false),
        ("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", false),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false), ("", false), ("00-1-2-3", false),
    ])
    func `a trace's parent is as W3C has it`(_ text: String, _ isOne: Bool) {
        #expect(ToolCallMessage.isTraceParent(text) == isOne)
    }
}
