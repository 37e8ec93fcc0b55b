// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Decides what is sent to a reconciler, when and where, and what its answers mean. Knows no clock and no network: it is told
/// the time, and what became of what it had sent.
///
/// Records wait here, in order, from when they are offered until they are acknowledged; a batch is always made of the first of
/// them, so whatever is not acknowledged is sent again, and in order. One batch is on its way at a time.
struct ReconcilerDelivery {
    struct Limits: Sendable, Equatable {
        /// Bytes of payloads that wait here.
        var queueBytes = 4 << 20
        /// Bytes of a batch's payloads, unpacked; one record that has more is a batch by itself.
        var batchBytes = 1 << 20
        var batchRecords = 4096
        /// After a batch that got no answer.
        var backoff = Backoff.Bounds(first: .milliseconds(500), ceiling: .seconds(60))
        /// After one whose sender was not believed.
        var refusal = Backoff.Bounds(first: .seconds(2), ceiling: .seconds(120))
        /// Between two attempts to reach an endpoint that does not answer, while another one does: each may hold up what the
        /// other would take.
        var trialPause = Duration.seconds(300)
        /// Batches that were taken, after which a larger one than was too large is tried again.
        var growth = 32
        /// Batches without an answer, one after the other, after which smaller ones are tried, but no smaller than this: whoever
        /// closes a connection while a batch comes in may find it too large, and a slow network does.
        var patience = 4
        var leastBatchBytes = 64 << 10

        init() {}
    }

    struct Batch: Equatable, Sendable {
        /// Where it goes, by its place among the URLs.
        var endpoint: Int
        var records: [RecordEnvelope]
        /// Nothing was heard from there the last time, and another one answers: it is not to be waited for long.
        var isTrial = false
    }

    enum Step: Equatable, Sendable {
        /// `finish` is to be told what became of it.
        case send(Batch)
        /// To be kept elsewhere; then `replace` is to be called, or `keep` if that was not possible.
        case setAside([RecordEnvelope], why: ReconcilerRefusal)
        /// Until then, or until something is offered; nil: until something is.
        case wait(until: ContinuousClock.Instant?)
    }

    private struct Endpoint {
        var backoff: Backoff
        var refusal: Backoff
        /// Nothing is sent there before.
        var notBefore: ContinuousClock.Instant?
        /// When it would have been tried again if no other had answered; nil: then as well.
        var notBeforeAlone: ContinuousClock.Instant?
        /// What became of the last batch: it was taken, or nothing was heard of it; nil: another thing, or none was sent.
        var answers: Bool?
    }

    /// The last record that is acknowledged.
    private(set) var settled: UInt64 = 0
    /// Why nothing gets through, for people, and since when; nil: it does, or nothing was tried.
    private(set) var trouble: (reason: String, since: ContinuousClock.Instant)?
    private(set) var counters = ReconcilerCounters()

    private let limits: Limits
    private var stream: StreamID?
    private var queue = CircularBuffer<RecordEnvelope>()
    private(set) var queuedBytes = 0
    private var endpoints: [Endpoint]
    private var pausedUntil: ContinuousClock.Instant?
    /// The last record that was sent, and the last one that can have been, by an earlier run too.
    private var sent: UInt64 = 0
    private var offered: UInt64 = 0
    private var inFlight: Batch?
    private var sentAt: ContinuousClock.Instant?
    /// From sending a batch until it is known what became of it.
    private(set) var latency = LatencyHistogram()
    /// Of these, records that may have been sent before.
    private var inFlightAgain = 0
    /// Why the taker left something out of a batch that it took, the last time.
    private(set) var leftOutReason: String?
    /// The first records of the queue that are to be kept elsewhere.
    private var rejected: (count: Int, why: ReconcilerRefusal)?
    /// Of a gap in the place of what was set aside: sent by itself, since a reconciler that refuses that too refuses all.
    private var probe: UInt64?
    private var batchBytes: Int
    private var takenSinceSplit = 0
    private var failuresInRow = 0

    /// - Parameter endpoints: how many there are; the first that can be had is used.
    init(endpoints: Int, limits: Limits = Limits()) {
        self.limits = limits
        self.endpoints = Array(
            repeating: Endpoint(backoff: Backoff(limits.backoff), refusal: Backoff(limits.refusal)), count: endpoints)
        batchBytes = limits.batchBytes
    }

    /// Records that wait, those on their way among them.
    var queuedRecords: Int { queue.count }

