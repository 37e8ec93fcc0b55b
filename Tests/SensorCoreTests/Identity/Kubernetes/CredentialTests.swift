// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(2))) struct CredentialTests {
    private let ledger = ClusterLedger()

    @Test func `a token that is refused is read anew, at once`() async throws {
        let directory = try TestDirectory()
        let file = directory.path + "/token"
        try SmallFile.replace(file, with: Array("first-token\n".utf8))
        try await TestAPIServer.run { server in
            try await ledger.watching(.test(server, tokenFile: file)) {
                try await ledger.wait("in sync") { $0.isSynced && ledger.counters.watches >= 1 }
                // The kubelet rotates the token, and the old one expires.
                try SmallFile.replace(file, with: Array("second-token".utf8))
                server.cluster.setTokens(["second-token"])
                server.cluster.step(.end)
                try await ledger.wait("another watch") { _ in ledger.counters.watches == 2 }
                // The watch has a client of its own, and whoever asks for single objects another one.
                #expect((1...2).contains(ledger.counters.unauthorized))
                #expect(!ledger.now.changes.contains(.stale))
            }
        }
    }

    @Test func `a token that stays refused is told as such and tried again`() async throws {
        let directory = try TestDirectory()
        let file = directory.path + "/token"
        try SmallFile.replace(file, with: Array("old".utf8))
        try await TestAPIServer.run { server in
            try await ledger.watching(.test(server, tokenFile: file)) {
                try await ledger.wait("stale") { $0.isStale }
                #expect(ledger.status.snapshot.lastError.contains("401"))
                try SmallFile.replace(file, with: Array("first-token".utf8))
                try await ledger.wait("in sync") { $0.isSynced }
            }
        }
    }

    @Test func `a token file that is missing is told by its name`() async throws {
        try await TestAPIServer.run { server in
            try await ledger.watching(.test(server, tokenFile: "/nonexistent/token")) {
                try await ledger.wait("stale") { $0.isStale }
                #expect(ledger.status.snapshot.lastError.contains("/nonexistent/token"))
            }
        }
    }

    @Test func `a token file that others can write is not used, and told by its name`() async throws {
        let directory = try TestDirectory()
        let file = directory.path + "/token"
        try SmallFile.replace(file, with: Array("first-token".utf8))
        try #require(chmod(file, 0o606) == 0)
        try await TestAPIServer.run { server in
            try await ledger.watching(.test(server, tokenFile: file)) {
                try await ledger.wait("stale") { $0.isStale }
                let error = ledger.status.snapshot.lastError
                #expect(error.contains("\(file) cannot be read: others may write to it (mode 0606)"))
                #expect(server.cluster.requests("/").isEmpty)
                try #require(chmod(file, 0o600) == 0)
                try await ledger.wait("in sync") { $0.isSynced }
            }
        }
    }

    @Test func `a server that another authority vouches for is not spoken to`() async throws {
        try await TestAPIServer.run { server in
            var endpoint = try APIEndpoint.test(server)
            endpoint.authority = nil
            try await ledger.watching(endpoint) {
                try await ledger.wait("stale") { $0.isStale }
                #expect(server.cluster.requests("/").isEmpty)
            }
        }
    }

    @Test func `a certificate for another name is taken only where that name is asked for`() async throws {
        try await TestAPIServer.run(as: "named") { server in
            var endpoint = try APIEndpoint.test(server)
            try await ledger.watching(endpoint) { try await ledger.wait("stale") { $0.isStale } }
            let named = ClusterLedger()
            endpoint.serverName = "kubernetes.default.svc"
            try await named.watching(endpoint) { try await named.wait("in sync") { $0.isSynced } }
            let other = ClusterLedger()
            endpoint.serverName = "elsewhere.test"
            try await other.watching(endpoint) { try await other.wait("stale") { $0.isStale } }
        }
    }

    @Test func `a certificate that nobody vouches for is taken where the configuration says so`() async throws {
        try await TestAPIServer.run(as: "named") { server in
            var endpoint = try APIEndpoint.test(server)
            endpoint.authority = nil
            endpoint.isVerified = false
            try await ledger.watching(endpoint) { try await ledger.wait("in sync") { $0.isSynced } }
        }
    }

    @Test func `a client certificate from a kubeconfig is shown to the server, and the one that takes its place`()
        async throws
    {
        let certificates = try TestCertificates.shared.get()
        let directory = try TestDirectory()
        func issue(_ name: String) throws {
            for suffix in ["crt", "key"] {
                let content = try SmallFile.read(certificates.path("\(name).\(suffix)"), limit: 1 << 20)
                try SmallFile.replace("\(directory.path)/current.\(suffix)", with: content)
            }
        }
        try issue("client")
        try await TestAPIServer.run(requiringClientCertificate: true) { server in
            server.cluster.setClient("client")
            let file = directory.path + "/kubeconfig"
            let config = """
                apiVersion: v1
                kind: Config
                current-context: test
                clusters:
                - name: c
                  cluster:
                    server: \(server.url)
                    certificate-authority: \(certificates.path("ca.crt"))
                contexts:
                - name: test
                  context: # the only one
                    cluster: c
                    user: u
                users:
                - name: u
                  user:
                    client-certificate: current.crt
                    client-key: current.key
                """
            try SmallFile.replace(file, with: Array(config.utf8))
            try await ledger.watching(APIEndpoint(kubeconfig: file)) {
                try await ledger.wait("in sync") { $0.isSynced && ledger.counters.watches >= 1 }
                try issue("rotated")
                server.cluster.setClient("rotated")
                server.cluster.step(.end)
                try await ledger.wait("another watch") { _ in ledger.counters.watches == 2 }
                // The watch has a client of its own, and whoever asks for single objects another one.
                #expect((1...2).contains(ledger.counters.unauthorized))
                #expect(!ledger.now.changes.contains(.stale))
            }
        }
    }
}
