// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport
import Testing

@testable import sensord

/// A daemon's records on their way to the reference receiver through what stands between the two in most places.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"),
    .enabled(if: Nginx.isInstalled, "nginx is not installed"))
final class NginxTests {
    private let fixture: DeliveryFixture
    private var folder: String { fixture.folder }

    init() throws {
        fixture = try DeliveryFixture("nginx")
        let token = "aaaaaaaaaaaaaaaaaaaaaaaa"
        try fixture.write(token + "\n", to: "token")
        try fixture.write("n1 \(token)\n", to: "tokens")
    }

    private func receiver() async throws -> RunningReceiver {
        try await RunningReceiver(in: folder, ["--token-file", folder + "/tokens"])
    }

    private func start(_ url: String, _ more: String..., environment: [String] = []) async throws -> RunningSensord {
        try await fixture.start(
            url, ["--reconciler-token-file", folder + "/token"] + more, environment: environment)
    }

    // MARK: nginx

    /// With the certificate in `tls.crt`.
    private func terminator(for receiver: RunningReceiver) throws -> Nginx {
        let certificates = try TestCertificates.shared.get()
        try Child.shell("cd '\(folder)' && cp '\(certificates.path("server.crt"))' tls.crt")
        return try Nginx(in: folder + "/nginx") { port in
            """
            server {
                listen 127.0.0.1:\(port) ssl http2;
                ssl_certificate '\(folder)/tls.crt';
                ssl_certificate_key '\(certificates.path("server.key"))';
                location / {
                    proxy_pass http://127.0.0.1:\(receiver.port);
                    proxy_read_timeout 1s;
                }
            }
            """
        }
    }

    @Test func `behind TLS that nginx terminates all arrives once, whoever of them is away, hangs or has expired`()
        async throws
    {
        let certificates = try TestCertificates.shared.get()
        let receiver = try await receiver()
        let nginx = try terminator(for: receiver)
        try await nginx.start()
        let daemon = try await start(
            "https://127.0.0.1:\(nginx.port)", "--reconciler-ca", certificates.path("ca.crt"))
        try await fixture.act("first")
        try await fixture.arrival(of: "first", from: daemon, at: receiver)
        #expect(nginx.requests.contains { $0.hasPrefix("HTTP/2.0 200 POST ") }, "\(nginx.requests)")

        // Nobody is behind it.
        try await receiver.crash()
        try await fixture.act("away")
        try await daemon.until { nginx.requests.contains { $0.contains(" 502 POST ") } }
        try await receiver.restart()
        try await fixture.arrival(of: "away", from: daemon, at: receiver)

        // Somebody is, who takes what comes when nobody waits for his answer any more.
        kill(receiver.program.pid, SIGSTOP)
        try await fixture.act("hanging")
        try await daemon.until { nginx.requests.contains { $0.contains(" 504 POST ") } }
        kill(receiver.program.pid, SIGCONT)
        try await fixture.arrival(of: "hanging", from: daemon, at: receiver)

        // Cut off wherever it is by then.
        let many = (0..<5).map { round in (0..<40).map { "many-\(round)-\($0)" } }
        for names in many {
            try await fixture.act(names)
            try await Task.sleep(for: .milliseconds(.random(in: 0..<200)))
            try await nginx.stop()
            try await nginx.start()
        }
        try await fixture.act("between")
        try await fixture.arrival(of: "between", from: daemon, at: receiver)

        // A certificate that ended yesterday, until it is renewed.
        try await nginx.stop()
        try Child.shell(
            """
            cd '\(certificates.directory)' && openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -set_serial 99 \\
                -days -1 -extfile server.ext -out '\(folder)/tls.crt' 2>/dev/null
            """)
        try await nginx.start()
        try await fixture.act("expired")
        try await daemon.until { daemon.errorsSoFar.contains("CERTIFICATE_VERIFY_FAILED") }
        #expect(try await fixture.counts(at: receiver)["expired"] == nil)
        try Child.shell("cp '\(certificates.path("server.crt"))' '\(folder)/tls.crt'")
        try nginx.reload()
        try await fixture.arrival(of: "expired", from: daemon, at: receiver)

        try await fixture.expectAll(
            ["first", "away", "hanging", "between", "expired"] + many.flatMap { $0 }, from: daemon, at: receiver)
        try await receiver.stop()
    }