    /// - Parameter offered: the last record that an earlier run can have sent.
    mutating func begin(_ stream: StreamID, settled: UInt64, offered: UInt64) {
        self.stream = stream
        self.settled = settled
        (sent, self.offered) = (settled, offered)
    }

    /// - Returns: false if there is no room.
    mutating func offer(_ envelope: RecordEnvelope) -> Bool {
        // It was acknowledged, before this run had come to it.
        if envelope.sequence <= settled { return true }
        guard queue.isEmpty || queuedBytes + envelope.payload.count <= limits.queueBytes else { return false }
        queue.append(envelope)
        queuedBytes += envelope.payload.count
        return true
    }

    /// There is so much room that it is worth offering more.
    var hasRoom: Bool { queuedBytes <= limits.queueBytes / 2 }

    // MARK: Sending

    /// What is to be done now. Not to be called while something is done.
    mutating func next(now: ContinuousClock.Instant) -> Step {
        precondition(inFlight == nil, "a batch is on its way")
        if let until = pausedUntil {
            if until > now { return .wait(until: until) }
            pausedUntil = nil
        }
        guard !queue.isEmpty else { return .wait(until: nil) }
        if let rejected { return .setAside(Array(queue.prefix(rejected.count)), why: rejected.why) }
        guard let endpoint = endpoints.indices.first(where: { (endpoints[$0].notBefore ?? now) <= now }) else {
            return .wait(until: endpoints.compactMap(\.notBefore).min())
        }
        var batch = Batch(endpoint: endpoint, records: Array(queue.prefix(batchCount)))
        batch.isTrial = endpoints[endpoint].answers == false && another(than: endpoint)
        (inFlight, sentAt) = (batch, now)
        let last = batch.records.last?.sequence ?? 0
        inFlightAgain = batch.records.count { $0.sequence <= offered }
        (sent, offered) = (max(sent, last), max(offered, last))
        return .send(batch)
    }

    /// Another endpoint answers.
    private func another(than endpoint: Int) -> Bool {
        endpoints.indices.contains { $0 != endpoint && endpoints[$0].answers == true }
    }

    private var batchCount: Int {
        if queue.first?.sequence == probe { return 1 }
        var (count, bytes) = (0, 0)
        for record in queue.prefix(limits.batchRecords) {
            bytes += record.payload.count
            if count > 0, bytes > batchBytes { break }
            count += 1
        }
        return count
    }

    /// - Returns: whether the batch, or some of it, need not be sent again.
    @discardableResult
    mutating func finish(_ outcome: ReconcilerOutcome, now: ContinuousClock.Instant) -> Bool {
        guard let batch = inFlight else { preconditionFailure("no batch is on its way") }
        inFlight = nil
        if outcome != .needless {
            counters.requests += 1
            if let sentAt { latency.add(now - sentAt) }
            counters.sentRecords += UInt64(batch.records.count)
            counters.resentRecords += UInt64(inFlightAgain)
        }
        switch outcome {
        case .acknowledged(let stream, let sequence): return acknowledge(stream, sequence, batch, now)
        case .partlyTaken(let stream, let sequence, let refused, let why):
            // Whatever number the taker names.
            counters.leftOut = Saturating.sum(counters.leftOut, refused)
            leftOutReason = why.isEmpty ? "it does not say why" : why
            return acknowledge(stream, sequence, batch, now)
        case .needless:
            settle(through: batch.records.last?.sequence ?? settled)
            return true
        case .tooLarge(let why): split(batch, why, now)
        case .throttled(let reason, let pause):
            counters.throttled += 1
            pausedUntil = now + endpoints[batch.endpoint].backoff.next(atLeast: pause)
            fail(reason, now)
        case .unavailable(let reason, let pause):
            counters.failures += 1
            failuresInRow += 1
            if failuresInRow % limits.patience == 0 {
                shrink(max(limits.leastBatchBytes, batchBytes / 2))
            }
            let pause = endpoints[batch.endpoint].backoff.next(atLeast: pause)
            endpoints[batch.endpoint].notBefore = now + pause
            if another(than: batch.endpoint) {
                endpoints[batch.endpoint].notBefore = now + max(pause, limits.trialPause)
                endpoints[batch.endpoint].notBeforeAlone = now + pause
            }
            endpoints[batch.endpoint].answers = false
            fail(reason, now)
        case .rejected(let why): reject(batch, why, now)
        case .unauthorized(let reason):
            counters.unauthorized += 1
            endpoints[batch.endpoint].answers = nil
            endpoints[batch.endpoint].notBefore = now + endpoints[batch.endpoint].refusal.next()
            fail(reason, now)
        }
        return false
    }

