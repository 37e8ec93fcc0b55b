// SPDX-License-Identifier: Apache-2.0

/// Lets requests for single objects through as a server can bear them from one node of many.
///
/// All of them have one token bucket. Beyond that each lane, an API's group and version, is for itself: four requests are
/// under way at most. An object that is answered with 5xx, or not at all, is left alone for a time that grows, and so is
/// the lane once two different ones have failed with nothing well between them: then those that have not failed
/// themselves try, one at a time, whether it is well again. So a group that hangs keeps nobody but its own objects, and
/// an object that hangs nobody but itself. A 429 is meant for all.
actor RequestGate {
    struct Limits: Sendable {
        /// Enough for the first sync of a full node: 250 pods, each with a ReplicaSet and a Deployment of its own.
        var burst = 600.0
        var perSecond = 20.0
        /// Of one lane, under way at a time.
        var perLane = 4
        /// How long a lane is left alone that answers with an error; one that does not answer, ten times that.
        var pause = Backoff.Bounds()
        /// How often an object that has not failed may try a lane that is left alone.
        var probe = Duration.seconds(1)
    }

    /// One request that is under way.
    struct Pass: Sendable {
        fileprivate var lane: String
        fileprivate var object: String
        fileprivate var since: ContinuousClock.Instant
    }

    private struct Pause {
        private(set) var length = Duration.zero
        private(set) var end: ContinuousClock.Instant
        private(set) var beganAt: ContinuousClock.Instant
        var reason: APIError

        /// - Parameter before: the last one, unless something has been well since.
        init(after before: Pause?, _ bounds: Backoff.Bounds, _ reason: APIError, now: ContinuousClock.Instant) {
            length = min(before.map { $0.length * 2 } ?? bounds.first, bounds.ceiling)
            beganAt = now
            end = now + (reason.retryAfter ?? .zero) + length * Double.random(in: 0.5...1)
            self.reason = reason
        }

        /// nil: it is over.
        func error(_ now: ContinuousClock.Instant) -> APIError? {
            guard end > now else { return nil }
            var error = reason
            error.retryAfter = end - now
            return error
        }
    }

    private struct Lane {
        var running = 0
        /// Kept beyond its end, until an answer shows that all is well.
        var pause: Pause?
        /// Objects that have failed and were not well since.
        var failed: [String: Pause] = [:]
        /// The one that failed last, if nothing was well since.
        var latestFailure: String?
        var probedAt: ContinuousClock.Instant?
        var waiting: [(id: UInt64, continuation: CheckedContinuation<Void, any Error>)] = []
    }

    /// More groups and versions than a cluster has.
    private static let maximumLanes = 256
    /// Of one lane.
    private static let maximumFailed = 1024

    private let limits: Limits
    private var bucket: TokenBucket
    private var lanes: [String: Lane] = [:]
    /// Of all lanes.
    private var pause: Pause?
    private var nextID: UInt64 = 0

    init(_ limits: Limits) {
        self.limits = limits
        bucket = TokenBucket(capacity: limits.burst, perSecond: limits.perSecond)
    }

    /// Waits for its turn.
    ///
    /// - Parameter object: what is asked for, by any name.
    /// - Throws: at once, while the object or the lane is left alone: why, with the time until it is not.
    func enter(_ lane: String, _ object: String) async throws(APIError) -> Pass {
        if lanes.count >= Self.maximumLanes { forgetIdle() }
        var isProbe = false
        do {
            isProbe = try refuse(lane, object)
            if lanes[lane, default: Lane()].running < limit(lane) {
                lanes[lane, default: Lane()].running += 1
            } else {
                try await wait(lane)
            }
        } catch { throw APIError(error) }
        do {
            let delay = bucket.take()
            if delay > .zero { try await Task.sleep(for: delay, clock: .continuous) }
            if isProbe { try refuseAll() } else { isProbe = try refuse(lane, object, probes: false) }
        } catch {
            bucket.giveBack()
            release(lane)
            throw APIError(error)
        }
        return Pass(lane: lane, object: object, since: .now)
    }

    /// The server has answered, if only that there is no such object.
    func leave(_ pass: Pass) {
        if let begin = lanes[pass.lane]?.pause?.beganAt, begin <= pass.since { lanes[pass.lane]?.pause = nil }
        lanes[pass.lane]?.failed[pass.object] = nil
        lanes[pass.lane]?.latestFailure = nil
        if let begin = pause?.beganAt, begin <= pass.since { pause = nil }
        release(pass.lane)
    }

    /// No request was needed any more.
    func giveBack(_ pass: Pass) {
        bucket.giveBack()
        release(pass.lane)
    }

    /// The request has failed.
    ///
    /// - Returns: the error, with the time that asking again makes no sense before.
    func leave(_ pass: Pass, _ error: APIError) -> APIError {
        var error = error
        let now = ContinuousClock.now
        switch error.kind {
        case .throttled:
            // What was under way with the one before says nothing new.
            if pause.map({ $0.beganAt <= pass.since }) ?? true {
                pause = Pause(after: pause, limits.pause, error, now: now)
            }
            error = pause?.error(now) ?? error
            release(pass.lane)
        case .notFound, .forbidden: leave(pass)
        case .cancelled: release(pass.lane)
        default:
            let factor = error.kind == .timedOut ? 10 : 1
            let bounds = Backoff.Bounds(first: limits.pause.first * factor, ceiling: limits.pause.ceiling * factor)
            var lane = lanes[pass.lane] ?? Lane()
            let before = lane.pause
            let isAnother = lane.latestFailure.map { $0 != pass.object } ?? false
            if isAnother || before != nil, before.map({ $0.beganAt <= pass.since }) ?? true {
                lane.pause = Pause(after: before, bounds, error, now: now)
            }
            if lane.failed.count >= Self.maximumFailed {
                lane.failed = lane.failed.filter { $0.value.error(now) != nil }
            }
            // What was under way with the one before says nothing new.
            if lane.failed.count < Self.maximumFailed,
                lane.failed[pass.object].map({ $0.beganAt <= pass.since }) ?? true
            {
                lane.failed[pass.object] = Pause(after: lane.failed[pass.object], bounds, error, now: now)
            }
            lane.latestFailure = pass.object
            error = lane.failed[pass.object]?.error(now) ?? lane.pause?.error(now) ?? error
            lanes[pass.lane] = lane
            release(pass.lane)
        }
        return error
    }

    private func refuseAll() throws(APIError) {
        if let error = pause?.error(.now) { throw error }
    }

    /// - Returns: whether the request is to show whether a lane that is left alone is well again.
    private func refuse(_ name: String, _ object: String, probes: Bool = true) throws(APIError) -> Bool {
        try refuseAll()
        let now = ContinuousClock.now
        guard let lane = lanes[name] else { return false }
        if let error = lane.failed[object]?.error(now) { throw error }
        guard let error = lane.pause?.error(now) else { return false }
        guard probes, lane.running == 0, lane.probedAt.map({ $0 + limits.probe <= now }) ?? true else {
            throw forOthers(error)
        }
        lanes[name]?.probedAt = now
        return true
    }

    /// What an object hears that has not failed itself.
    private func forOthers(_ error: APIError) -> APIError {
        var error = error
        error.retryAfter = error.retryAfter.map { min($0, limits.probe) }
        return error
    }

    private func limit(_ lane: String) -> Int { lanes[lane]?.pause == nil ? limits.perLane : 1 }

    private func wait(_ lane: String) async throws {
        nextID += 1
        let id = nextID
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
                if Task.isCancelled {
                    continuation.resume(throwing: CancellationError())
                } else {
                    lanes[lane, default: Lane()].waiting.append((id, continuation))
                }
            }
        } onCancel: {
            Task { await self.giveUp(id, lane) }
        }
    }

    private func forgetIdle() {
        let now = ContinuousClock.now
        lanes = lanes.filter { lane in
            let isLeftAlone = ([lane.value.pause].compactMap(\.self) + lane.value.failed.values).contains {
                $0.error(now) != nil
            }
            return lane.value.running > 0 || !lane.value.waiting.isEmpty || isLeftAlone
        }
    }

    private func giveUp(_ id: UInt64, _ lane: String) {
        guard let index = lanes[lane]?.waiting.firstIndex(where: { $0.id == id }) else { return }
        lanes[lane]?.waiting.remove(at: index).continuation.resume(throwing: CancellationError())
    }

    /// One less is under way: the next ones have their turn, or all that wait are told why there is none.
    private func release(_ name: String) {
        guard var lane = lanes[name] else { return }
        lane.running -= 1
        if let error = pause?.error(.now) ?? lane.pause?.error(.now).map(forOthers) {
            for waiter in lane.waiting { waiter.continuation.resume(throwing: error) }
            lane.waiting = []
        } else {
            let free = min(max(0, limit(name) - lane.running), lane.waiting.count)
            for waiter in lane.waiting.prefix(free) { waiter.continuation.resume() }
            lane.waiting.removeFirst(free)
            lane.running += free
        }
        let isWell = lane.pause == nil && lane.failed.isEmpty && lane.latestFailure == nil
        lanes[name] = lane.running == 0 && lane.waiting.isEmpty && isWell ? nil : lane
    }
}
