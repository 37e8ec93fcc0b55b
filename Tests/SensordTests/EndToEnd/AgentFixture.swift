// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// A folder for a daemon and for agents that announce their calls to it.
final class AgentFixture {
    private let directory: TestDirectory
    var folder: String { directory.path }
    private var scripts = 0

    init() throws { directory = try TestDirectory() }

    /// A daemon that collects, with its run directory in the folder.
    func daemon(_ arguments: String...) throws -> RunningSensord { try daemon(arguments) }

    func daemon(_ arguments: [String]) throws -> RunningSensord {
        var settings = ["run", "--run-dir", folder + "/run", "--state-dir", folder + "/state", "--records", "-"]
        if !arguments.contains("--tick") { settings += ["--tick", "3600"] }
        let daemon = try RunningSensord(settings + arguments)
        try daemon.eventually { daemon.errorsSoFar.contains("collecting") }
        return daemon
    }

    /// What stands behind a mark in the daemon's log, up to the end of the line; waits for it.
    func told(_ mark: String, by daemon: RunningSensord) throws -> String {
        try daemon.eventually {
            daemon.errorsSoFar.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                .contains { $0.contains(mark) }
        }
        let line = daemon.errorsSoFar.split(separator: "\n").first { $0.contains(mark) } ?? ""
        return line.firstRange(of: mark).map { String(line[$0.upperBound...]) } ?? ""
    }

    /// Ends the daemon.
    ///
    /// - Parameter words: of which one stands in what is read; nil: all is.
    func records(of daemon: RunningSensord, with words: [String]? = nil) throws -> AgentRecords {
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = outcome.lines.filter { line in
            guard let words else { return true }
            return line.withCString { text in words.contains { strstr(text, $0) != nil } }
        }
        return AgentRecords(
            events: lines.compactMap { Event(json: Array($0.utf8)[...]) },
            calls: lines.compactMap { ToolCallRecord(line: Array($0.utf8)[...]) }, folder: folder,
            losses: outcome.lines.filter { $0.hasPrefix("{\"coverage\":[") }.map { String($0) })
    }

    // MARK: Python

    private static let root = "/" + #filePath.split(separator: "/").dropLast(4).joined(separator: "/")

    static let hasPython = access("/usr/bin/python3", X_OK) == 0
    /// Where the client is.
    static let client = root + "/deploy/clients/python"
    /// Where agents of the world outside are.
    static let agents = root + "/Tests/Agents"

    /// For agents: where the daemon is.
    var environment: [String] {
        ["SENSORD_TOOLCALLS=\(folder)/run/agent/toolcalls.sock", "SENSORD_CLIENT=\(Self.client)"]
    }

    /// Runs a script that has the client, and a function that makes a file in the folder.
    ///
    /// - Parameter wrapper: what it is run by.
    func python(_ script: String, wrapper: [String] = [], arguments: [String] = []) throws -> RunningSensord {
        let text = """
            import asyncio, json, os, socket, subprocess, sys, threading
            sys.dont_write_bytecode = True
            sys.path.insert(0, "\(Self.client)")
            import sensord
            # Whatever else the machine does.
            sensord.TIMEOUT = 20
            folder = "\(folder)"
            def touch(name):
                open(os.path.join(folder, name), "w").close()
            """
        scripts += 1
        let path = folder + "/script-\(scripts).py"
        try write(text + "\n" + script + "\n", to: path)
        return try start(wrapper + ["/usr/bin/python3", path] + arguments)
    }

    /// Runs a program in the agents' environment.
    func start(_ command: [String]) throws -> RunningSensord {
        // The program's own path comes last, where the shell does not look at it.
        let words = command.dropFirst().indices.map { "\"${\($0)}\"" }.joined(separator: " ")
        return try RunningSensord(
            [], wrapper: ["sh", "-c", "exec \"$0\" \(words)"] + command, environment: environment)
    }

    func write(_ text: String, to path: String) throws {
        let descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o644)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        guard descriptor >= 0, Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
            throw SystemError("write \(path)")
        }
    }
}

/// What a daemon has told of files in a fixture's folder, by name, and of calls.
struct AgentRecords {
    let events: [Event]
    let calls: [ToolCallRecord]
    /// Of files, by path.
    private let makings: [String: [Event]]
    private let folder: String
    /// Lines that tell what was lost.
    let losses: [String]

    init(events: [Event], calls: [ToolCallRecord], folder: String, losses: [String] = []) {
        (self.events, self.calls, self.folder, self.losses) = (events, calls, folder, losses)
        var makings: [String: [Event]] = [:]
        for event in events where event.kind == .fileCreate {
            if case .file(let file) = event.detail { makings[file.path.text, default: []].append(event) }
        }
        self.makings = makings
    }

    /// The making of a file.
    func making(of name: String) throws -> Event {
        let found = makings["\(folder)/\(name)"] ?? []
        try #require(found.count == 1, "\(name): \(found.count) events")
        return found[0]
    }

    func isTold(_ name: String) -> Bool { makings["\(folder)/\(name)"] != nil }

    /// What the making of a file was joined to.
    func maker(of name: String) throws -> ToolCallReference? { try making(of: name).toolCall }

    func calls(_ kind: EventKind, name: String? = nil) -> [ToolCallDetail] {
        events.compactMap { event in
            guard event.kind == kind, case .toolCall(let call) = event.detail else { return nil }
            return call.name == name ?? call.name ? call : nil
        }
    }

    var anomalies: [(anomaly: AnomalyDetail, event: Event)] {
        events.compactMap { event in
            if case .anomaly(let anomaly) = event.detail { (anomaly, event) } else { nil }
        }
    }
}
