// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct RefusalLogTests {
    @Test func `one refusal of each reason is told in ten seconds, and how many were not`() {
        let start = ContinuousClock.now
        var log = RefusalLog()
        let refusals: [(reason: ReceiverRefusal.Reason, second: Double)] = [
            (.credential, 0), (.credential, 1), (.malformed, 2), (.credential, 9.9), (.credential, 10),
            (.credential, 30), (.malformed, 30),
        ]
        let told = refusals.map { log.note($0.reason, at: start + .seconds($0.second)) }
        #expect(told == [0, nil, 0, nil, 2, 0, 0])
    }
}
