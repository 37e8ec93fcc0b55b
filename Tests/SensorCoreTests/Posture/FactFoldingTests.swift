// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// Facts as lines for people.
@Suite struct FactFoldingTests {
    @Test func `a key whose fields are not all there is shown as far as it goes`() {
        for kind in FactKind.allCases {
            #expect(FactFolding.text(of: FactKey(kind, bytes: [])).utf8.count < 8)
            #expect(FactFolding.text(of: FactKey(kind, bytes: Array("a".utf8))).contains("a"))
        }
    }

    @Test func `lines say what a person would`() {
        let keys: [(FactKey, String)] = [
            (FactKey(.egress, "a.test", "443", "TCP"), "a.test:443 TCP"),
            (FactKey(.egress, "/run/a.sock", "", "UNIX"), "/run/a.sock UNIX"),
            (FactKey(.process, "/bin/cat", "{path}", "/bin/sh"), "/bin/cat {path} ← /bin/sh"),
            (FactKey(.process, "/bin/cat", "", ""), "/bin/cat"),
            (FactKey(.sequence, ["a", "b", "c"]), "a → b → c"),
            (FactKey(.identity, "setuid", "1:1", "0:0"), "setuid 1:1 → 0:0"),
            (FactKey(.model, "p", "m", ""), "p m"), (FactKey(.model, "p", "m", "n"), "p m → n"),
            (FactKey(.tool, "read", "path:string", ""), "read(path:string)"),
            (FactKey(.effect, "read", "file", "/a"), "read: file /a"),
            (FactKey(.credential, "ssh", "/root/.ssh/id_rsa", "READ"), "ssh /root/.ssh/id_rsa READ"),
        ]
        for (key, text) in keys { #expect(FactFolding.text(of: key) == text) }
    }
}
