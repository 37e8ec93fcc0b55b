// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import NIOCore
import SensorCore
import SensorTestSupport
import SwiftProtobuf
import Testing

@testable import sensord

/// Events on their way to a reconciler, by themselves.
@Suite(
    .serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
struct EventDeliveryTests {
    private let directory: TestDirectory
    private let reconciler = TestReconciler()
    /// Whatever else runs on the machine takes nothing of its share of the ring.
    private let cgroup: TestCgroup
    private var folder: String { directory.path }

    init() throws {
        directory = try TestDirectory()
        cgroup = try TestCgroup("events")
    }

    private func start(_ url: String, _ more: String...) async throws -> RunningSensord {
        try await .delivering(to: url, in: folder, ["--listen", "none"] + more)
    }

    private func run(_ command: String) async throws { try await RunningSensord.shell("\(cgroup.enter); \(command)") }

    /// Each once, whatever became of the batches that they came in.
    private var events: [PostureEvent] {
        reconciler.kept.flatMap { envelope -> [PostureEvent] in
            let text = String(decoding: envelope.payload, as: UTF8.self)
            guard case .events(let events)? = (try? PostureRecord(jsonString: text))?.body else { return [] }
            return events.events
        }
    }

    @Test func `what is chosen reaches the receiver, once and whole, and nothing else does`() async throws {
        let receiver = try RunningSensord(["receive", "--listen", "127.0.0.1:0", "--dir", folder + "/received"])
        var url = ""
        try receiver.eventually {
            let port = receiver.errorsSoFar.split(separator: "127.0.0.1:").dropFirst().first?.prefix { $0.isNumber }
            url = port.map { "http://127.0.0.1:\($0)" } ?? ""
            return !url.isEmpty
        }
        let daemon = try await start(url, "--tick", "0.1", "--deliver-events", "file.create,file.delete")
        try await run(": > '\(folder)/made'; rm '\(folder)/made'; cat '\(folder)'/state/lock > /dev/null")
        var text = ""
        try await asyncEventually {
            let request = HTTPClientRequest(url: url + "/v1/events?body=events")
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
            text = String(buffer: try await response.body.collect(upTo: 64 << 20))
            return text.contains("\"kind\":\"file.delete\"") && text.contains(folder + "/made\"")
        }
        try await daemon.stop()
        try await receiver.stop()
        let made = text.split(separator: "{\"time\":").filter { $0.contains(folder + "/made\"") }
        #expect(made.count == 2 && made[0].contains("file.create") && made[1].contains("file.delete"), "\(made)")
        let kinds = Set(
            text.split(separator: "\"kind\":\"").map { $0.prefix { $0 != "\"" } }.filter { $0.contains(".") })
        #expect(kinds.isSubset(of: ["file.create", "file.delete"]), "\(kinds)")
        #expect(text.contains(#""body":"events","envelope":{"stream":""#))
    }

    @Test func `by default it is what is new, each once, also where a batch comes twice and the daemon is killed`()
        async throws
    {
        try await reconciler.serve { server in
            var daemon = try await start(server.url, "--tick", "0.1")
            reconciler.meet(.lostAnswer, .status(500))
            try await run(": > '\(folder)/one'; cat '\(folder)/one' '\(folder)/one'")
            try await daemon.until { self.events.contains { $0.file.path == folder + "/one" } && reconciler.hasMetAll }
            try await daemon.crash()
            daemon = try await start(server.url, "--tick", "0.1")
            try await run(": > '\(folder)/two'")
            try await daemon.until { self.events.contains { $0.file.path == folder + "/two" } }
            try await daemon.stop()
        }
        #expect(reconciler.violations == [] && reconciler.repeated > 0)
        let ids = events.map(\.id)
        #expect(Set(ids).count == ids.count)
        #expect(events.allSatisfy { $0.firstSeen && $0.kind != "process.fork" })
    }

    @Test func `what is urgent does not wait for the tick`() async throws {
        try await run("mkdir -p '\(folder)/.ssh' && : > '\(folder)/.ssh/id_ed25519'")
        try await reconciler.serve { server in
            let daemon = try await start(server.url, "--tick", "3600")
            var begin = ContinuousClock.now
            try await run("cat '\(folder)/.ssh/id_ed25519'")
            try await daemon.until { self.events.contains { $0.file.path == folder + "/.ssh/id_ed25519" } }
            #expect(begin.duration(to: .now) < Self.longest)

            begin = .now
            try await run("unshare --uts true")
            try await daemon.until { self.events.contains { $0.syscall.name == "unshare" } }
            #expect(begin.duration(to: .now) < Self.longest)

            let client = try ToolCallClient(runDirectory: folder + "/run", session: "s1", call: "c1", patience: 60)
            try client.begin(name: "pay", arguments: ["bob"], initiator: nil)
            begin = .now
            do {
                try client.begin(name: "pay", arguments: ["bob"], initiator: nil)
                Issue.record("the same call is begun twice")
            } catch {
                #expect("\(error)".contains("c1"), "\(error)")
            }
            try await daemon.until {
                self.reconciler.has(#""anomaly":{"#) && self.reconciler.has("duplicate_operation")
            }
            #expect(begin.duration(to: .now) < Self.longest)
            // Nothing else came before its time.
            #expect(!reconciler.has(#""facts":{"#))
            try await daemon.stop()
        }
        #expect(reconciler.violations == [])
    }

    /// For a machine that has a lot else to do: the tick is an hour.
    private static let longest = Duration.seconds(60)
}
