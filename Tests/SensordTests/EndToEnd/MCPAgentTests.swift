// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import Testing

/// An agent with the official MCP SDK, whose server over stdio was started before any call and has subprocesses do the work.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"),
    .needsAgentPython)
final class MCPAgentTests {
    private let fixture: AgentFixture

    init() throws { fixture = try AgentFixture() }

    private static let single = [
        ("one-by-one", "write"), ("one-by-one-child", "write"), ("thread", "write_in_thread"),
        ("worker", "write_by_worker"), ("failing", "fail"), ("hanging", "hang"),
    ]

    private func run(_ who: String, _ endpoint: String...) throws {
        let python = try #require(AgentPython.path)
        let agent = try fixture.start([python, AgentFixture.agents + "/agent.py", fixture.folder, who] + endpoint)
        let outcome = try agent.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
    }

    /// Whom the tasks that run at once talked to: each to its own peer.
    private func peers(_ records: AgentRecords) -> [(host: String, call: ToolCallReference?)] {
        records.events.compactMap { event in
            guard event.kind == .networkConnect, case .network(let network) = event.detail,
                let address = network.peer?.address, (2...4).contains(where: { "\(address)" == "127.0.0.\($0)" })
            else { return nil }
            return ("\(address)", event.toolCall)
        }
    }

    @Test func `what its server's subprocesses do is joined to the calls that the agent announces`() throws {
        let daemon = try fixture.daemon()
        try run("agent")
        let records = try fixture.records(of: daemon)
        let begun = records.calls(.toolCallBegin)
        #expect(begun.count == 10)
        #expect(begun.allSatisfy { $0.scope == "tree" && $0.session == "s1" })
        for (file, tool) in Self.single {
            let call = try records.maker(of: file)
            #expect(call?.name == tool, "\(file)")
            // The server was there before: no more can be said.
            #expect(call?.method == .process, "\(file)")
            #expect(call?.session == "s1")
        }
        #expect(try records.maker(of: "between") == nil)
        #expect(try records.maker(of: "cancelled") == nil)

        // Which call a file's name stands in is not in the records: their order is that of gather().
        for (tool, files, count) in [("write_in_threads", "threads", 2), ("publish", "task", 3)] {
            let ids = begun.filter { $0.name == tool }.map(\.id)
            try #require(ids.count == count)
            for (index, id) in ids.enumerated() {
                let call = try records.maker(of: "\(files)-\(index + 1)")
                #expect(call?.method == .argument)
                #expect(call?.id == id)
            }
        }
        let publications = begun.filter { $0.name == "publish" }.map(\.id)
        for number in 1...3 {
            let call = try records.maker(of: "unnamed-\(number)")
            #expect(call?.method == .candidates)
            #expect(call?.candidates == publications)
        }
        let peers = peers(records)
        #expect(peers.count == 3)
        for (host, call) in peers {
            #expect(call?.method == .argument)
            #expect(call?.id == publications[(host.last?.wholeNumberValue ?? 0) - 2])
        }

        let ended = records.calls(.toolCallEnd)
        #expect(ended.count == 10)
        #expect(ended.filter { $0.name == "fail" }.map { [$0.status, $0.error] } == [["error", "tool_error"]])
        #expect(ended.filter { $0.name == "hang" }.map(\.status) == ["cancelled"])
        #expect(ended.filter { !["fail", "hang"].contains($0.name) }.allSatisfy { $0.status == "ok" })
    }

    @Test func `a server can announce its calls itself, and what its threads do is then known exactly`() throws {
        let daemon = try fixture.daemon()
        try run("server")
        let records = try fixture.records(of: daemon)
        for (file, tool) in Self.single {
            let call = try records.maker(of: file)
            #expect(call?.name == tool, "\(file)")
            #expect(call?.session == "server")
            // What a coroutine does, and has done by a program, its process does; a worker that was there before may do it.
            let methods: [String: ToolCallReference.Method] = ["thread": .exact, "worker": .candidates]
            #expect(call?.method == methods[file, default: .process], "\(file)")
        }
        #expect(try records.maker(of: "between") == nil)
        let threads = records.calls(.toolCallBegin, name: "write_in_threads").map(\.id)
        let makers = try ["threads-1", "threads-2"].map { try records.maker(of: $0) }
        #expect(makers.allSatisfy { $0?.method == .exact })
        #expect(Set(makers.compactMap { $0?.id }) == Set(threads) && threads.count == 2)
        let publications = records.calls(.toolCallBegin, name: "publish").map(\.id)
        let tasks = try (1...3).map { try records.maker(of: "task-\($0)") }
        #expect(tasks.allSatisfy { $0?.method == .argument })
        #expect(Set(tasks.compactMap { $0?.id }) == Set(publications) && publications.count == 3)
        for number in 1...3 {
            let call = try records.maker(of: "unnamed-\(number)")
            #expect(call?.method == .candidates)
            #expect(Set(call?.candidates ?? []) == Set(publications))
        }
        let failed = records.calls(.toolCallEnd, name: "fail")
        #expect(failed.map { [$0.status, $0.error] } == [["error", "ValueError"]])
    }

    @Test func `the SDK's own spans tell of calls that nobody announces`() throws {
        let daemon = try fixture.daemon("--listen", "none", "--otlp-listen", "127.0.0.1:0")
        let address = try fixture.told("listening for OpenTelemetry address=127.0.0.1:", by: daemon)
        try run("nobody", "http://127.0.0.1:\(address)/v1/traces")
        let records = try fixture.records(of: daemon)
        let ended = records.calls(.toolCallEnd)
        // The one that was cancelled included.
        #expect(ended.count == 10)
        for (file, tool) in Self.single {
            let effects = effects(ended, of: file)
            #expect(effects.map(\.call) == [tool], "\(file)")
            #expect(effects.map(\.effect.method) == [.window], "\(file)")
        }
        for file in ["task-1", "task-2", "task-3", "unnamed-1", "unnamed-2", "unnamed-3"] {
            let effects = effects(ended, of: file)
            #expect(!effects.isEmpty)
            for (_, effect) in effects {
                #expect(effect.method == .candidates, "\(file)")
                #expect(effect.candidates.count == 3, "\(file)")
            }
        }
    }

    /// The making of a file as calls list it that were told of after the fact.
    private func effects(
        _ calls: [ToolCallDetail], of file: String
    ) -> [(call: String, effect: ToolCallEffects.Effect)] {
        let path = "\(fixture.folder)/\(file)"
        var found: [(call: String, effect: ToolCallEffects.Effect)] = []
        for call in calls {
            for effect in call.effects?.listed ?? [] where effect.kind == .fileCreate && effect.text == path {
                found.append((call.name, effect))
            }
        }
        return found
    }
}
