// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import sensord

/// A daemon and a receiver that are killed, over and over, wherever they are.
@Suite(.serialized, .enabled(if: RunningSensord.canCollect, "eBPF programs cannot be loaded here: see sensord check"))
final class KillTests {
    private let fixture: DeliveryFixture
    private static let rounds = getenv("SENSORD_THOROUGH_TESTS") == nil ? 5 : 100

    init() throws { fixture = try DeliveryFixture("kill") }

    private func pause() async throws { try await Task.sleep(for: .milliseconds(.random(in: 0..<200))) }

    @Test
    func `killed at any moment, they have one whole stream between them, in which nothing is lost or counts twice`()
        async throws
    {
        let receiver = try await RunningReceiver(in: fixture.folder)
        for round in 0..<Self.rounds {
            let daemon = try await fixture.start(receiver.url)
            try await fixture.act((0..<3).map { "\(round)-\($0)" })
            try await pause()
            if round % 2 == 0 {
                try await receiver.crash()
                try await pause()
                try await receiver.restart()
            }
            try await fixture.act((3..<6).map { "\(round)-\($0)" })
            try await pause()
            try await daemon.crash()
        }
        let daemon = try await fixture.start(receiver.url)
        try await fixture.act("end")
        try await fixture.arrival(of: "end", from: daemon, at: receiver)
        try await daemon.stop()

        // What a kill took from the daemon it had told nobody; all that it has kept is there.
        let (known, kept) = (try await fixture.counts(at: receiver), try await fixture.keptCounts())
        #expect(known == kept && known.count > Self.rounds, "\(known) \(kept)")
        #expect(known.values.allSatisfy { $0 <= known["end"] ?? 0 }, "\(known)")
        try await receiver.expectOneWholeStream()
        try await receiver.stop()
    }
}
