// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Glibc
import NIOCore
import NIOHTTP1
import SensorCore
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import sensord

/// The reference receiver, with records of real daemons.
@Suite struct ReceiverTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    private func receiver(_ more: String...) throws -> (program: RunningSensord, url: String) {
        let program = try RunningSensord(
            ["receive", "--listen", "127.0.0.1:0", "--dir", directory.path + "/received"] + more)
        var url = ""
        try program.eventually {
            let port = program.errorsSoFar.split(separator: "127.0.0.1:").dropFirst().first?.prefix { $0.isNumber }
            url = port.map { "http://127.0.0.1:\($0)" } ?? ""
            return !url.isEmpty
        }
        return (program, url)
    }

    // MARK: A node

    /// What a daemon told, line by line, and where it keeps what it knows.
    private struct Node {
        var name: String
        var stream: String
        var lines: [Substring]
        var state: String
    }

    /// Runs a daemon while a workload reads a file so many times.
    private func node(_ name: String, _ cgroup: TestCgroup, reading file: String, times: Int) throws -> Node {
        let folder = directory.path
        let group = cgroup.path.split(separator: "/").last ?? ""
        let workload = #"{"namespace":"agents","kind":"Deployment","name":"planner"}"#
        try Child.shell(
            "echo '[{\"cgroup\":\"/\(group)\",\"workload\":\(workload)}]' > '\(folder)/map'; : > '\(file)'")
        let state = "\(folder)/\(name)"
        let daemon = try RunningSensord([
            "run", "--run-dir", "\(folder)/run", "--state-dir", state, "--records", "-", "--tick", "0.1", "--listen",
            "127.0.0.1:0", "--workload-map", "\(folder)/map", "--node", name,
        ])
        try daemon.eventually { daemon.errorsSoFar.contains("collecting") }
        for _ in 0..<times {
            let outcome = try RunningSensord(
                [], wrapper: ["sh", "-c", "\(cgroup.enter); cat '\(file)'; ls '\(folder)'/none-\(name)", "sh"]
            ).wait()
            #expect(outcome.errors.contains("none-"))
        }
        try daemon.eventually { daemon.outputSoFar.contains(file) }
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = outcome.lines.filter { $0.hasPrefix(#"{"stream":""#) }
        let stream = try #require(lines.first).dropFirst(#"{"stream":""#.count).prefix(32)
        return Node(name: name, stream: String(stream), lines: lines, state: state)
    }

    /// What records say of the workload, merged as they come.
    private func told(_ nodes: Node...) throws -> SharedProfile {
        var profile = SharedProfile(SubjectKey(namespace: "agents", kind: "Deployment", name: "planner"))
        for node in nodes {
            for line in node.lines {
                let payload = try #require(line.firstRange(of: #""payload":"#)).upperBound
                let record = try PostureRecord(jsonString: String(line[payload...].dropLast()))
                guard record.subject.name == "planner" else { continue }
                for fact in record.facts.facts { profile.merge(fact, writer: "\(node.name)/\(record.facts.writer)") }
                guard case .profile(var share)? = record.body else { continue }
                share.writer = "\(node.name)/\(share.writer)"
                profile.merge(share)
            }
        }
        return profile
    }

    // MARK: Sending and asking

    private static func send(_ lines: some Sequence<Substring>, of node: Node, to url: String) async throws -> Int {
        var request = HTTPClientRequest(url: url + "/v1/posture")
        request.method = .POST
        request.headers.add(name: "content-type", value: "application/json")
        let records = lines.joined(separator: ",")
        let body = #"{"node":"\#(node.name)","stream":"\#(node.stream)","records":[\#(records)]}"#
        request.body = .bytes(ByteBuffer(string: body))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let text = String(buffer: try await response.body.collect(upTo: 1 << 20))
        try #require(response.status == .ok, "\(text)")
        let answer = text.split(separator: #""acknowledged":""#).last?.prefix { $0.isNumber } ?? ""
        return try #require(Int(answer), "\(text)")
    }

    private func ask(_ url: String) async throws -> String {
        let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(60))
        return String(buffer: try await response.body.collect(upTo: 64 << 20))
    }

    /// The one subject, as it is answered.
    private func answered(_ url: String) async throws -> (nodes: Substring, profile: SharedProfile) {
        let text = try await ask(url + "/v1/posture/-/agents/Deployment/planner?limit=10000")
        let parts = text.split(separator: #","leftOut":"0","record":"#)
        try #require(parts.count == 2 && text.hasSuffix("}}]}\n"), "\(text)")
        let snapshot = try PostureSnapshot(Array(parts[1].dropLast("}]}\n".count).utf8), name: url)
        let nodes = parts[0].dropFirst(#"{"subjects":[{"nodes":"#.count)
        return (nodes, try #require(snapshot.subjects.first).profile)
    }

    private func expectSame(_ answer: SharedProfile, _ told: SharedProfile) {
        #expect(!told.facts.isEmpty && Set(answer.facts.keys) == Set(told.facts.keys))
        for (identity, fact) in told.facts {
            let known = answer.facts[identity]
            #expect(known?.counts.count == fact.counts.count && known?.sightings == fact.sightings)
            #expect(known?.firstSeen == fact.firstSeen && known?.lastSeen == fact.lastSeen)
            #expect(known?.replicas == fact.replicas && known?.processes == fact.processes)
        }
    }

    // MARK: Tests

    @Test(.enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
    func `what daemons told is what is answered, whatever is sent twice and whenever it is killed`() async throws {
        let cgroup = try TestCgroup("receiver")
        let mark = directory.path + "/mark"
        let first = try node("n1", cgroup, reading: mark, times: 3)
        let second = try node("n2", cgroup, reading: mark, times: 2)
        #expect(first.stream != second.stream && first.lines.count > 2)

        var (program, url) = try receiver()
        #expect(try await Self.send(first.lines.prefix(2), of: first, to: url) == 2)
        // In the middle of whatever it does then.
        let rest = first.lines.dropFirst(2)
        let sending = Task { [url] in try? await Self.send(rest, of: first, to: url) }
        usleep(.random(in: 0..<20_000))
        kill(program.pid, SIGKILL)
        #expect(try program.wait().status == 128 + SIGKILL)
        _ = await sending.value

        (program, url) = try receiver()
        var position = 0
        while position < first.lines.count {
            let sequence = try await Self.send(first.lines[position...].prefix(3), of: first, to: url)
            #expect(sequence >= position + 1)
            position += 3
        }
        #expect(try await Self.send(first.lines, of: first, to: url) == first.lines.count)
        var answer = try await answered(url)
        #expect(answer.nodes == #"["n1"]"#)
        expectSame(answer.profile, try told(first))
        // As the daemon itself keeps it: counts of what was told some time ago may be behind.
        let kept = try RunningSensord(["posture", "--state-dir", first.state, "--json", "planner"]).wait()
        let own = try #require(try PostureSnapshot(Array(kept.output.utf8), name: "kept").subjects.first).profile
        #expect(Set(own.facts.keys) == Set(answer.profile.facts.keys))
        for (identity, fact) in own.facts {
            #expect(answer.profile.facts[identity]?.counts.count ?? .max <= fact.counts.count)
        }

        #expect(try await Self.send(second.lines, of: second, to: url) == second.lines.count)
        answer = try await answered(url)
        #expect(answer.nodes == #"["n1","n2"]"#)
        let both = try told(first, second)
        expectSame(answer.profile, both)
        #expect(both.facts.values.contains { $0.writers.count == 2 })
        let streams = try await ask(url + "/v1/streams")
        for node in [first, second] {
            #expect(
                streams.contains(
                    #""stream":"\#(node.stream)","first":"1","acknowledged":"\#(node.lines.count)""#), "\(streams)")
        }
        for body in ["inventory", "nodeCoverage"] {
            #expect(try await ask(url + "/v1/events?body=\(body)").contains("\"\(body)\":{"))
        }
        kill(program.pid, SIGTERM)
        let outcome = try program.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")

        // And again from its disk.
        (program, url) = try receiver()
        expectSame(try await answered(url).profile, both)
        let files = try RunningSensord(
            [],
            wrapper: [
                "sh", "-c", "stat -c %a '\(directory.path)/received'/*; stat -c %a '\(directory.path)/received'", "sh",
            ]
        ).wait()
        #expect(Set(files.lines.dropLast()) == ["600"] && files.lines.last == "700", "\(files.output)")
    }

    @Test(arguments: [
        (["--listen", "0.0.0.0:0"], "--tls-cert and --tls-key are needed"), (["--listen", "nowhere"], "--listen"),
        (["--listen", "127.0.0.1:0", "--client-ca", "/dev/null"], "--client-ca"),
        (["--listen", "127.0.0.1:0", "--tls-cert", "/dev/null"], "go together"),
        (["--listen", "127.0.0.1:0", "--max-facts", "0"], "--max-facts"),
    ])
    func `what would be open to others, or makes no sense, is refused`(_ options: [String], _ why: String) throws {
        let outcome = try RunningSensord(["receive", "--dir", directory.path + "/received"] + options).wait()
        #expect(outcome.status == 2 && outcome.errors.contains(why), "\(outcome.errors)")
    }

    @Test func `files of tokens, keys and certificates must be such`() throws {
        for option in ["--token-file", "--reader-token-file", "--key"] {
            try Child.shell("echo wrong > '\(directory.path)/file'")
            let outcome = try RunningSensord([
                "receive", "--listen", "127.0.0.1:0", "--dir", directory.path + "/received", option,
                directory.path + "/file",
            ]).wait()
            #expect(outcome.status == 78 && outcome.errors.contains(directory.path + "/file"), "\(outcome.errors)")
        }
    }

    @Test func `a directory has one receiver`() throws {
        let (first, _) = try receiver()
        let second = try RunningSensord([
            "receive", "--listen", "127.0.0.1:0", "--dir", directory.path + "/received",
        ]).wait()
        #expect(second.status == 1 && second.errors.contains("process \(first.pid)"), "\(second.errors)")
    }
}
