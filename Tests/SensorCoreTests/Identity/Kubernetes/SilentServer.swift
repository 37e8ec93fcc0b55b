// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport

@testable import SensorCore

/// A TLS server in a process of its own, which begins to answer one request, and can be stopped.
final class SilentServer: Sendable {
    let port: Int
    private let process: pid_t

    init(_ certificates: TestCertificates) throws {
        port = Int.random(in: 20000..<30000)
        let output = "\(certificates.directory)/silent-\(port)"
        let pid = "\(output).pid"
        // Waits until it listens, and answers once it has shown a request.
        try Child.shell(
            """
            exec 2> /dev/null
            touch '\(output)'
            {
                until grep -q GET '\(output)'; do sleep 0.02; done
                printf 'HTTP/1.1 200 OK\\r\\ntransfer-encoding: chunked\\r\\n\\r\\n3\\r\\n{}\\n\\r\\n'
                sleep 60
            } | exec openssl s_server -quiet -accept 127.0.0.1:\(port) -cert '\(certificates.path("server.crt"))' \
                -key '\(certificates.path("server.key"))' > '\(output)' &
            echo $! > '\(pid)'
            port=$(printf ':%04X 00000000:0000 0A' \(port))
            for try in $(seq 500); do
                ! grep -q "$port" /proc/net/tcp || exit 0
                sleep 0.02
            done
            exit 1
            """)
        let text = String(decoding: try SmallFile.read(pid, limit: 64), as: UTF8.self)
        process = pid_t(text.filter(\.isNumber)) ?? 0
    }

    func stop() { kill(process, SIGSTOP) }

    func end() { kill(process, SIGKILL) }
}