    private mutating func acknowledge(
        _ stream: String, _ sequence: UInt64, _ batch: Batch, _ now: ContinuousClock.Instant
    ) -> Bool {
        guard stream == self.stream?.description, sequence <= offered else {
            counters.disbelieved += 1
            endpoints[batch.endpoint].answers = nil
            let what = stream == self.stream?.description ? "of what was never sent" : "of another stream"
            endpoints[batch.endpoint].notBefore = now + endpoints[batch.endpoint].backoff.next()
            fail("the reconciler acknowledges records \(what)", now)
            return false
        }
        guard sequence >= batch.records.first?.sequence ?? 0 else {
            counters.stale += 1
            endpoints[batch.endpoint].answers = nil
            endpoints[batch.endpoint].notBefore = now + endpoints[batch.endpoint].backoff.next()
            fail("the reconciler acknowledges nothing new", now)
            return false
        }
        // Of what only an earlier run can have sent, this may be a mistake: to send it again does no harm.
        counters.acknowledgedRecords += settle(through: min(sequence, sent))
        endpoints[batch.endpoint].answers = true
        endpoints[batch.endpoint].backoff.reset()
        endpoints[batch.endpoint].refusal.reset()
        endpoints[batch.endpoint].notBefore = nil
        endpoints[batch.endpoint].notBeforeAlone = nil
        trouble = nil
        failuresInRow = 0
        takenSinceSplit += 1
        if takenSinceSplit >= limits.growth, batchBytes < limits.batchBytes {
            batchBytes = min(limits.batchBytes, batchBytes * 2)
            takenSinceSplit = 0
        }
        return true
    }

    /// - Returns: how many were waiting for that.
    @discardableResult
    private mutating func settle(through sequence: UInt64) -> UInt64 {
        var count: UInt64 = 0
        while let first = queue.first, first.sequence <= sequence {
            queuedBytes -= first.payload.count
            queue.removeFirst()
            count += 1
        }
        settled = max(settled, sequence)
        if let probe, probe <= settled { self.probe = nil }
        return count
    }

    private mutating func split(_ batch: Batch, _ why: ReconcilerRefusal, _ now: ContinuousClock.Instant) {
        counters.splits += 1
        guard batch.records.count > 1 else { return reject(batch, why, now) }
        shrink(batch.records.reduce(0) { $0 + $1.payload.count } / 2)
    }

    private mutating func shrink(_ bytes: Int) {
        batchBytes = max(1, min(batchBytes, bytes))
        takenSinceSplit = 0
    }

    private mutating func reject(_ batch: Batch, _ why: ReconcilerRefusal, _ now: ContinuousClock.Instant) {
        counters.rejected += 1
        guard probe == nil || batch.records.first?.sequence != probe else {
            endpoints[batch.endpoint].notBefore = now + endpoints[batch.endpoint].refusal.next()
            fail("the reconciler takes nothing: \(why.reason)", now)
            return
        }
        rejected = (batch.records.count, why)
    }

    private mutating func fail(_ reason: String, _ now: ContinuousClock.Instant) {
        trouble = (reason, trouble?.since ?? now)
        guard !endpoints.contains(where: { $0.answers == true }) else { return }
        // None is left for whose sake the others would have to wait.
        for index in endpoints.indices {
            guard let alone = endpoints[index].notBeforeAlone else { continue }
            endpoints[index].notBefore = alone
            endpoints[index].notBeforeAlone = nil
        }
    }

    // MARK: Setting aside

    /// What `setAside` had is kept elsewhere.
    ///
    /// - Parameters:
    ///   - gap: takes its place.
    ///   - droppedFiles: earlier ones that had to go for it.
    mutating func replace(with gap: RecordEnvelope, droppedFiles: Int = 0) {
        guard let (count, _) = rejected else { preconditionFailure("nothing is set aside") }
        rejected = nil
        for record in queue.prefix(count) { queuedBytes -= record.payload.count }
        queue.removeFirst(count)
        queue.prepend(gap)
        queuedBytes += gap.payload.count
        probe = gap.sequence
        counters.asideRecords += UInt64(count)
        counters.asideBatches += 1
        counters.droppedAsideFiles += UInt64(droppedFiles)
    }

    /// What `setAside` had could not be kept elsewhere: it stays, and is sent again.
    mutating func keep(_ reason: String, now: ContinuousClock.Instant) {
        rejected = nil
        pausedUntil = now + limits.refusal.first
        fail(reason, now)
    }
}
