// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport

@testable import SensorCore

/// A TLS server in a process of its own, which takes connections and answers nothing.
final class SilentServer: Sendable {
    let port: Int
    private let process: pid_t
    private let output: String

    init(_ certificates: TestCertificates) throws {
        port = Int.random(in: 20000..<30000)
        output = "\(certificates.directory)/silent-\(port)"
        let pid = "\(output).pid"
        try Child.shell(
            """
            sleep 60 2> /dev/null | exec openssl s_server -accept 127.0.0.1:\(port) -cert '\(certificates.path("server.crt"))' \
                -key '\(certificates.path("server.key"))' > '\(output)' 2>&1 & echo $! > '\(pid)'
            """)
        let text = String(decoding: try SmallFile.read(pid, limit: 64), as: UTF8.self)
        process = pid_t(text.filter(\.isNumber)) ?? 0
    }

    /// Whether somebody has sent a request.
    var isConnected: Bool {
        let text = (try? SmallFile.read(output, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
        return text?.contains("GET ") ?? false
    }

    func stop() { kill(process, SIGSTOP) }

    func end() { kill(process, SIGKILL) }
}
