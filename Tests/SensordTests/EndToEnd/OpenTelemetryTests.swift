// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import SensorCore
import SensorTestSupport
import Testing

@testable import sensord

/// An agent that is instrumented with OpenTelemetry, and with nothing of ours.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"),
    .needsAgentPython)
final class OpenTelemetryTests {
    private static let agent = """
        import os, sys
        from opentelemetry import trace
        from opentelemetry.exporter.otlp.proto.http import Compression
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        endpoint, folder = sys.argv[1:3]
        provider = TracerProvider(resource=Resource({"service.name": "planner"}))
        exporter = OTLPSpanExporter(endpoint=endpoint, compression=Compression.Gzip, timeout=20)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        tracer = provider.get_tracer("agent")

        def call(name, number):
            return tracer.start_as_current_span("execute_tool " + name, attributes={
                "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name,
                "gen_ai.tool.call.id": "call_%d" % number, "gen_ai.conversation.id": "conv_7",
                "gen_ai.agent.name": "planner"})

        with tracer.start_as_current_span("invoke_agent planner"):
            with call("write_file", 1):
                open(folder + "/one", "w").close()
            open(folder + "/between", "w").close()
            try:
                with call("fail", 2) as span:
                    open(folder + "/two", "w").close()
                    span.set_attribute("error.type", "ValueError")
                    raise ValueError("no")
            except ValueError:
                pass
        sys.exit(0 if provider.force_flush() else 3)
        """

    private let directory: TestDirectory
    private var folder: String { directory.path }

    init() throws { directory = try TestDirectory() }

    @Test func `its spans become calls of its workload, with what was done meanwhile`() throws {
        let daemon = try RunningSensord([
            "run", "--run-dir", folder, "--listen", "none", "--otlp-listen", "127.0.0.1:0", "--records", "-",
        ])
        let mark = "listening for OpenTelemetry address=127.0.0.1:"
        try daemon.eventually { daemon.errorsSoFar.contains(mark) && daemon.errorsSoFar.contains("collecting") }
        let port = try #require(
            daemon.errorsSoFar.split(separator: "\n").first { $0.contains(mark) }?.split(separator: ":").last)
        let agent = try sensord(
            wrapper: [
                try #require(AgentPython.path), "-c", Self.agent, "http://127.0.0.1:\(port)/v1/traces", folder,
            ])
        #expect(agent.status == 0, "\(agent.errors)")
        // Calls begin when their spans come; that they end is told at the latest when the daemon does.
        try daemon.eventually { daemon.outputSoFar.contains(#""kind":"toolcall.begin""#) }
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        let events = outcome.lines.compactMap { Event(json: Array($0.utf8)[...]) }
        let begun = events.filter { $0.kind == .toolCallBegin }
        let ended = events.filter { $0.kind == .toolCallEnd }
        #expect(begun.count == 2)
        try #require(ended.count == 2)
        for (event, (id, file)) in zip(ended, [("call_1", "/one"), ("call_2", "/two")]) {
            guard case .toolCall(let call) = event.detail else { return #expect(Bool(false)) }
            #expect(call.id == id)
            #expect(call.session == "conv_7")
            #expect(call.status == (id == "call_1" ? "ok" : "error"))
            #expect(call.error == (id == "call_1" ? "" : "ValueError"))
            #expect(call.span?.service == "planner")
            #expect(call.span?.agentName == "planner")
            #expect(!event.workload.isUnknown)
            let effects = call.effects?.listed ?? []
            let made = effects.filter { $0.text.hasPrefix(folder) }
            #expect(made.map(\.text) == [folder + file])
            #expect(made.map(\.method) == [.window])
            let seen = events.first {
                "\($0.sequence)" == made.first?.event.split(separator: "-").last.map(String.init)
            }
            guard case .file(let detail) = seen?.detail else { return #expect(Bool(false)) }
            #expect(detail.path.text == folder + file)
            #expect(seen?.workload.name == event.workload.name)
        }
    }

    /// What a collector says of a log record or a span.
    private struct Told: Decodable {
        var name: String?
        var span: String?
        var body: String?
        var trace: String?
        var parent: String?
        var events: [Event]?
        var attributes: [String: Value]

        /// A name and attributes.
        struct Event: Decodable {
            var name: String
            var attributes: [String: Value]

            init(from decoder: any Decoder) throws {
                var parts = try decoder.unkeyedContainer()
                name = try parts.decode(String.self)
                attributes = try parts.decode([String: Value].self)
            }
        }

        /// As text, whatever it is.
        struct Value: Decodable {
            var text: String

            init(from decoder: any Decoder) throws {
                let value = try decoder.singleValueContainer()
                if let text = try? value.decode(String.self) {
                    self.text = text
                } else if let number = try? value.decode(Int64.self) {
                    text = "\(number)"
                } else {
                    text = (try? value.decode([String].self))?.joined(separator: " ") ?? ""
                }
            }
        }
    }

    @Test func `a collector reads records as logs and calls as spans, each once, though it is busy at first`() throws {
        let fixture = try AgentFixture()
        let collector = try fixture.start(
            [try #require(AgentPython.path), "-B", AgentFixture.agents + "/collector.py", "2"])
        try collector.eventually { collector.outputSoFar.contains("\n") }
        let port = try #require(collector.outputSoFar.split(separator: "\n").first)
        let delivery = ["--listen", "none", "--tick", "1", "--otlp-url", "http://127.0.0.1:\(port)"]
        let daemon = try fixture.daemon(delivery)
        let call = try sensord(
            "tool-call", "--name", "write_file", "--session", "s1", "--run-dir", fixture.folder + "/run", "--", "sh",
            "-c",
            ": > \(fixture.folder)/made")
        #expect(call.status == 0, "\(call.errors)")
        try collector.eventually { collector.outputSoFar.contains(#""span": "execute_tool write_file""#) }
        kill(daemon.pid, SIGTERM)
        let outcome = try daemon.wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
        // What it could not send before its end is the next daemon's.
        let next = try fixture.daemon(delivery)
        var payloads: [String: String] = [:]
        for line in outcome.lines where line.hasPrefix(#"{"stream":"#) {
            let parts = line.split(separator: "\"", maxSplits: 8)
            let payload = try #require(line.firstRange(of: #""payload":"#)).upperBound
            payloads[String(parts[7])] = String(line[payload...].dropLast())
        }
        #expect(!payloads.isEmpty)
        func told() -> [Told] {
            collector.outputSoFar.split(separator: "\n").dropFirst().compactMap {
                try? JSONDecoder().decode(Told.self, from: Data($0.utf8))
            }
        }
        func bodies() -> [String: String] {
            let logs = told().filter { $0.name != nil }
            return Dictionary(
                logs.map { ($0.attributes["sensord.sequence"]?.text ?? "", $0.body ?? "") }, uniquingKeysWith: { $1 })
        }
        try next.eventually { Set(payloads.keys).isSubset(of: bodies().keys) }
        let sent = bodies()
        for (sequence, payload) in payloads { #expect(sent[sequence] == payload) }
        let spans = told().filter { $0.span != nil }
        #expect(spans.count == 1)
        let span = try #require(spans.first)
        #expect(span.attributes["gen_ai.tool.name"]?.text == "write_file" && span.trace?.utf8.count == 32)
        let made = span.events?.filter { $0.attributes["file.path"]?.text == fixture.folder + "/made" } ?? []
        #expect(made.map(\.name) == ["file.create"])
        kill(next.pid, SIGTERM)
        #expect(try next.wait().status == 0)
        kill(collector.pid, SIGKILL)
        _ = try collector.wait()
    }
}
