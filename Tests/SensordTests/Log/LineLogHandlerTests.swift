// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@testable import sensord

@Suite struct LineLogHandlerTests {
    private func line(_ message: String, _ fields: [(key: String, value: String)], _ format: Settings.LogFormat)
        -> String
    {
        LineLogHandler.line(
            time: "2026-11-20T22:41:00.123Z", level: "info", message: message, fields: fields, format: format)
    }

    @Test func `text is one line, with values quoted where they must be`() {
        #expect(
            line("collecting", [("path", "/a b"), ("count", "3"), ("empty", "")], .text)
                == "2026-11-20T22:41:00.123Z info collecting path=\"/a b\" count=3 empty=\"\"\n")
        #expect(line("a\nb", [("x", "\u{1b}[2J\"\n")], .text).hasSuffix(" info a\\nb x=\"\\\\x1b[2J\\\"\\\\n\"\n"))
    }

    @Test func `a line's time is UTC, to the millisecond`() {
        #expect(String(timestamp: 1_795_214_460_123_999_999) == "2026-11-20T22:41:00.123Z")
    }

    @Test func `JSON is one object a line, and its own fields cannot be overwritten`() {
        #expect(
            line("a \"b\"\n", [("level", "x"), ("path", "\\\u{1}")], .json)
                == #"{"time":"2026-11-20T22:41:00.123Z","level":"info","message":"a \"b\"\n","path":"\\\u0001"}"# + "\n"
        )
    }
}
