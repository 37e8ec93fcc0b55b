// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(5))) struct KubeconfigTests {
    /// As kind, kubeadm and the cloud providers write them, comments and oddities included.
    private static let kind = """
        apiVersion: v1
        clusters:
        - cluster:
            certificate-authority-data: Y2E=
            server: https://127.0.0.1:39999
          name: kind-dev
        - name: "other"
          cluster: {}
        contexts:
        - context:
            cluster: kind-dev
            user: kind-dev
            namespace: agents   # not of use
          name: kind-dev
        current-context: kind-dev
        kind: Config
        preferences: {}
        users:
        - name: kind-dev
          user:
            client-certificate-data: Y2VydA==
            client-key-data: 'a2V5'
        - name: gke
          user:
            exec:
              apiVersion: client.authentication.k8s.io/v1beta1
              command: gke-gcloud-auth-plugin
              installHint: Install gke-gcloud-auth-plugin for use with kubectl by following
                https://cloud.google.com/kubernetes-engine/docs
              provideClusterInfo: true
              args: []
        """

    private func endpoint(_ text: String) throws(EndpointError) -> APIEndpoint {
        try APIEndpoint(kubeconfig: Array(text.utf8), directory: "/etc/k/")
    }

    @Test func `a kubeconfig of kind leads to its cluster`() throws {
        let endpoint = try endpoint(Self.kind)
        #expect(endpoint.url == "https://127.0.0.1:39999")
        #expect(endpoint.host == "127.0.0.1")
        #expect(endpoint.authority == .bytes(Array("ca".utf8)))
        #expect(endpoint.certificate?.chain == .bytes(Array("cert".utf8)))
        #expect(endpoint.certificate?.key == .bytes(Array("key".utf8)))
        #expect(endpoint.isVerified && endpoint.token == nil)
    }

    @Test func `an exec plugin is refused, and only if the current context needs it`() {
        let text = Self.kind.replacing("    user: kind-dev", with: "    user: gke")
        #expect { try endpoint(text) } throws: { "\($0)".contains("exec plugin") }
    }

    @Test func `credentials are not sent to a server that anybody can listen to`() throws {
        let plain = Self.kind.replacing("https://127", with: "http://127")
        #expect { try endpoint(plain) } throws: {
            "\($0)".contains("http://") && "\($0)".contains("client certificate")
        }
        let bare = plain.replacing("    client-certificate-data: Y2VydA==\n", with: "")
        for token in ["token: secret", "tokenFile: /token"] {
            let text = bare.replacing("    client-key-data: 'a2V5'\n", with: "    \(token)\n")
            #expect { try endpoint(text) } throws: {
                "\($0)".contains("http://") && "\($0)".contains("token") && !"\($0)".contains("secret")
            }
        }
        let nobody = bare.replacing("    client-key-data: 'a2V5'\n", with: "    {}\n")
        #expect(try endpoint(nobody).url == "http://127.0.0.1:39999")
    }

    @Test func `the same in JSON is read, with paths relative to the file`() throws {
        let endpoint = try endpoint(
            """
             {"current-context":"c","contexts":[{"name":"c","context":{"cluster":"x","user":"u"}}],
             "clusters":[{"name":"x","cluster":{"server":"https://[fd00::1]:6443/","certificate-authority":"ca.crt",
             "tls-server-name":"kubernetes","insecure-skip-tls-verify":true}}],
             "users":[{"name":"u","user":{"token":"secret"}}]}
            """)
        #expect(endpoint.url == "https://[fd00::1]:6443")
        #expect(endpoint.host == "fd00::1")
        #expect(endpoint.url(withHost: "kubernetes") == "https://kubernetes:6443")
        #expect(endpoint.authority == .file("/etc/k/ca.crt"))
        #expect(endpoint.serverName == "kubernetes" && !endpoint.isVerified)
        #expect(try endpoint.token?.current() == "secret")
        #expect(!"\(endpoint)".contains("secret"))
    }

    @Test(arguments: [
        ("current-context: kind-dev", "current-context: gone", "context \"gone\""),
        ("current-context: kind-dev", "", "no current-context"),
        ("    cluster: kind-dev", "    cluster: gone", "cluster \"gone\""),
        ("    user: kind-dev", "    user: gone", "user \"gone\""),
        ("    server: https://127.0.0.1:39999", "    server: 127.0.0.1", "no http or https"),
        ("Y2VydA==", "no-base64", "no base64"),
        ("            client-key-data: 'a2V5'\n", "\n", "but not both"),
    ])
    func `what is missing is named`(_ old: String, _ new: String, _ reason: String) {
        // Indentation differs between the literal above and the text in it.
        let text = Self.kind.replacing(old.contains("client-key") ? "    client-key-data: 'a2V5'\n" : old, with: new)
        #expect { try endpoint(text) } throws: { "\($0)".contains(reason) }
    }

    @Test(arguments: [
        ("a: b: c", 1), ("a:\n\tb: c", 2), ("a: 1\na: 2", 2), ("a: [1, 2]", 1), ("a: &x b", 1), ("a: \"open", 1),
        ("a: 'b' c", 1), ("a:\n  b: 1\n   c: 2", 3), ("a: 1\n  b: 2", 2), ("a: 1\n---\nb: 2", 2), ("a: 1\nword", 2),
        ("a: \"\\q\"", 1), ("a: {b: c}", 1), ("a: !!str x", 1), ("- a\nb: c", 2),
    ])
    func `YAML that is not read is an error with its line`(_ text: String, _ line: Int) {
        #expect { try YAMLReader.read(text) } throws: { ($0 as? YAMLReader.Fault)?.line == line }
    }

    @Test func `nothing deeper than reason makes the reader run over`() {
        let deep = (0..<5000).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n")
        #expect(throws: YAMLReader.Fault.self) { try YAMLReader.read(deep) }
        #expect(throws: YAMLReader.Fault.self) { try YAMLReader.read(String(repeating: "- ", count: 50_000) + "a") }
    }

    @Test func `a file of nothing but comments and marks takes no longer than another`() throws {
        #expect(try YAMLReader.read(String(repeating: "#\n---\n", count: 100_000)) == .null)
    }

    @Test func `a damaged kubeconfig is read or refused, and never more`() {
        var random = SplitMix(seed: 7)
        for _ in 0..<2000 {
            var text = Array(Self.kind.utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                let piece = Array(" :-#\"'|>{}[]&*!\t\r\n\\\u{0}é".utf8).randomElement(using: &random) ?? 0
                switch Int.random(in: 0...2, using: &random) {
                case 0: text[place] = piece
                case 1: text.insert(piece, at: place)
                default: text.removeSubrange(place..<min(text.count, place + 9))
                }
            }
            _ = try? APIEndpoint(kubeconfig: text, directory: "/etc/k/")
        }
    }

    @Test func `scalars are read as YAML has them`() throws {
        let value = try YAMLReader.read(
            """
            # a comment
            ---
            plain: a word # comment
            hash: a#b
            url: https://x:1/y
            single: 'it''s'
            double: "a\\n\\u00e9 # no comment"  # one
            "quoted key": true
            nothing:
            tilde: ~
            number: 007
            block: |
              one
                two

              # three
            folded: >-
              one
              two
            items:
            - plain
            -   name: x
                value: y
            -
              name: z
            - - 1
              - 2
            last: over
              two lines
            """)
        #expect(
            value
                == .mapping([
                    "plain": .string("a word"), "hash": .string("a#b"), "url": .string("https://x:1/y"),
                    "single": .string("it's"),
                    "double": .string("a\né # no comment"), "quoted key": .boolean(true), "nothing": .null,
                    "tilde": .null,
                    "number": .string("007"), "block": .string("one\n  two\n\n# three\n"), "folded": .string("one two"),
                    "items": .sequence([
                        .string("plain"), .mapping(["name": .string("x"), "value": .string("y")]),
                        .mapping(["name": .string("z")]),
                        .sequence([.string("1"), .string("2")]),
                    ]),
                    "last": .string("over two lines"),
                ]))
    }

    @Test(arguments: [
        ("10.96.0.1", "443", "https://10.96.0.1:443"), ("fd00:10::1", "6443", "https://[fd00:10::1]:6443"),
        ("kubernetes.default.svc", "443", "https://kubernetes.default.svc:443"),
    ])
    func `in a pod the kubelet's variables lead to the API server`(_ host: String, _ port: String, _ url: String) throws
    {
        let environment = ["KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port]
        let endpoint = try #require(APIEndpoint(environment: environment, directory: "/d"))
        #expect(endpoint.url == url && endpoint.host == host)
        #expect(endpoint.authority == .file("/d/ca.crt"))
        #expect(APIEndpoint(environment: [:]) == nil)
    }
}
