// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct ReconcilerSinkTests {
    @Test(.timeLimit(.minutes(5))) func `what ends a wait for a time ends no later one`() async {
        let stream = StreamID()
        let sink = ReconcilerSink(endpoints: 1)
        sink.begin(RecordSinkStart(stream: stream, settled: 0, offered: 0) {})
        await sink.wait(until: nil)
        for sequence in 1...3 as ClosedRange<UInt64> {
            let isTaken = sink.offer(RecordEnvelope(stream: stream, sequence: sequence, payload: Array("{}".utf8)))
            #expect(isTaken)
            await sink.wait(until: ContinuousClock.now + .seconds(3600))
        }
        let end = ContinuousClock.now + .milliseconds(200)
        await sink.wait(until: end)
        #expect(ContinuousClock.now >= end)
    }
}