    @Test func `a reverse proxy that has a path for it and lets few requests through loses nothing`() async throws {
        let receiver = try await receiver()
        let nginx = try Nginx(in: folder + "/nginx") { port in
            """
            limit_req_zone $binary_remote_addr zone=few:1m rate=30r/m;
            limit_req_status 429;
            server {
                listen 127.0.0.1:\(port);
                location /sensors/ {
                    limit_req zone=few;
                    proxy_pass http://127.0.0.1:\(receiver.port)/;
                }
            }
            """
        }
        try await nginx.start()
        let daemon = try await start("http://127.0.0.1:\(nginx.port)/sensors")
        let names = (0..<20).map { "file-\($0)" }
        for name in names { try await fixture.act(name) }
        try await fixture.act("end")
        try await fixture.arrival(of: "end", from: daemon, at: receiver)
        #expect(nginx.requests.contains { $0.contains(" 429 POST ") }, "\(nginx.requests)")
        #expect(nginx.requests.allSatisfy { $0.hasSuffix("/sensors/v1/posture") })
        try await fixture.expectAll(names + ["end"], from: daemon, at: receiver)
        try await receiver.stop()
    }

    /// nginx knows no CONNECT: what does leads to it, whatever name it is asked for.
    @Test func `through a proxy, which alone knows the name, and which breaks connections, all arrives once`()
        async throws
    {
        let certificates = try TestCertificates.shared.get()
        let receiver = try await receiver()
        let nginx = try terminator(for: receiver)
        try await nginx.start()
        let port = try Listener().port
        func proxy() async throws -> RunningSensord {
            let script = "\(folder)/proxy.py"
            try fixture.write(Self.proxy, to: "proxy.py")
            let command = "exec python3 '\(script)' \(port) \(nginx.port)"
            let program = try RunningSensord([], wrapper: ["sh", "-c", command, "sh"])
            try await program.until { program.outputSoFar.contains("listening") }
            return program
        }
        var running = try await proxy()
        let daemon = try await start(
            "https://kubernetes.default.svc", "--reconciler-ca", certificates.path("ca.crt"),
            environment: ["HTTPS_PROXY=http://127.0.0.1:\(port)"])
        try await fixture.act("first")
        try await fixture.arrival(of: "first", from: daemon, at: receiver)
        #expect(running.outputSoFar.contains("CONNECT kubernetes.default.svc:443 "), "\(running.outputSoFar)")
        let many = (0..<4).map { round in (0..<40).map { "many-\(round)-\($0)" } }
        for names in many {
            try await fixture.act(names)
            try await Task.sleep(for: .milliseconds(.random(in: 0..<200)))
            try await running.crash()
            running = try await proxy()
        }
        try await fixture.act("end")
        try await fixture.arrival(of: "end", from: daemon, at: receiver)
        #expect(nginx.requests.contains { $0.hasPrefix("HTTP/2.0 200 POST kubernetes.default.svc/") })
        try await fixture.expectAll(["first", "end"] + many.flatMap { $0 }, from: daemon, at: receiver)
        try await running.crash()
        try await receiver.stop()
    }

    private static let proxy = """
        import socket
        import sys
        import threading


        def pump(source, sink):
            try:
                while data := source.recv(65536):
                    sink.sendall(data)
            except OSError:
                pass
            for end in source, sink:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


        def serve(client):
            head = b""
            while not head.endswith(b"\\r\\n\\r\\n"):
                byte = client.recv(1)
                if not byte:
                    return
                head += byte
            print(head.split(b"\\r\\n")[0].decode(), flush=True)
            server = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
            client.sendall(b"HTTP/1.1 200 connected\\r\\n\\r\\n")
            threading.Thread(target=pump, args=(server, client), daemon=True).start()
            pump(client, server)


        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        print("listening", flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        """
}
