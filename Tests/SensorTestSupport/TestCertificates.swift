// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import NIOConcurrencyHelpers

/// A certificate authority, and a server and a client that it vouches for, made once for all tests.
package struct TestCertificates: Sendable {
    /// Files of PEM: `ca.crt`, and `.crt` and `.key` of `server`, `named` (which has no address), `client` and
    /// `rotated`, the client's next one.
    package let directory: String

    package static let shared = Result { try TestCertificates() }

    private init() throws {
        directory = try Self.makeDirectory()
        try Child.shell(
            """
            cd '\(directory)' && {
                curve='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
                openssl req -x509 $curve -days 2 -subj /CN=test-ca -keyout ca.key -out ca.crt
                for name in server named client rotated; do
                    openssl req $curve -subj "/O=system:nodes/CN=$name" -keyout $name.key -out $name.csr
                    address=IP:127.0.0.1,
                    [ $name != named ] || address=
                    echo "subjectAltName=${address}DNS:kubernetes.default.svc" > $name.ext
                    openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \\
                        -extfile $name.ext -out $name.crt
                done
            } 2>/dev/null
            """)
    }

    package func path(_ file: String) -> String { "\(directory)/\(file)" }

    /// Goes away with the process.
    private static func makeDirectory() throws -> String {
        var template = Array("/tmp/sensor-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        leftover.withLockedValue { $0 = path }
        atexit { _ = try? Child.shell("rm -rf '\(TestCertificates.leftover.withLockedValue { $0 })'") }
        return path
    }

    private static let leftover = NIOLockedValueBox("/nonexistent")
}
