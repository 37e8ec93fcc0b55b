// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct ReconcilerDeliveryTests {
    private let stream = StreamID()
    private let start = ContinuousClock.now
    private var limits: ReconcilerDelivery.Limits {
        var limits = ReconcilerDelivery.Limits()
        (limits.queueBytes, limits.batchBytes, limits.growth, limits.patience) = (1000, 100, 2, 100)
        limits.backoff = Backoff.Bounds(first: .seconds(1), ceiling: .seconds(8))
        limits.refusal = Backoff.Bounds(first: .seconds(100), ceiling: .seconds(400))
        return limits
    }

    private func delivery(endpoints: Int = 1, settled: UInt64 = 0, offered: UInt64 = 0) -> ReconcilerDelivery {
        var delivery = ReconcilerDelivery(endpoints: endpoints, limits: limits)
        delivery.begin(stream, settled: settled, offered: offered)
        return delivery
    }

    /// Of ten bytes.
    private func record(_ sequence: UInt64) -> RecordEnvelope {
        RecordEnvelope(stream: stream, sequence: sequence, payload: [UInt8](repeating: UInt8(ascii: "x"), count: 10))
    }

    private func offer(_ range: ClosedRange<UInt64>, to delivery: inout ReconcilerDelivery) {
        for sequence in range { #expect(offer(record(sequence), &delivery)) }
    }

    private func offer(_ record: RecordEnvelope, _ delivery: inout ReconcilerDelivery) -> Bool {
        delivery.offer(record)
    }

    private func finish(_ outcome: ReconcilerOutcome, _ delivery: inout ReconcilerDelivery) -> Bool {
        delivery.finish(outcome, now: start)
    }

    /// The sequences that are sent now, and where to; nil: nothing is.
    private func sent(
        _ delivery: inout ReconcilerDelivery, at seconds: Double = 0
    ) -> (endpoint: Int, sequences: [UInt64])? {
        guard case .send(let batch) = delivery.next(now: start + .seconds(seconds)) else { return nil }
        return (batch.endpoint, batch.records.map(\.sequence))
    }

    private func acknowledged(_ sequence: UInt64) -> ReconcilerOutcome {
        .acknowledged(stream: stream.description, sequence: sequence)
    }

    @Test func `how long a batch took is known, whatever became of it`() {
        var delivery = delivery()
        offer(1...20, to: &delivery)
        #expect(sent(&delivery)?.sequences == Array(1...10))
        delivery.finish(acknowledged(10), now: start + .milliseconds(30))
        #expect(sent(&delivery, at: 1)?.sequences == Array(11...20))
        delivery.finish(.unavailable("nobody is there", after: nil), now: start + .seconds(61))
        let latency = delivery.latency
        #expect(latency.sum == .milliseconds(60_030) && latency.counts.reduce(0, +) == 2)
        #expect(latency.counts[LatencyHistogram.bounds.firstIndex(of: 0.05) ?? 0] == 1)
        #expect(latency.counts.last == 1)
    }

    @Test func `batches have a size, go one after the other, and end what waits`() {
        var delivery = delivery()
        #expect(delivery.next(now: start) == .wait(until: nil))
        offer(1...25, to: &delivery)
        for (sequences, settled) in [(1...10, 10), (11...20, 20), (21...25, 25)] as [(ClosedRange<UInt64>, UInt64)] {
            #expect(sent(&delivery)?.sequences == Array(sequences))
            #expect(finish(acknowledged(settled), &delivery))
            #expect(delivery.settled == settled)
        }
        #expect(delivery.next(now: start) == .wait(until: nil))
        #expect(delivery.queuedBytes == 0 && delivery.counters.acknowledgedRecords == 25)
        #expect(delivery.counters.resentRecords == 0)
    }

    @Test func `the queue is bounded, and a record larger than it goes by itself`() {
        var delivery = delivery()
        offer(1...100, to: &delivery)
        #expect(!offer(record(101), &delivery) && !delivery.hasRoom)
        while sent(&delivery) != nil { delivery.finish(acknowledged(delivery.settled + 10), now: start) }
        #expect(delivery.hasRoom)
        var large = record(101)
        large.payload = [UInt8](repeating: 0, count: 5000)
        #expect(offer(large, &delivery) && !offer(record(102), &delivery))
        #expect(sent(&delivery)?.sequences == [101])
    }

    @Test func `what gets no answer is sent again after a while that grows`() {
        var delivery = delivery()
        offer(1...2, to: &delivery)
        var now = 0.0
        for ceiling in [1.0, 2, 4, 8, 8] {
            #expect(sent(&delivery, at: now)?.sequences == [1, 2])
            delivery.finish(.unavailable("broken"), now: start + .seconds(now))
            #expect(delivery.trouble?.reason == "broken" && delivery.trouble?.since == start)
            guard case .wait(let until?) = delivery.next(now: start + .seconds(now)) else {
                Issue.record("there is no pause")
                return
            }
            #expect(until <= start + .seconds(now + ceiling))
            now += ceiling
        }
        #expect(sent(&delivery, at: now)?.sequences == [1, 2])
        #expect(finish(acknowledged(2), &delivery) && delivery.trouble == nil)
        #expect(delivery.counters.failures == 5 && delivery.counters.resentRecords == 10)
    }

    @Test func `a reconciler that wants a pause gets it, of all endpoints where it wants none of anybody`() {
        for isThrottled in [true, false] {
            var delivery = delivery(endpoints: 2)
            offer(1...1, to: &delivery)
            #expect(sent(&delivery)?.endpoint == 0)
            delivery.finish(
                isThrottled ? .throttled("429", after: .seconds(30)) : .unavailable("503", after: .seconds(30)),
                now: start)
            #expect(sent(&delivery, at: 29)?.endpoint == (isThrottled ? nil : 1))
            if isThrottled {
                #expect(sent(&delivery, at: 32)?.endpoint == 0)
            } else {
                delivery.finish(.unavailable("gone"), now: start + .seconds(29))
                #expect(sent(&delivery, at: 32)?.endpoint == 0)
            }
        }
    }

    @Test func `the first endpoint that can be had is used, and the first of all again when its time has come`() {
        var delivery = delivery(endpoints: 3)
        offer(1...1, to: &delivery)
        for endpoint in 0..<2 {
            #expect(sent(&delivery)?.endpoint == endpoint)
            delivery.finish(.unavailable("gone", after: .seconds(5)), now: start)
        }
        #expect(sent(&delivery)?.endpoint == 2)
        delivery.finish(acknowledged(1), now: start)
        offer(2...3, to: &delivery)
        #expect(sent(&delivery, at: 4)?.endpoint == 2)
        delivery.finish(acknowledged(2), now: start)
        #expect(sent(&delivery, at: 7)?.endpoint == 0)
    }

    @Test func `an acknowledgement of part is taken, and the rest is sent`() {
        var delivery = delivery()
        offer(1...6, to: &delivery)
        #expect(sent(&delivery)?.sequences == [1, 2, 3, 4, 5, 6])
        #expect(finish(acknowledged(4), &delivery))
        #expect(sent(&delivery)?.sequences == [5, 6])
    }

    @Test(arguments: [true, false])
    func `an acknowledgement of another stream, or of what was never sent, changes nothing`(_ isOther: Bool) {
        var delivery = delivery()
        offer(1...15, to: &delivery)
        _ = sent(&delivery)
        let outcome =
            isOther ? ReconcilerOutcome.acknowledged(stream: "\(StreamID())", sequence: 10) : acknowledged(11)
        #expect(!finish(outcome, &delivery))
        #expect(delivery.settled == 0 && delivery.counters.disbelieved == 1 && delivery.trouble != nil)
        #expect(sent(&delivery, at: 2)?.sequences == Array(1...10))
    }

    @Test func `an acknowledgement of nothing new is no progress`() {
        var delivery = delivery()
        offer(1...15, to: &delivery)
        _ = sent(&delivery)
        #expect(finish(acknowledged(10), &delivery))
        _ = sent(&delivery)
        #expect(!finish(acknowledged(10), &delivery))
        #expect(delivery.counters.stale == 1 && delivery.counters.acknowledgedRecords == 10)
        #expect(sent(&delivery, at: 2)?.sequences == Array(11...15))
    }

    @Test func `one that does not answer is tried seldom, and not for long, while another one does`() {
        var delivery = delivery(endpoints: 2)
        offer(1...40, to: &delivery)
        #expect(sent(&delivery)?.endpoint == 0)
        delivery.finish(.unavailable("no answer"), now: start + .seconds(60))
        #expect(sent(&delivery, at: 60)?.endpoint == 1)
        delivery.finish(acknowledged(10), now: start + .seconds(60))
        // Its first pause was short, since nobody was known to answer.
        guard case .send(let trial) = delivery.next(now: start + .seconds(70)) else { return #expect(Bool(false)) }
        #expect(trial.endpoint == 0 && trial.isTrial)
        delivery.finish(.unavailable("no answer"), now: start + .seconds(80))
        for seconds in [80, 379] as [Double] {
            guard case .send(let batch) = delivery.next(now: start + .seconds(seconds)) else {
                return #expect(Bool(false))
            }
            #expect(batch.endpoint == 1 && !batch.isTrial)
            delivery.finish(acknowledged(batch.records.last?.sequence ?? 0), now: start + .seconds(seconds))
        }
        guard case .send(let again) = delivery.next(now: start + .seconds(381)) else { return #expect(Bool(false)) }
        #expect(again.endpoint == 0 && again.isTrial)
        delivery.finish(acknowledged(40), now: start + .seconds(381))
        offer(41...41, to: &delivery)
        guard case .send(let last) = delivery.next(now: start + .seconds(382)) else { return #expect(Bool(false)) }
        #expect(last.endpoint == 0 && !last.isTrial)
    }

    @Test func `one that was tried seldom is tried at once when the other does not answer any more`() {
        var delivery = delivery(endpoints: 2)
        offer(1...40, to: &delivery)
        #expect(sent(&delivery)?.endpoint == 0)
        delivery.finish(.unavailable("no answer"), now: start)
        #expect(sent(&delivery)?.endpoint == 1)
        delivery.finish(acknowledged(10), now: start)
        #expect(sent(&delivery, at: 70)?.endpoint == 0)
        delivery.finish(.unavailable("no answer"), now: start + .seconds(70))
        // 300 seconds from now on, as long as this one answers.
        #expect(sent(&delivery, at: 71)?.endpoint == 1)
        delivery.finish(.unavailable("no answer"), now: start + .seconds(71))
        #expect(sent(&delivery, at: 79)?.endpoint == 0)
        delivery.finish(acknowledged(20), now: start + .seconds(79))
        #expect(delivery.trouble == nil && delivery.settled == 20)
    }

    @Test func `of what only an earlier run may have sent an acknowledgement settles what this one has sent as well`() {
        var delivery = delivery(settled: 3, offered: 20)
        offer(4...6, to: &delivery)
        #expect(sent(&delivery)?.sequences == [4, 5, 6])
        #expect(finish(acknowledged(20), &delivery) && delivery.settled == 6)
        offer(7...21, to: &delivery)
        #expect(sent(&delivery)?.sequences == Array(7...16))
        #expect(finish(acknowledged(20), &delivery) && delivery.settled == 16)
        #expect(sent(&delivery)?.sequences == Array(17...21))
        #expect(!finish(acknowledged(22), &delivery))
        #expect(delivery.counters.resentRecords == 3 + 10 + 4)
    }

    @Test func `what is too large is halved, and grows again`() {
        var delivery = delivery()
        offer(1...40, to: &delivery)
        #expect(sent(&delivery)?.sequences.count == 10)
        delivery.finish(.tooLarge(ReconcilerRefusal("413")), now: start)
        #expect(sent(&delivery)?.sequences == Array(1...5))
        delivery.finish(.tooLarge(ReconcilerRefusal("413")), now: start)
        #expect(sent(&delivery)?.sequences == [1, 2])
        delivery.finish(acknowledged(2), now: start)
        #expect(sent(&delivery)?.sequences == [3, 4])
        delivery.finish(acknowledged(4), now: start)
        #expect(sent(&delivery)?.sequences == Array(5...9))
        #expect(delivery.counters.splits == 2)
    }

    @Test func `what gets no answer again and again gets smaller, down to a bound`() {
        var limits = limits
        (limits.patience, limits.leastBatchBytes) = (2, 30)
        var delivery = ReconcilerDelivery(endpoints: 1, limits: limits)
        delivery.begin(stream, settled: 0, offered: 0)
        offer(1...40, to: &delivery)
        var counts: [Int] = []
        for attempt in 0..<8 {
            counts.append(sent(&delivery, at: Double(attempt) * 100)?.sequences.count ?? 0)
            delivery.finish(.unavailable("reset"), now: start + .seconds(attempt * 100))
        }
        #expect(counts == [10, 10, 5, 5, 3, 3, 3, 3])
    }

    @Test(arguments: [ReconcilerOutcome.rejected(ReconcilerRefusal("422")), .tooLarge(ReconcilerRefusal("413"))])
    func `what will never be taken is set aside, and a gap stands for it and goes by itself`(
        _ outcome: ReconcilerOutcome
    ) {
        var delivery = delivery()
        var large = record(1)
        large.payload = [UInt8](repeating: 0, count: 200)
        #expect(offer(large, &delivery))
        offer(2...4, to: &delivery)
        #expect(sent(&delivery)?.sequences == [1])
        delivery.finish(outcome, now: start)
        guard case .setAside([large], _) = delivery.next(now: start) else {
            Issue.record("nothing is set aside")
            return
        }
        // Where it cannot be kept elsewhere it stays.
        delivery.keep("no room", now: start)
        #expect(sent(&delivery) == nil)
        #expect(sent(&delivery, at: 101)?.sequences == [1])
        delivery.finish(outcome, now: start)
        _ = delivery.next(now: start + .seconds(102))
        delivery.replace(with: record(1))
        #expect(delivery.queuedBytes == 40 && delivery.counters.asideRecords == 1)
        #expect(sent(&delivery, at: 102)?.sequences == [1])
        delivery.finish(acknowledged(1), now: start)
        #expect(sent(&delivery, at: 102)?.sequences == [2, 3, 4])
    }

    @Test func `a reconciler that refuses the gap as well refuses all, and nothing more is set aside`() {
        var delivery = delivery()
        offer(1...20, to: &delivery)
        _ = sent(&delivery)
        delivery.finish(.rejected(ReconcilerRefusal("400")), now: start)
        _ = delivery.next(now: start)
        delivery.replace(with: record(10))
        for attempt in 0..<5 {
            #expect(sent(&delivery, at: Double(attempt) * 500)?.sequences == [10])
            delivery.finish(.rejected(ReconcilerRefusal("400")), now: start + .seconds(attempt * 500))
            #expect(delivery.trouble?.reason == "the reconciler takes nothing: 400")
        }
        #expect(delivery.counters.asideRecords == 10)
        _ = sent(&delivery, at: 5000)
        delivery.finish(acknowledged(10), now: start)
        #expect(sent(&delivery, at: 5000)?.sequences == Array(11...20))
    }

    @Test func `whom nobody believes tries again slowly`() {
        var delivery = delivery()
        offer(1...1, to: &delivery)
        var pauses: [Duration] = []
        for attempt in 0..<20 {
            let now = start + .seconds(attempt * 1000)
            #expect(sent(&delivery, at: Double(attempt) * 1000) != nil)
            delivery.finish(.unauthorized("401"), now: now)
            if case .wait(let until?) = delivery.next(now: now) { pauses.append(until - now) } else { return }
        }
        #expect(delivery.counters.unauthorized == 20)
        #expect((pauses.max() ?? .zero) > .seconds(100) && pauses.allSatisfy { $0 <= .seconds(400) })
    }

    // MARK: Whatever breaks

    /// A receiver as the contract has it, and all that it has kept.
    private struct Receiver {
        var kept: [UInt64] = []
        var last: UInt64 { kept.last ?? 0 }

        mutating func take(_ records: [RecordEnvelope]) {
            for record in records where record.sequence > last { kept.append(record.sequence) }
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `with faults and restarts at any step every sequence arrives once and in order`(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        var receiver = Receiver()
        let total: UInt64 = 60
        /// What the log keeps for the delivery.
        var (position, head): (UInt64, UInt64) = (0, 0)
        var gaps: [ClosedRange<UInt64>] = []
        var delivery = delivery(endpoints: 2)
        var next: UInt64 = 1
        var now = 0.0
        var acknowledgedBefore: UInt64 = 0
        let quiet = 400
        for step in 0..<2000 where position < total {
            now += 500
            position = max(position, delivery.settled)
            // More is kept as time goes on.
            head = min(total, head + UInt64.random(in: 0...3, using: &random))
            while next <= head, delivery.offer(record(next)) { next += 1 }
            let isFaulty = step < quiet
            if isFaulty, UInt8.random(in: 0..<12, using: &random) == 0 {
                // A crash: what was not kept of the position is lost.
                let kept = Bool.random(using: &random) ? position : acknowledgedBefore
                delivery = self.delivery(endpoints: 2, settled: kept, offered: head)
                (next, position) = (kept + 1, kept)
                continue
            }
            acknowledgedBefore = position
            switch delivery.next(now: start + .seconds(now)) {
            case .wait: continue
            case .setAside(let records, _):
                guard let first = records.first?.sequence, let last = records.last?.sequence else { continue }
                if Bool.random(using: &random) {
                    delivery.keep("full", now: start + .seconds(now))
                } else {
                    gaps.append(first...last)
                    delivery.replace(with: record(last))
                }
            case .send(let batch):
                let sequences = batch.records.map(\.sequence)
                #expect(sequences == sequences.sorted() && Set(sequences).count == sequences.count)
                let fault = isFaulty ? UInt8.random(in: 0..<10, using: &random) : 9
                let outcome: ReconcilerOutcome
                switch fault {
                case 0: outcome = .unavailable("refused")
                case 1:
                    receiver.take(batch.records)
                    outcome = .unavailable("lost")
                case 2:
                    receiver.take(batch.records)
                    outcome = .acknowledged(stream: "\(StreamID())", sequence: receiver.last)
                case 3:
                    receiver.take(batch.records)
                    outcome = acknowledged(head + 1)
                case 4: outcome = acknowledged(receiver.last)
                case 5: outcome = .tooLarge(ReconcilerRefusal("413"))
                case 6: outcome = .throttled("429", after: .seconds(1))
                case 7: outcome = .unauthorized("401")
                case 8: outcome = .rejected(ReconcilerRefusal("422"))
                default:
                    receiver.take(batch.records)
                    outcome = acknowledged(receiver.last)
                }
                delivery.finish(outcome, now: start + .seconds(now))
            }
            #expect(delivery.settled <= receiver.last, "what nobody has is settled")
        }
        #expect(position == total)
        // Each once, in order, and what is missing stands in a gap that came in its place.
        #expect(receiver.kept == receiver.kept.sorted() && Set(receiver.kept).count == receiver.kept.count)
        let missing = Set(1...total).subtracting(receiver.kept)
        #expect(missing.allSatisfy { sequence in gaps.contains { $0.contains(sequence) } })
        #expect(delivery.counters.acknowledgedRecords <= delivery.counters.sentRecords)
    }
}
