// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct GlobTests {
    @Test(arguments: [
        ("*", ""), ("*", "/a/b"), ("file.*", "file.open"), ("*.so*", "/usr/lib/libc.so.6"), ("/etc/*", "/etc/ssl/x"),
        ("a?c", "abc"), ("[a-c]x", "bx"), ("[!a-c]x", "dx"), ("[]]", "]"), ("a\\*b", "a*b"), ("[", "["), ("a[b", "a[b"),
        ("**a**b**", "xaxbx"), ("*ab", "aab"), ("", ""), ("[a-]", "-"), ("\\", "\\"),
    ])
    func `a pattern covers the whole text`(_ pattern: String, _ text: String) {
        #expect(Glob(pattern).matches(text))
    }

    @Test(arguments: [
        ("", "a"), ("a", ""), ("a", "ab"), ("file.*", "files"), ("a?c", "ac"), ("[a-c]x", "dx"), ("[!a-c]x", "ax"),
        ("a\\*b", "axb"), ("*ab", "aba"), ("A", "a"), ("[z-a]", "m"),
    ])
    func `a pattern does not match what it does not say`(_ pattern: String, _ text: String) {
        #expect(!Glob(pattern).matches(text))
    }

    @Test func `host names match in either case`() {
        #expect(Glob("*.Example.TEST", ignoringCase: true).matches("api.example.test"))
        #expect(Glob("[a-z]PI", ignoringCase: true).matches("Api"))
    }

    @Test func `bytes that are no UTF-8 match`() {
        #expect(Glob("/a/?").matches([0x2f, 0x61, 0x2f, 0xff]))
    }

    @Test func `a hostile pattern does not take for ever`() {
        let pattern = String(repeating: "*a", count: 500) + "b"
        #expect(!Glob(pattern).matches(String(repeating: "a", count: 10_000)))
    }
}
