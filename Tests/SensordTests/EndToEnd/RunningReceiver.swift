// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FoundationEssentials
import Glibc
import NIOCore
import SensorCore
import Testing

/// `sensord receive` on loopback. Killed and started again, it has the same directory and the same port.
final class RunningReceiver {
    /// The receiver's own account of a stream.
    struct Stream: Decodable, Equatable {
        var node: String
        var stream: String
        var first: String
        var acknowledged: String
        /// Each sequence once.
        var records: String
        var missing: String
        var refused: String
        var lastRefusal: String
    }

    private struct Streams: Decodable { var streams: [Stream] }

    private(set) var program: RunningSensord
    private(set) var port = 0
    private let directory: String
    private let more: [String]

    /// - Parameters:
    ///   - folder: what it keeps is in `received` there.
    ///   - more: further options.
    init(in folder: String, _ more: [String] = []) async throws {
        (directory, self.more) = (folder + "/received", more)
        program = try Self.run(directory, 0, more)
        try await listen()
    }

    private static func run(_ directory: String, _ port: Int, _ more: [String]) throws -> RunningSensord {
        try RunningSensord(["receive", "--listen", "127.0.0.1:\(port)", "--dir", directory] + more)
    }

    private func listen() async throws {
        try await program.until {
            let said = program.errorsSoFar.split(separator: "address=127.0.0.1:").dropFirst().first ?? ""
            guard let digits = said.firstIndex(where: { !$0.isNumber }).map({ said[..<$0] }) else { return false }
            port = Int(digits) ?? 0
            return port > 0
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }

    func crash() async throws { try await program.crash() }

    func restart() async throws {
        program = try Self.run(directory, port, more)
        try await listen()
    }

    func stop() async throws { try await program.stop() }

    func get(_ path: String) async throws -> String {
        let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url + path), timeout: .seconds(60))
        return String(buffer: try await response.body.collect(upTo: 64 << 20))
    }

    var streams: [Stream] {
        get async throws {
            try JSONDecoder().decode(Streams.self, from: Data(try await get("/v1/streams").utf8)).streams
        }
    }

    /// What it has of a subject, merged; nil: nothing yet.
    ///
    /// - Parameter subject: as it stands in the path: `-/agents/Deployment/planner`.
    func profile(of subject: String) async throws -> SharedProfile? {
        let text = try await get("/v1/posture/\(subject)?limit=10000")
        let parts = text.split(separator: #","leftOut":"0","record":"#)
        guard parts.count == 2, text.hasSuffix("}}]}\n") else { return nil }
        let snapshot = try PostureSnapshot(Array(parts[1].dropLast("}]}\n".count).utf8), name: subject)
        return snapshot.subjects.first?.profile
    }

    /// That it has one stream from its beginning to its end, each sequence once, and that nothing had to be refused.
    func expectOneWholeStream() async throws {
        let streams = try await streams
        let stream = try #require(streams.first)
        #expect(streams.count == 1 && stream.first == "1" && stream.missing == "0", "\(streams)")
        #expect(stream.records == stream.acknowledged && stream.refused == "0", "\(stream)")
    }
}
