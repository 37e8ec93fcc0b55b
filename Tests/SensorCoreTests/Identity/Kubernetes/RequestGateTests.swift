// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite(.timeLimit(.minutes(5))) struct RequestGateTests {
    private static func gate(_ change: (inout RequestGate.Limits) -> Void = { _ in }) -> RequestGate {
        var limits = RequestGate.Limits()
        limits.pause = Backoff.Bounds(first: .seconds(100), ceiling: .seconds(400))
        change(&limits)
        return RequestGate(limits)
    }

    /// What a lane says that lets nobody in; nil: it does.
    private func refusal(_ gate: RequestGate, _ lane: String, _ object: String = "one") async -> APIError? {
        do throws(APIError) {
            await gate.leave(try await gate.enter(lane, object))
            return nil
        } catch { return error }
    }

    @Test func `a bucket gives so many at once and then so many a second`() {
        let start = ContinuousClock.now
        var bucket = TokenBucket(capacity: 3, perSecond: 2, now: start)
        #expect((0..<3).allSatisfy { _ in bucket.take(now: start) == .zero })
        #expect(bucket.take(now: start) == .milliseconds(500))
        #expect(bucket.take(now: start) == .seconds(1))
        bucket.giveBack()
        #expect(bucket.take(now: start) == .seconds(1))
        #expect(bucket.take(now: start + .seconds(60)) == .zero)
        #expect((0..<2).allSatisfy { _ in bucket.take(now: start + .seconds(60)) == .zero })
        #expect(bucket.take(now: start + .seconds(60)) == .milliseconds(500))
    }

    @Test(arguments: [(APIError.Kind.server, 50, 100), (.connection, 50, 100), (.timedOut, 500, 1000)])
    func `an object that fails is left alone, and no other`(_ kind: APIError.Kind, _ least: Int, _ most: Int)
        async throws
    {
        let gate = Self.gate()
        let error = await gate.leave(try await gate.enter("a", "one"), APIError(kind, "broken"))
        let wait = try #require(error.retryAfter)
        #expect(wait > .seconds(least - 5) && wait <= .seconds(most))
        let refusal = await refusal(gate, "a")
        #expect(refusal?.message == "broken" && refusal?.retryAfter ?? .zero <= wait)
        #expect(await self.refusal(gate, "a", "other") == nil)
        #expect(await self.refusal(gate, "b") == nil)
    }

    @Test func `a lane of which two fail is left alone, but for one that tries, until one is well`() async throws {
        let gate = Self.gate { $0.probe = .seconds(3600) }
        for object in ["one", "two"] {
            _ = await gate.leave(try await gate.enter("a", object), APIError(.timedOut, "no answer"))
        }
        let probe = try await gate.enter("a", "three")
        let refusal = await refusal(gate, "a", "four")
        // Those that have not failed are to ask again soon.
        #expect(refusal?.message == "no answer" && refusal?.retryAfter ?? .zero <= .seconds(3600))
        #expect(await self.refusal(gate, "b") == nil)
        await gate.leave(probe)
        #expect(await self.refusal(gate, "a", "four") == nil)
        #expect(await self.refusal(gate, "a", "one")?.message == "no answer")
    }

    @Test func `one that is throttled holds up all`() async throws {
        let gate = Self.gate()
        let throttled = APIError(.throttled, "slowly", retryAfter: .seconds(7))
        let error = await gate.leave(try await gate.enter("a", "one"), throttled)
        #expect(error.retryAfter ?? .zero > .seconds(56))
        #expect(await refusal(gate, "b")?.kind == .throttled)
    }

    @Test(arguments: [APIError.Kind.notFound, .forbidden])
    func `that something is not there, or not to be seen, is an answer like others`(_ kind: APIError.Kind) async throws
    {
        let gate = Self.gate()
        #expect(await gate.leave(try await gate.enter("a", "one"), APIError(kind, "no")).retryAfter == nil)
        #expect(await refusal(gate, "a") == nil)
    }

    @Test func `pauses grow until one is well again, and those of requests under way count as one`() async throws {
        let gate = Self.gate { $0.pause = Backoff.Bounds(first: .milliseconds(40), ceiling: .milliseconds(80)) }
        func fail(_ passes: RequestGate.Pass...) async -> Duration {
            var wait = Duration.zero
            for pass in passes { wait = await gate.leave(pass, APIError(.server, "broken")).retryAfter ?? .zero }
            return wait
        }
        let passes = (try await gate.enter("a", "one"), try await gate.enter("a", "one"))
        var wait = await fail(passes.0, passes.1)
        #expect(wait <= .milliseconds(40))
        try await Task.sleep(for: wait)
        wait = await fail(try await gate.enter("a", "one"))
        #expect(wait <= .milliseconds(80))
        try await Task.sleep(for: wait)
        await gate.leave(try await gate.enter("a", "one"))
        #expect(await fail(try await gate.enter("a", "one")) <= .milliseconds(40))
    }

    @Test func `two of a lane are under way, and those that wait are let in or told why not`() async throws {
        let gate = Self.gate { $0.perLane = 2 }
        let passes = (try await gate.enter("a", "one"), try await gate.enter("a", "one"))
        // Whichever comes first is let in, and fails.
        let outcomes = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<2 {
                group.addTask {
                    do throws(APIError) {
                        _ = await gate.leave(try await gate.enter("a", "one"), APIError(.server, "broken"))
                        return true
                    } catch { return false }
                }
            }
            #expect(await refusal(gate, "b") == nil)
            await gate.leave(passes.0)
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count(where: { $0 }) == 1)
        await gate.leave(passes.1)
    }

    @Test func `whoever is cancelled waits no more`() async throws {
        let gate = Self.gate { $0.perLane = 1 }
        let pass = try await gate.enter("a", "one")
        let waiting = Task { try await gate.enter("a", "one") }
        waiting.cancel()
        await #expect(throws: APIError.self) { try await waiting.value }
        await gate.leave(pass)
        #expect(await refusal(gate, "a") == nil)
    }
}
