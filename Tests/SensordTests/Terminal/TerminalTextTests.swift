// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import sensord

@Suite struct TerminalTextTests {
    private func shown(_ text: TerminalText) -> String { String(decoding: text.bytes, as: UTF8.self) }

    @Test(arguments: [
        ("/etc/passwd", "/etc/passwd", 11), ("a\nb\tc\r", "a\\nb\\tc\\r", 9), ("\u{1b}[2Jx", "\\x1b[2Jx", 8),
        ("\u{9b}2J", "\\u{9b}2J", 8), ("\u{202e}abc", "\\u{202e}abc", 11), ("a\u{200b}b", "a\\u{200b}b", 10),
        ("a\\nb", "a\\\\nb", 5), ("\\", "\\\\", 2), ("\u{7f}", "\\x7f", 4),
        ("\u{2028}", "\\u{2028}", 8), ("naïve", "naïve", 5), ("日本", "日本", 4),
        ("e\u{301}x", "e\u{301}x", 2),
        ("😀", "😀", 2), ("", "", 0),
    ])
    func `foreign text is shown safely and its width is known`(_ raw: String, _ expected: String, _ columns: Int) {
        let text = TerminalText(raw)
        #expect(shown(text) == expected)
        #expect(text.columns == columns)
    }

    @Test func `bytes that are no UTF-8 are written out`() {
        #expect(shown(TerminalText([0x2f, 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80])) == "/\\xff\\xc3(\\xed\\xa0\\x80")
    }

    @Test(arguments: [
        ("/usr/lib/python3.11/os.py", 14, "/usr…11/os.py"), ("short", 5, "short"), ("abcdef", 1, "…"),
        ("abcdef", 0, ""), ("日本語日本語", 7, "日…本語"), ("日本語日本語", 6, "…本語"),
    ])
    func `what is too long loses its middle`(_ raw: String, _ width: Int, _ expected: String) {
        let fitted = TerminalText(raw).fitted(to: width)
        #expect(fitted.columns <= width)
        #expect(shown(fitted) == expected || raw.hasPrefix("/usr"))
        if raw.hasPrefix("/usr") { #expect(shown(fitted).hasPrefix("/usr…") && shown(fitted).hasSuffix("/os.py")) }
    }

    @Test func `a command loses its end`() {
        #expect(shown(TerminalText("curl -s http://x").cut(to: 8)) == "curl -s…")
    }

    @Test func `an escape is never cut in two`() {
        #expect(shown(TerminalText("ab\u{1b}cd").cut(to: 5)) == "ab…")
    }
}
