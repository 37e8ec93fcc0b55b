// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import SensorCore

@Suite struct APIPiecesTests {
    @Test(arguments: [1, 2, 3, 7, 100])
    func `lines come out whole whatever the pieces they come in`(_ size: Int) {
        let text = Array("one\n\ntwo and more\nthree\nrest".utf8)
        var splitter = LineSplitter(limit: 20)
        var lines: [String] = []
        for start in stride(from: 0, to: text.count, by: size) {
            splitter.append(ByteBuffer(bytes: text[start..<min(text.count, start + size)]))
            while let line = splitter.next() { lines.append(String(buffer: line)) }
        }
        #expect(lines == ["one", "two and more", "three"])
        #expect(splitter.dropped == 0)
    }

    @Test(arguments: [1, 4, 1000])
    func `a line over the limit is dropped and counted once`(_ size: Int) {
        let text = Array("ok\n\(String(repeating: "x", count: 100))\nafter\n".utf8)
        var splitter = LineSplitter(limit: 10)
        var lines: [String] = []
        for start in stride(from: 0, to: text.count, by: size) {
            splitter.append(ByteBuffer(bytes: text[start..<min(text.count, start + size)]))
            while let line = splitter.next() { lines.append(String(buffer: line)) }
        }
        #expect(lines == ["ok", "after"])
        #expect(splitter.dropped == 1)
    }

    @Test func `waits grow to a ceiling, and what the server asks for comes first`() {
        var backoff = Backoff(.init(first: .milliseconds(100), ceiling: .seconds(1)))
        for limit in [100, 200, 400, 800, 1000, 1000] {
            let wait = backoff.next()
            #expect(wait >= .zero && wait <= .milliseconds(limit))
        }
        let asked = backoff.next(atLeast: .seconds(7))
        #expect(asked >= .seconds(7) && asked <= .seconds(8))
        backoff.reset()
        #expect(backoff.next() <= .milliseconds(100))
    }

    @Test(arguments: [(Duration.seconds(119), false), (.seconds(120), true)])
    func `only after it has been well for long is an attempt a first one again`(_ time: Duration, _ isFirst: Bool) {
        var backoff = Backoff(.init(first: .seconds(1), ceiling: .seconds(1 << 40)))
        for _ in 0..<40 { _ = backoff.next() }
        backoff.reset(after: time)
        // That a part of 2^40 seconds by chance is less than one does not happen.
        #expect((backoff.next() <= .seconds(1)) == isFirst)
    }

    @Test(arguments: [
        (
            #"{"code":504,"details":{"causes":[{"reason":"ResourceVersionTooLarge","message":"why"}]}}"#,
            APIError.Kind.ahead
        ),
        (#"{"code":504,"details":{"causes":[{"message":"Too large resource version"}]}}"#, .ahead),
        (#"{"code":504,"message":"Timeout: Too large resource version: 5000, current: 3000"}"#, .ahead),
        (#"{"code":504,"message":"Timeout","details":{"causes":"none"}}"#, .server), (#"{"code":410}"#, .gone),
        (#"{}"#, .server), (#"[]"#, .server),
    ])
    func `a version from the future is told apart by what the server says of it`(_ body: String, _ kind: APIError.Kind)
    {
        #expect(APIError(APIStatus(ByteBuffer(string: body))).kind == kind)
    }

    @Test(arguments: [
        (410, APIError.Kind.gone, true), (401, .unauthorized, true), (403, .forbidden, false), (404, .notFound, false),
        (429, .throttled, true), (500, .server, true), (503, .server, true),
    ])
    func `a status is an error of its own kind`(_ status: Int, _ kind: APIError.Kind, _ isTransient: Bool) {
        let error = APIError(status: status, reason: "why", retryAfter: "3")
        #expect(error.kind == kind && error.isTransient == isTransient && error.retryAfter == .seconds(3))
        #expect(error.message == "status \(status): why")
    }

    @Test func `a Retry-After has a bound`() {
        #expect(APIError(status: 429, reason: "", retryAfter: "999999").retryAfter == .seconds(300))
        #expect(APIError(status: 429, reason: "", retryAfter: "-1").retryAfter == .zero)
        #expect(APIError(status: 429, reason: "", retryAfter: "Wed, 21 Oct 2026 07:28:00 GMT").retryAfter == nil)
    }

    @Test func `a name cannot leave its place in a path`() {
        let reference = ObjectReference(apiVersion: "apps/v1", kind: "Deployment", name: "../a?b/é", uid: "u")
        #expect(
            APIPath.object(reference, resource: "deployments", namespace: "..")
                == "/apis/apps/v1/namespaces/%2E%2E/deployments/..%2Fa%3Fb%2F%C3%A9")
        #expect(
            APIPath.pods(node: "n 1", query: [("limit", "5")])
                == "/api/v1/pods?fieldSelector=spec.nodeName%3Dn%201&limit=5")
    }

    @Test func `a cache forgets what has expired, and what is nearest to it when it is full`() {
        let now = ContinuousClock.now
        var cache = ExpiringCache<Int, String>(limit: 4)
        for key in 0..<4 { cache.set(key, "\(key)", for: .seconds(10 + key), now: now) }
        #expect(cache.value(0, now: now) == "0")
        #expect(cache.value(0, now: now + .seconds(10)) == nil)
        cache.set(9, "9", for: .seconds(5), now: now)
        #expect(cache.count == 4)
        #expect(cache.value(0, now: now) == nil && cache.value(9, now: now) == "9")
    }
}
