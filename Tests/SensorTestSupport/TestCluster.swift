// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import HummingbirdCore
import NIOCore
import NIOConcurrencyHelpers

/// What a `TestAPIServer` serves. Answers as the real one does: resource versions, pages, watches, 410 and all.
package final class TestCluster: Sendable {
    /// What one request meets instead of an answer.
    package enum Fault: Sendable {
        case status(Int, retryAfter: Int? = nil, reason: String = "as the test wants it")
        /// This status with this body.
        case answer(Int, String)
        /// This text in the place of the body.
        case body(String)
        /// No answer, until the client gives up or the test ends.
        case silence
        case hangUp
    }

    /// What a watch does next.
    package enum Step: Sendable {
        case bytes(String)
        /// As when `timeoutSeconds` are over.
        case end
        /// The connection breaks.
        case drop
    }

    package enum Request: Sendable, Hashable {
        case list
        case watch
        /// By path, without the query.
        case get(String)
    }

    struct Pod: Sendable {
        var uid: String
        var json: String
        var version: Int
    }

    private struct State: Sendable {
        var tokens: Set<String> = ["first-token"]
        var client: String?
        var version = 100
        var pods: [Pod] = []
        var objects: [String: String] = [:]
        /// What has happened, for watches that begin in the past.
        var history: [(version: Int, line: String)] = []
        /// Watches from before this version are too late.
        var oldest = 0
        var expiredPages = 0
        var faults: [Request: [Fault]] = [:]
        var lastingFaults: [Request: Fault] = [:]
        var watches: [Int: AsyncStream<Step>.Continuation] = [:]
        var nextWatch = 0
        var requests: [String] = []
        var isOver = false
    }

    private let state = NIOLockedValueBox(State())

    // MARK: What a test does

    package func setTokens(_ tokens: Set<String>) { state.withLockedValue { $0.tokens = tokens } }

    /// Whoever shows the client certificate of that name is let in, and nobody else.
    package func setClient(_ name: String) { state.withLockedValue { $0.client = name } }

    /// An object by its path.
    package func set(_ path: String, _ json: String?) { state.withLockedValue { $0.objects[path] = json } }

    package func set(_ objects: [String: String]) {
        state.withLockedValue { $0.objects.merge(objects) { _, new in new } }
    }

    /// So many continue tokens will have expired when they come.
    package func expirePages(_ count: Int) { state.withLockedValue { $0.expiredPages = count } }

    /// The next requests of that kind meet these, one each.
    package func fail(_ request: Request, _ faults: Fault...) {
        state.withLockedValue { $0.faults[request, default: []] += faults }
    }

    /// Every request of that kind meets this from now on; nil: none does any more.
    package func keepFailing(_ request: Request, _ fault: Fault?) {
        state.withLockedValue { $0.lastingFaults[request] = fault }
    }

    /// Adds a pod or changes it, and tells the watches.
    package func put(_ uid: String, _ json: String) {
        state.withLockedValue { state in
            state.version += 1
            let pod = Pod(uid: uid, json: json, version: state.version)
            let isNew = !state.pods.contains { $0.uid == uid }
            state.pods.removeAll { $0.uid == uid }
            state.pods.append(pod)
            Self.tell(&state, isNew ? "ADDED" : "MODIFIED", Self.object(pod))
        }
    }

    /// - Parameter isTold: whether watches hear of it; otherwise only the next list shows it.
    package func delete(_ uid: String, isTold: Bool = true) {
        state.withLockedValue { state in
            guard var pod = state.pods.first(where: { $0.uid == uid }) else { return }
            state.version += 1
            pod.version = state.version
            state.pods.removeAll { $0.uid == uid }
            if isTold { Self.tell(&state, "DELETED", Self.object(pod)) }
        }
    }

    /// Everything until now is too old to watch from.
    package func compact() {
        state.withLockedValue { state in
            state.version += 1
            state.oldest = state.version
            state.history = []
        }
    }

    /// A version without an event, as the changes of other nodes make it.
    package func bookmark() {
        state.withLockedValue { state in
            state.version += 1
            let version = state.version
            for watch in state.watches.values {
                watch.yield(
                    .bytes(
                        #"{"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"\#(version)","creationTimestamp":null},"spec":{"containers":null},"status":{}}}"#
                            + "\n"))
            }
        }
    }

    /// To all open watches.
    package func step(_ step: Step) {
        state.withLockedValue { state in
            for watch in state.watches.values { watch.yield(step) }
        }
    }

    func endAll() {
        state.withLockedValue { state in
            state.isOver = true
            for watch in state.watches.values { watch.yield(.drop) }
        }
    }

    package var openWatches: Int { state.withLockedValue { $0.watches.count } }

    /// The requests so far, of which the path with its query begins so.
    package func requests(_ prefix: String) -> [String] {
        state.withLockedValue { $0.requests.filter { $0.hasPrefix(prefix) } }
    }

    package var lists: [String] { requests("/api/v1/pods?").filter { !$0.contains("watch=1") } }
    package var watches: [String] { requests("/api/v1/pods?").filter { $0.contains("watch=1") } }

    // MARK: Answers

    /// - Parameter client: the name in the certificate that it has shown; nil: none.
    func answer(_ request: HummingbirdCore.Request, client: String?) async throws -> Response {
        let uri = request.uri
        let isWatch = uri.queryParameters["watch"] == "1"
        let kind: Request = uri.path == "/api/v1/pods" ? (isWatch ? .watch : .list) : .get(uri.path)
        let (fault, isAllowed) = state.withLockedValue { state -> (Fault?, Bool) in
            state.requests.append(uri.string)
            let token = request.headers[.authorization].map { String($0.dropFirst("Bearer ".count)) } ?? ""
            let isKnown = state.client.map { $0 == client } ?? (state.tokens.isEmpty || state.tokens.contains(token))
            guard isKnown else { return (nil, false) }
            guard var faults = state.faults[kind], !faults.isEmpty else { return (state.lastingFaults[kind], true) }
            let fault = faults.removeFirst()
            state.faults[kind] = faults
            return (fault, true)
        }
        guard isAllowed else { return Self.status(401, "Unauthorized") }
        switch fault {
        case .status(let code, let seconds, let reason): return Self.status(code, reason, retryAfter: seconds)
        case .answer(let code, let text): return Self.json(text, status: code)
        case .body(let text): return Self.json(text)
        case .hangUp: return Response(status: TestAPIServer.hangUp)
        case .silence:
            while !state.withLockedValue({ $0.isOver }), !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(20))
            }
            return Response(status: TestAPIServer.hangUp)
        case nil: break
        }
        switch kind {
        case .list:
            // From the cache of a real one comes everything, whatever the limit.
            let isCached = uri.queryParameters["resourceVersion"] == "0"
            return list(
                limit: isCached ? nil : uri.queryParameters["limit"].flatMap { Int($0) },
                page: uri.queryParameters["continue"].map(String.init))
        case .watch: return watch(from: uri.queryParameters["resourceVersion"].flatMap { Int($0) } ?? 0)
        case .get(let path):
            guard let object = state.withLockedValue({ $0.objects[path] }) else { return Self.status(404, "not found") }
            return Self.json(object)
        }
    }

    /// - Parameter limit: nil: all that there are.
    private func list(limit: Int?, page: String?) -> Response {
        state.withLockedValue { state in
            if page != nil, state.expiredPages > 0 {
                state.expiredPages -= 1
                return Self.status(410, "The provided continue parameter is too old")
            }
            let start = page.flatMap { Int($0) } ?? 0
            let end = limit.map { min(state.pods.count, start + $0) } ?? state.pods.count
            let items = state.pods[min(start, end)..<end].map { Self.object($0) }.joined(separator: ",")
            let next =
                end < state.pods.count ? #""continue":"\#(end)","remainingItemCount":\#(state.pods.count - end),"# : ""
            return Self.json(
                #"{"kind":"PodList","apiVersion":"v1","metadata":{\#(next)"resourceVersion":"\#(state.version)"},"items":[\#(items)]}"#
            )
        }
    }

    private func watch(from version: Int) -> Response {
        let (stream, id) = state.withLockedValue { state -> (AsyncStream<Step>?, Int) in
            guard version >= state.oldest else { return (nil, 0) }
            let (stream, continuation) = AsyncStream<Step>.makeStream()
            for past in state.history where past.version > version { continuation.yield(.bytes(past.line)) }
            state.nextWatch += 1
            state.watches[state.nextWatch] = continuation
            return (stream, state.nextWatch)
        }
        guard let stream else { return Self.status(410, "too old resource version: \(version)") }
        return Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody { writer in
                defer { self.state.withLockedValue { $0.watches[id] = nil } }
                for await step in stream {
                    switch step {
                    case .bytes(let text): try await writer.write(ByteBuffer(string: text))
                    case .end: return try await writer.finish(nil)
                    case .drop: throw CancellationError()
                    }
                }
                throw CancellationError()
            })
    }

    private static func tell(_ state: inout State, _ type: String, _ object: String) {
        let line = #"{"type":"\#(type)","object":\#(object)}"# + "\n"
        state.history.append((state.version, line))
        for watch in state.watches.values { watch.yield(.bytes(line)) }
    }

    /// With its version, which fixtures leave open.
    private static func object(_ pod: Pod) -> String {
        pod.json.replacing("\"VERSION\"", with: "\"\(pod.version)\"")
    }

    private static func json(_ text: String, status: Int = 200) -> Response {
        Response(
            status: .init(code: status), headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }

    private static func status(_ code: Int, _ message: String, retryAfter: Int? = nil) -> Response {
        let body =
            #"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"\#(message)","code":\#(code)}"#
        var headers: HTTPFields = [.contentType: "application/json"]
        if let retryAfter { headers[.retryAfter] = "\(retryAfter)" }
        return Response(
            status: .init(code: code), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }
}
