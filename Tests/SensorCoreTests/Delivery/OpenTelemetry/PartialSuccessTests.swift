// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct PartialSuccessTests {
    private func answer(_ refused: Int64, _ message: String = "") -> [UInt8] {
        var writer = WireWriter()
        writer.message(1) {
            $0.varint(1, UInt64(bitPattern: refused))
            $0.text(2, message)
        }
        return writer.bytes
    }

    private func outcome(_ body: [UInt8], _ form: DeliveryForm = .logs) -> ReconcilerOutcome {
        var stream = RecordStream()
        let last = stream.append(Array("{}".utf8))
        let outcome = form.outcome(
            status: 200, contentType: "application/x-protobuf", body: body, retryAfter: nil, wall: 1, last: last)
        switch outcome {
        case .acknowledged(let id, let sequence): #expect(id == stream.head.id.description && sequence == 1)
        case .partlyTaken(let id, let sequence, _, _): #expect(id == stream.head.id.description && sequence == 1)
        default: Issue.record("\(outcome)")
        }
        return outcome
    }

    @Test func `what the taker leaves out is told, with its reason`() {
        for form in [DeliveryForm.logs, .spans] {
            guard case .partlyTaken(_, _, let refused, let why) = outcome(answer(3, "no room"), form) else {
                Issue.record("all is taken")
                continue
            }
            #expect(refused == 3 && why == "no room")
        }
    }

    @Test(arguments: [[], [0x0a, 0x00], Array("{}".utf8), [0x0a, 0x7f], [0xff]] as [[UInt8]])
    func `what says nothing of the kind has taken all`(_ body: [UInt8]) {
        guard case .acknowledged = outcome(body) else {
            Issue.record("\(body)")
            return
        }
    }

    @Test func `a warning without a number, or with none that makes sense, is no loss`() {
        for body in [answer(0, "mind the gap"), answer(-1)] {
            guard case .acknowledged = outcome(body) else {
                Issue.record("\(body)")
                return
            }
        }
    }

    @Test func `what is left out is counted and not sent again, and what needs no sending is no request`() {
        let now = ContinuousClock.now
        var delivery = ReconcilerDelivery(endpoints: 1)
        var stream = RecordStream()
        delivery.begin(stream.head.id, settled: 0, offered: 0)
        for _ in 0..<3 { _ = delivery.offer(stream.append(Array("{}".utf8))) }
        guard case .send = delivery.next(now: now) else {
            Issue.record("nothing is sent")
            return
        }
        let isSettled = delivery.finish(.needless, now: now)
        #expect(isSettled && delivery.settled == 3 && delivery.counters == ReconcilerCounters())

        for _ in 0..<2 { _ = delivery.offer(stream.append(Array("{}".utf8))) }
        _ = delivery.next(now: now)
        let id = stream.head.id.description
        delivery.finish(.partlyTaken(stream: id, sequence: 5, refused: 1, why: "no room"), now: now)
        #expect(delivery.settled == 5 && delivery.queuedRecords == 0 && delivery.trouble == nil)
        #expect(delivery.counters.leftOut == 1 && delivery.leftOutReason == "no room")
        #expect(delivery.counters.requests == 1 && delivery.counters.sentRecords == 2)
    }

    @Test func `a taker that claims to have left out more than there can be harms nobody`() {
        var delivery = ReconcilerDelivery(endpoints: 1)
        var stream = RecordStream()
        let id = stream.head.id
        delivery.begin(id, settled: 0, offered: 0)
        for sequence in 1...3 as ClosedRange<UInt64> {
            _ = delivery.offer(stream.append(Array("{}".utf8)))
            _ = delivery.next(now: ContinuousClock.now)
            delivery.finish(
                .partlyTaken(stream: id.description, sequence: sequence, refused: UInt64(Int64.max), why: ""),
                now: ContinuousClock.now)
        }
        #expect(delivery.settled == 3 && delivery.counters.leftOut == .max)
    }
}
