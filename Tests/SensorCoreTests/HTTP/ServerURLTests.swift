// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct ServerURLTests {
    @Test(arguments: [
        ("https://Reconciler.example.test", "https://reconciler.example.test"),
        ("https://r.test:443/", "https://r.test"), ("http://r.test:8080/a/b/", "http://r.test:8080/a/b"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"), ("http://10.0.0.7", "http://10.0.0.7"),
    ]) func `a URL is scheme, host, port and path`(_ text: String, _ shown: String) {
        #expect(ServerURL(text)?.description == shown)
    }

    @Test(arguments: [
        "", "r.test", "ftp://r.test", "https://", "https://u:p@r.test", "https://r.test?a=b", "https://r.test/#a",
        "https://r.test:0", "https://r.test:70000", "https://r.test:x", "https://[r.test]", "https://r test",
        "https://2001:db8::1", "https://r.tést",
    ]) func `anything else is none`(_ text: String) { #expect(ServerURL(text) == nil) }

    private func proxy(_ url: String, _ environment: [String: String]) throws -> String? {
        let url = try #require(ServerURL(url))
        let proxy = try ProxySettings(environment: environment).proxy(for: url)
        return proxy.map { "\($0.isSOCKS ? "socks " : "")\($0.user.map { "\($0)@" } ?? "")\($0.host):\($0.port)" }
    }

    @Test func `a proxy goes by the scheme, and lower case wins`() throws {
        let variables = ["HTTPS_PROXY": "http://a:1", "https_proxy": "b:2", "HTTP_PROXY": "http://c"]
        #expect(try proxy("https://r.test", variables) == "b:2")
        #expect(try proxy("http://r.test", variables) == "c:80")
        #expect(try proxy("https://r.test", [:]) == nil)
        #expect(try proxy("https://r.test", ["ALL_PROXY": "socks5://s"]) == "socks s:1080")
        #expect(try proxy("https://r.test", ["HTTPS_PROXY": "http://me:p%40ss@a:1/"]) == "me@a:1")
        #expect(throws: EndpointError("HTTPS_PROXY is no http:// or socks5:// URL of a proxy")) {
            try proxy("https://r.test", ["HTTPS_PROXY": "ftp://secret@a"])
        }
    }

    @Test(arguments: [
        ("r.test", true), (".test", true), ("*.test", true), ("other, r.test", true), ("r.test:443", true),
        ("*", true), ("r.test:8443", false), ("xr.test", false), ("st", false), ("10.0.0.0/8", false), ("", false),
    ]) func `what NO_PROXY names is spoken to directly`(_ list: String, _ isDirect: Bool) throws {
        #expect(
            try proxy("https://r.test", ["HTTPS_PROXY": "p:1", "NO_PROXY": list]) == (isDirect ? nil : "p:1"), "\(list)"
        )
    }

    @Test func `networks name addresses, and this machine is never spoken to through a proxy`() throws {
        let variables = ["HTTPS_PROXY": "p:1", "no_proxy": "10.0.0.0/8,2001:db8::/32"]
        #expect(try proxy("https://10.1.2.3", variables) == nil)
        #expect(try proxy("https://[2001:db8::9]", variables) == nil)
        #expect(try proxy("https://11.1.2.3", variables) == "p:1")
        #expect(try proxy("https://127.0.0.1:1", ["ALL_PROXY": "p:1"]) == nil)
        #expect(try proxy("https://localhost", ["ALL_PROXY": "p:1"]) == nil)
    }
}
