// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// nginx as the distribution has it, on loopback, with a configuration and all else that is its own in a folder.
final class Nginx {
    private static let path = "/usr/sbin/nginx"
    static let isInstalled = access(path, X_OK) == 0

    let port: UInt16
    private let folder: String
    private var program: RunningSensord?

    /// - Parameters:
    ///   - folder: made.
    ///   - http: what stands in its `http` block, for the port that it is to listen on.
    init(in folder: String, _ http: (UInt16) -> String) throws {
        self.folder = folder
        // It cannot be asked which one it got: one that is free now is free a moment later.
        port = try Listener().port
        try Child.shell("mkdir '\(folder)'")
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path '\(folder)/\($0)';" }
        let text = """
            daemon off;
            pid '\(folder)/pid';
            error_log stderr notice;
            events {}
            http {
                log_format requests '$server_protocol $status $request_method $host$uri';
                access_log '\(folder)/requests' requests;
                \(paths.joined(separator: "\n    "))
                \(http(port))
            }

            """
        try SmallFile.replace(folder + "/nginx.conf", with: Array(text.utf8))
    }

    deinit {
        // Its workers end with it only if it is asked to end.
        guard let program, !program.isOver else { return }
        kill(program.pid, SIGTERM)
        _ = try? program.wait()
    }

    func start() async throws {
        let command = "exec \(Self.path) -p '\(folder)' -c nginx.conf"
        let program = try RunningSensord([], wrapper: ["sh", "-c", command, "sh"])
        self.program = program
        try await program.until { program.errorsSoFar.contains("start worker process ") }
    }

    /// At once: what is under way is cut off.
    func stop() async throws {
        let running = try #require(program)
        kill(running.pid, SIGTERM)
        _ = try await running.ended()
        program = nil
    }

    /// Has it read its configuration, and certificates, again.
    func reload() throws { kill(try #require(program).pid, SIGHUP) }

    /// What it was asked, and how it has answered, a line for each.
    var requests: [Substring] {
        let bytes = (try? SmallFile.read(folder + "/requests", limit: 64 << 20)) ?? []
        return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
}
