// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import SensorCore
import Testing

@Suite struct ClusterChangeRelayTests {
    @Test func `everything arrives once and in order, from whoever sends it, however slow the taker is`() async throws {
        let taken = NIOLockedValueBox<[ClusterChange]>([])
        let calls = NIOLockedValueBox(0)
        let gate = try WakeUp()
        let relay = ClusterChangeRelay { changes in
            // The first call waits until all is sent: the rest must then come at once.
            if calls.withLockedValue({
                $0 += 1; return $0
            }) == 1 {
                gate.wait(milliseconds: 10_000)
            }
            taken.withLockedValue { $0 += changes }
        }
        let sent = (0..<1000).map { ClusterChange.removed(uid: "\($0)") }
        for change in sent { relay.send([change]) }
        gate.signal()
        let deadline = ContinuousClock.now + .seconds(20)
        while taken.withLockedValue({ $0.count }) < sent.count, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(taken.withLockedValue { $0 } == sent)
        #expect(calls.withLockedValue { $0 } <= 3)
    }
}
