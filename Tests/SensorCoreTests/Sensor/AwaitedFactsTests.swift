// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// What agents say before it is known whose they are.
@Suite struct AwaitedFactsTests {
    private static func path(_ number: Int) -> String {
        "/kubepods/pod\(number)1111111-2222-3333-4444-555555555555/\(String(repeating: "\(number)d", count: 32))"
    }

    private func pipeline() -> Pipeline {
        var configuration = PipelineConfiguration()
        configuration.learnsProfiles = true
        var pipeline = Pipeline(session: Records.session, host: FakeHost(), configuration: configuration)
        pipeline.consume(.cluster([.stale]))
        for number in 1...2 {
            pipeline.consume(
                .record(Records.cgroup(SENSOR_CGROUP_CREATED, id: UInt64(50 + number), path: Self.path(number))))
        }
        return pipeline
    }

    private func origin(_ workload: Int) -> CallOrigin {
        CallOrigin(process: 100, cgroup: UInt64(50 + workload), time: 30)
    }

    @Test func `what one workload says beyond its share is counted, is nobody else's, and takes no other's room`() {
        var pipeline = pipeline()
        for number in 0..<600 {
            pipeline.call(.model(ModelUse(provider: "p", requested: "m\(number)"), origin(1)))
        }
        #expect(pipeline.statistics.refusedFacts == 600 - 512)
        #expect(pipeline.statistics.knownSubjects == 0 && pipeline.statistics.knownFacts == 0)
        let tools = (0..<100).map { ToolCatalog.Tool(name: "t\($0)") }
        pipeline.call(.catalog(ToolCatalog(server: "s", tools: tools), origin(2)))
        #expect(pipeline.statistics.refusedFacts == 600 - 512)
        // They go on waiting over ticks.
        pipeline.tick(ClockReading(boot: 40, wallOffset: 0))
        #expect(pipeline.statistics.refusedFacts == 600 - 512)
        #expect(pipeline.statistics.knownFacts == 0)
    }

    @Test func `a list of facts counts as so many, and long ones as more`() {
        var facts = AwaitedFacts()
        func key(_ number: Int, _ length: Int) -> FactKey {
            FactKey(.model, "p", ByteString("\(number)"), ByteString(String(repeating: "m", count: length)))
        }
        facts.add((0..<1000).map { key($0, 1) }, origin(1), of: 1)
        facts.add([key(1000, 1)], origin(1), of: 1)
        #expect(facts.refused == 489)
        facts.add((0..<400).map { key($0, 1024) }, origin(2), of: 2)
        #expect(facts.refused > 489 + 100)
        #expect(facts.take().map(\.facts.count).first == 512)
        #expect(facts.take().isEmpty)
    }
}
