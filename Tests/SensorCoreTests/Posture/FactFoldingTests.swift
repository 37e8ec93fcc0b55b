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
            (FactKey(.ingress, "", "8080", "TCP"), ":8080 TCP"),
            (FactKey(.ingress, "external", "8080", "TCP"), ":8080 TCP from external"),
            (FactKey(.ingress, "/run/a.sock", "", "UNIX"), "/run/a.sock UNIX"),
            (FactKey(.process, "/bin/cat", "{path}", "/bin/sh"), "/bin/cat {path} ← /bin/sh"),
            (FactKey(.process, "/bin/cat", "", ""), "/bin/cat"),
            (FactKey(.sequence, ["a", "b", "c"]), "a → b → c"),
            (FactKey(.identity, "setuid", "1:1", "0:0"), "setuid 1:1 → 0:0"),
            (FactKey(.model, "p", "m", ""), "p m"), (FactKey(.model, "p", "m", "n"), "p m → n"),
            (FactKey(.tool, "read", "path:string", ""), "read(path:string)"),
            (FactKey(.effect, "read", "file", "/a", "READ"), "read: file /a READ"),
            (FactKey(.effect, "read", "egress", "a.test:443", ""), "read: egress a.test:443"),
            (FactKey(.credential, "ssh", "/root/.ssh/id_rsa", "READ"), "ssh /root/.ssh/id_rsa READ"),
        ]
        for (key, text) in keys { #expect(FactFolding.text(of: key) == text) }
    }

    @Test func `many ports of its own are a line for each side that others come from`() throws {
        var sample = SamplePosture("web", hours: 5)
        for side in ["", "private", "external"] as [ByteString] {
            for port in [8080] + Array(40_000..<40_009) {
                sample.add(FactKey(.ingress, side, ByteString("\(port)"), "TCP"), count: 2)
            }
        }
        let lines = FactFolding(limit: 64).lines(of: try sample.snapshot.profile.facts)
        #expect(
            lines.map { "\($0.text) \($0.count)" } == [
                ":32768-65535 TCP 18", ":32768-65535 TCP from external 18", ":32768-65535 TCP from private 18",
                ":8080 TCP 2", ":8080 TCP from external 2", ":8080 TCP from private 2",
            ])
        #expect(lines[0].facts == 9 && lines[0].exemplars.allSatisfy { $0.hasPrefix(":400") })
    }
}
