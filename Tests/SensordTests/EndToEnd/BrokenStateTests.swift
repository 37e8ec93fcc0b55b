// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport
import Testing

@testable import sensord

/// A daemon whose state directory takes nothing, or goes away, while its records are on their way.
@Suite(.serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class BrokenStateTests {
    private let fixture: DeliveryFixture
    private var folder: String { fixture.folder }

    init() throws { fixture = try DeliveryFixture("broken") }

    /// Waits until the daemon says that it keeps nothing.
    private func trouble(of daemon: RunningSensord) async throws {
        try await asyncEventually {
            try await fixture.get("/readyz", of: daemon).contains("posture is not kept: ")
        }
    }

    @Test func `on a disk that is read-only nothing is told, and all of it once it is not`() async throws {
        let disk = try #require(SmallDisk(folder + "/state", size: "16m"))
        defer { withExtendedLifetime(disk) {} }
        let receiver = try await RunningReceiver(in: folder)
        let first = try await fixture.start(receiver.url)
        try await fixture.act("before")
        try await fixture.arrival(of: "before", from: first, at: receiver)
        try await first.stop()
        try #require(disk.remount(readOnly: true))
        let second = try await fixture.start(receiver.url)
        try await fixture.act("meanwhile")
        try await trouble(of: second)
        try await fixture.act("later")
        let streams = try await receiver.streams
        #expect(try await fixture.counts(at: receiver).keys.sorted() == ["before"])
        #expect(try await fixture.get("/healthz", of: second) == "ok\n")
        try #require(disk.remount(readOnly: false))
        try await fixture.arrival(of: "meanwhile", "later", from: second, at: receiver)
        #expect(try await receiver.streams.map(\.stream) == streams.map(\.stream))
        try await fixture.expectAll(["before", "meanwhile", "later"], from: second, at: receiver)
        try await receiver.stop()
    }

    @Test
    func `a directory that is removed is told of at once, and the next daemon begins anew without counting twice`()
        async throws
    {
        let receiver = try await RunningReceiver(in: folder)
        let first = try await fixture.start(receiver.url)
        try await fixture.act("before")
        try await fixture.arrival(of: "before", from: first, at: receiver)
        try await RunningSensord.shell("rm -r '\(folder)/state'")
        try await fixture.act("gone")
        try await trouble(of: first)
        // What is not kept is told to nobody.
        #expect(try await fixture.counts(at: receiver).keys.sorted() == ["before"])
        kill(first.pid, SIGTERM)
        let outcome = try await first.ended()
        #expect(outcome.status == 1 && outcome.errors.contains(", removed: no such file"), "\(outcome.errors)")

        let second = try await fixture.start(receiver.url)
        try await fixture.act("after")
        try await fixture.arrival(of: "after", from: second, at: receiver)
        try await second.stop()
        let known = try await fixture.counts(at: receiver)
        #expect(known.keys.sorted() == ["after", "before"] && Set(known.values).count == 1, "\(known)")
        let streams = try await receiver.streams
        #expect(streams.count == 2 && streams.allSatisfy { $0.first == "1" && $0.missing == "0" && $0.refused == "0" })
        #expect(streams.allSatisfy { $0.records == $0.acknowledged }, "\(streams)")
        try await receiver.stop()
    }
}
