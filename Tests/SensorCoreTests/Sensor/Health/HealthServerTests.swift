// SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(5))) struct HealthServerTests {
    /// A line of Prometheus' text format.
    private static var sample: Regex<AnyRegexOutput> {
        get throws {
            try Regex(#"sensord_[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9]+(\.[0-9]+)?(e-?[0-9]+)?"#)
        }
    }

    private struct Answer {
        var status: Int
        var type: String?
        var body: String
    }

    private static var log: Logger {
        var log = Logger(label: "test")
        log.logLevel = .critical
        return log
    }

    /// Serves the report while `body` asks.
    private func serving(
        _ report: HealthReport?, connectionTime: TimeAmount = .seconds(10),
        _ body: (_ get: (String) async throws -> Answer, _ address: ListenAddress) async throws -> Void
    ) async throws {
        let (addresses, address) = AsyncStream<ListenAddress>.makeStream()
        let server = HealthServer(
            ListenAddress(port: 0), group: MultiThreadedEventLoopGroup.singleton, log: Self.log,
            connectionTime: connectionTime, running: { address.yield($0) }, report: { report })
        let running = Task { try await server.run() }
        let bound = try #require(await addresses.first { _ in true })
        #expect(bound.port != 0)
        let get = { (path: String) in
            let response = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: "http://\(bound)\(path)"), timeout: .seconds(60))
            return Answer(
                status: Int(response.status.code), type: response.headers.first(name: "content-type"),
                body: String(buffer: try await response.body.collect(upTo: 1 << 20)))
        }
        try await body(get, bound)
        running.cancel()
        try await running.value
    }

    private func report(_ state: ClusterStatus.State, attached: Bool = true) -> HealthReport {
        var summary = CollectorSummary()
        summary.statistics.records = 42
        summary.statistics.knownTemplates = 9
        summary.losses.add(.init(cgroup: 7, hook: 1, reason: LossReason.ringFull.rawValue, kind: 10), count: 3)
        summary.losses.add(.init(cgroup: 8, hook: 1, reason: LossReason.ringFull.rawValue, kind: 10), count: 2)
        summary.queues = [FillLevel(name: "events", used: 5, size: 100)]
        var kernel = KernelUse()
        kernel.maps = [FillLevel(name: "memory", used: 7, size: 64)]
        kernel.programs = [ProgramCost(name: "sys_exit", nanoseconds: 1_500_000_000, runs: 3, recursionMisses: 0)]
        summary.kernel = kernel
        summary.statistics.convergence = [.init(discipline: .identity, state: .converged, subjects: 4)]
        var program = ProgramStatus(
            name: "sys_exit", section: "tp_btf/sys_exit", state: attached ? .attached : .refused(1))
        program.log = nil
        summary.programs = [program]
        var identity = ClusterStatus(state)
        identity.pods = 5
        identity.counters.relists = 2
        if state == .stale { identity.watchError = "connect \"timeout\"" }
        identity.lastError = "an owner did not come"
        var calls = ToolCallServer.Statistics()
        calls.refused[.messages] = 4
        calls.suppressedAnomalies = 6
        var traces = TraceStatistics()
        traces.requests = 7
        traces.refused[.connections] = 2
        var journal = PostureJournal.Status()
        journal.oldest = .now - .seconds(90)
        journal.sinks = [
            .init(name: "reconciler", unsettled: 4, waitsSince: .now - .seconds(60), missing: 0),
            .init(name: "records", unsettled: 0, waitsSince: nil, missing: 0),
        ]
        var delivery = ReconcilerStatus()
        for milliseconds in [1, 30, 40_000] { delivery.latency.add(.milliseconds(milliseconds)) }
        return HealthReport(
            collector: summary, identity: identity, toolCalls: calls, traces: traces, journal: journal,
            deliveries: [("reconciler", delivery)])
    }

    @Test(arguments: [
        (ClusterStatus.State.synced, true, 200), (.disabled, true, 200), (.syncing, true, 503), (.stale, true, 503),
        (.refused, true, 503), (.synced, false, 503),
    ])
    func `ready is what has its hooks attached and its pods known`(
        _ state: ClusterStatus.State, _ isAttached: Bool, _ status: Int
    ) async throws {
        try await serving(report(state, attached: isAttached)) { get, _ in
            let answer = try await get("/readyz")
            #expect(answer.status == status)
            #expect(answer.type == "application/json")
            #expect(answer.body.contains(#""ready":\#(status == 200)"#))
            #expect(answer.body.contains(#""state":"\#(state.rawValue)""#))
            if state == .stale {
                #expect(answer.body.contains(#"the API server is away for "#))
                #expect(
                    answer.body.contains(#"working from what is known: connect \"timeout\""#), "not what failed last")
            }
            if !isAttached { #expect(answer.body.contains("no hook is attached")) }
            let health = try await get("/healthz")
            #expect(health.status == 200)
        }
    }

    @Test(arguments: [(HealthReport.Standby.waiting, 200), (.takingOver, 503)])
    func `whoever waits is ready to, and whoever takes over is not until it collects`(
        _ standby: HealthReport.Standby, _ status: Int
    ) async throws {
        var report = HealthReport(collector: CollectorSummary(), identity: ClusterStatus())
        report.standby = standby
        report.version = "1.2.3"
        report.pinsError = "no place"
        try await serving(report) { get, _ in
            let answer = try await get("/readyz")
            #expect(answer.status == status)
            #expect(answer.body.contains(status == 200 ? "it stands by" : "it takes over"))
            #expect(answer.body.contains("nothing is pinned") && answer.body.contains("no place"))
            let metrics = try await get("/metrics").body
            #expect(metrics.contains("\nsensord_standby 1\n") && metrics.contains(#"{version="1.2.3"}"#))
            #expect(!metrics.contains("sensord_events_total"))
        }
    }

    @Test(arguments: [(0, 0, true), (1, 0, false), (1, 1, true)])
    func `a node that has pods of which the API server knows none is not the one it goes by`(
        _ here: Int, _ known: Int, _ isReady: Bool
    ) {
        var report = report(.synced)
        report.collector.statistics.podsHere = UInt64(here)
        report.identity.pods = known
        let readiness = report.readiness()
        #expect(readiness.ready == isReady)
        #expect(readiness.reasons.contains { $0.contains("SENSORD_NODE") } == !isReady)
    }

    @Test func `records that could not be written are among the reasons, and keep nothing from being ready`() {
        var report = report(.synced)
        report.output = HealthReport.Output(written: 5, dropped: 0, errors: 1)
        #expect(report.readiness().reasons.isEmpty)
        report.output = HealthReport.Output(written: 5, dropped: 3, errors: 1)
        #expect(report.readiness().ready)
        #expect(report.readiness().reasons == ["3 lines of records could not be written"])
    }

    @Test(arguments: [(0, true), (1, true), (2, true), (3, false), (5, false)])
    func `a node of most of whose pods the owner is not known is not ready`(_ unsettled: Int, _ isReady: Bool) {
        var report = report(.synced)
        report.identity.unsettledPods = unsettled
        report.identity.lastError = "status 503"
        let readiness = report.readiness()
        #expect(readiness.ready == isReady)
        let reason = "owners of \(unsettled) of 5 pods are not known for certain: status 503"
        #expect(readiness.reasons == (unsettled == 0 ? [] : [reason]))
        #expect(readiness.identity.lastError == (unsettled == 0 ? nil : "status 503"))
    }

    @Test func `owners that may not be read are among the reasons, and keep nothing from being ready`() {
        var report = report(.synced)
        report.identity.forbiddenOwners = 2
        #expect(report.readiness().ready)
        #expect(report.readiness().reasons.first?.hasPrefix("owners of 2 pods may not be read (see deploy/") == true)
    }

    @Test func `metrics are Prometheus text, summed over workloads`() async throws {
        try await serving(report(.synced)) { get, _ in
            let answer = try await get("/metrics")
            #expect(answer.status == 200)
            #expect(answer.type == "text/plain; version=0.0.4; charset=utf-8")
            let lines = answer.body.split(separator: "\n")
            #expect(lines.contains("sensord_events_total{kind=\"file.open\"} 0"))
            #expect(lines.contains("sensord_attributed_events_total{method=\"api_watch\"} 0"))
            #expect(lines.contains("sensord_correlated_events_total{method=\"exact\"} 0"))
            #expect(lines.contains("sensord_map_entries{map=\"memory\"} 7"))
            #expect(lines.contains("sensord_map_max_entries{map=\"memory\"} 64"))
            #expect(lines.contains("sensord_program_run_seconds_total{program=\"sys_exit\"} 1.5"))
            #expect(lines.contains("sensord_program_runs_total{program=\"sys_exit\"} 3"))
            #expect(lines.contains("sensord_queue_bytes{queue=\"events\"} 5"))
            #expect(
                lines.contains("sensord_posture_convergence{discipline=\"identity\",state=\"converged\"} 4"))
            func seconds(_ sample: String) -> Double? {
                lines.first { $0.hasPrefix(sample + " ") }.flatMap { Double($0.dropFirst(sample.count + 1)) }
            }
            let lag = try #require(seconds("sensord_delivery_lag_seconds{sink=\"reconciler\"}"))
            let age = try #require(seconds("sensord_delivery_spool_age_seconds"))
            #expect(lag >= 60 && age >= 90 && seconds("sensord_delivery_lag_seconds{sink=\"records\"}") == 0)
            for (bound, count) in [("0.005", 1), ("0.025", 1), ("0.05", 2), ("30.0", 2), ("+Inf", 3)] {
                #expect(
                    lines.contains(
                        "sensord_delivery_request_seconds_bucket{sink=\"reconciler\",le=\"\(bound)\"} \(count)"))
            }
            #expect(lines.contains("sensord_delivery_request_seconds_sum{sink=\"reconciler\"} 40.031"))
            #expect(lines.contains("sensord_delivery_request_seconds_count{sink=\"reconciler\"} 3"))
            #expect(
                lines.contains {
                    $0.hasPrefix("sensord_lost_events_total{hook=") && $0.hasSuffix("reason=\"ring_full\"} 5")
                })
            #expect(lines.contains("sensord_identity_state{state=\"synced\"} 1"))
            #expect(lines.contains("sensord_identity_state{state=\"stale\"} 0"))
            #expect(lines.contains("sensord_identity_relists_total 2"))
            #expect(lines.contains("sensord_hooks{state=\"attached\"} 1"))
            #expect(lines.contains("sensord_known{what=\"first_sight\"} 9"))
            #expect(lines.contains { $0.wholeMatch(of: /sensord_heap_bytes\{state="used"\} [0-9]+/) != nil })
            #expect(lines.contains("sensord_toolcall_refused_total{what=\"messages\"} 4"))
            #expect(lines.contains("sensord_toolcall_suppressed_anomalies_total 6"))
            #expect(lines.contains("sensord_otlp_requests_total 7"))
            #expect(lines.contains("sensord_otlp_refused_total{reason=\"connections\"} 2"))
            for line in lines where !line.hasPrefix("#") {
                #expect(try line.wholeMatch(of: Self.sample) != nil, "\(line)")
            }
        }
    }

    @Test func `what is not there is told so, and a daemon that does not answer is not ready`() async throws {
        try await serving(nil) { get, _ in
            for (path, status) in [("/", 404), ("/readyz", 503), ("/metrics", 503), ("/healthz", 200)] {
                let answer = try await get(path)
                #expect(answer.status == status)
            }
        }
    }

    @Test func `clients that ask nothing do not keep others out`() async throws {
        // Time enough for who does ask, on a machine with much else to do.
        try await serving(report(.synced), connectionTime: .seconds(3)) { get, address in
            var idle: [any Channel] = []
            for _ in 0..<HealthServer.maximumConnections {
                idle.append(
                    try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                        .connect(host: address.host, port: address.port).get())
            }
            let answer = try await get("/healthz")
            #expect(answer.status == 200)
            for channel in idle { try await channel.closeFuture.get() }
        }
    }

    @Test func `a connection is for one answer, which comes whole`() async throws {
        try await serving(report(.synced)) { _, address in
            let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: address.host, port: address.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            let text = try await client.executeThenClose { inbound, outbound in
                let request = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
                try await outbound.write(ByteBuffer(string: request))
                var text = ""
                for try await part in inbound { text += String(buffer: part) }
                return text
            }
            #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(text.lowercased().contains("\r\nconnection: close\r\n"))
            #expect(text.contains("sensord_records_total 42\n"))
            let length = text.firstMatch(of: /(?i)content-length: ([0-9]+)/).flatMap { Int($0.1) }
            let body = text.firstRange(of: "\r\n\r\n").map { text[$0.upperBound...].utf8.count }
            #expect(length == body)
        }
    }

    @Test func `an address that is taken is taken as soon as it is free`() async throws {
        let first = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(first.localAddress?.port)
        let (addresses, address) = AsyncStream<ListenAddress>.makeStream()
        let server = HealthServer(
            ListenAddress(port: port), group: MultiThreadedEventLoopGroup.singleton, log: Self.log,
            retry: .milliseconds(5), running: { address.yield($0) }, report: { nil })
        let running = Task { try await server.run() }
        try await first.close()
        #expect(await addresses.first { _ in true }?.port == port)
        running.cancel()
        try await running.value
    }

    @Test(arguments: [
        ("127.0.0.1:9464", "127.0.0.1", 9464), ("[::1]:0", "::1", 0), ("0.0.0.0:80", "0.0.0.0", 80),
    ])
    func `an address is read and shown as it is written`(_ text: String, _ host: String, _ port: Int) {
        #expect(ListenAddress(text) == ListenAddress(host: host, port: port))
        #expect(ListenAddress(text)?.description == text)
    }

    @Test(arguments: [
        "", "9464", "127.0.0.1", ":9464", "::1:80", "[::1]", "localhost:80", "1.2.3.4:65536", "[1.2.3.4]:1", "a b:1",
    ])
    func `what is no address is none`(_ text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test func `cgroups out of sight are among the reasons, and keep nothing from being ready`() {
        var report = report(.synced)
        #expect(report.readiness().reasons.isEmpty)
        report.collector.seesPartOfCgroups = true
        #expect(report.readiness().ready)
        #expect(report.readiness().reasons == ["a cgroup namespace hides whose most events are: see sensord check"])
    }
}
