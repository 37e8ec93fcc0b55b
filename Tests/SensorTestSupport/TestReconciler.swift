// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import HTTPTypes
import HummingbirdCore
import HummingbirdHTTP2
import HummingbirdTLS
import NIOConcurrencyHelpers
import NIOCore
import NIOSSL
package import SensorCore
import SwiftProtobuf

/// A reconciler on loopback for one test: what it has kept outlives its servers, as a database would.
package final class TestReconciler: Sendable {
    /// What one request meets.
    package enum Fault: Sendable {
        case status(Int, retryAfter: Int? = nil)
        /// Status and body of the answer.
        case answer(Int, String)
        /// The connection is closed when the request's head is there.
        case hangUp
        /// The batch is kept, and the connection closed without an answer.
        case lostAnswer
        /// The batch is kept, and another stream acknowledged.
        case wrongStream
        /// The batch is kept, and more acknowledged than was ever sent.
        case tooMuch
        /// The batch is not kept, and what was acknowledged last is acknowledged again.
        case again
        /// The batch is kept, and what was acknowledged before it is acknowledged again.
        case duplicate
        /// The batch is kept, and the answer comes byte by byte.
        case byteByByte
        /// The batch is kept, and the answer has no end.
        case endless
        /// What is no acknowledgement.
        case nonsense
    }

    package struct Server: Sendable {
        package let port: Int
        package let url: String
    }

    private struct State: Sendable {
        var faults: [Fault] = []
        var lasting: Fault?
        var token: String?
        var client: String?
        /// Batches of more records are too large.
        var recordLimit = Int.max
        var last: [StreamID: UInt64] = [:]
        var digests: [UInt64: PayloadDigest] = [:]
        var kept: [RecordEnvelope] = []
        var repeated = 0
        var requests = 0
        var statuses: [Int] = []
        var times: [ContinuousClock.Instant] = []
        var violations: [String] = []
        var usedHTTP2 = false
        var contentTypes: Set<String> = []
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    // MARK: What a test does

    package func meet(_ faults: Fault...) { state.withLockedValue { $0.faults += faults } }

    /// What every request meets from now on; nil: nothing.
    package func meetAlways(_ fault: Fault?) { state.withLockedValue { $0.lasting = fault } }

    package func setToken(_ token: String?) { state.withLockedValue { $0.token = token } }

    /// Whoever shows the client certificate of that name is let in, and nobody else.
    package func setClient(_ name: String?) { state.withLockedValue { $0.client = name } }

    package func setRecordLimit(_ limit: Int) { state.withLockedValue { $0.recordLimit = limit } }

    // MARK: What a test sees

    /// Records that were kept, each once, in the order in which they came.
    package var kept: [RecordEnvelope] { state.withLockedValue { $0.kept } }

    /// Records that came though they were kept already.
    package var repeated: Int { state.withLockedValue { $0.repeated } }

    package var requests: Int { state.withLockedValue { $0.requests } }

    /// When requests came.
    package var times: [ContinuousClock.Instant] { state.withLockedValue { $0.times } }

    package var statuses: [Int] { state.withLockedValue { $0.statuses } }

    /// No fault of `meet` is left.
    package var hasMetAll: Bool { state.withLockedValue { $0.faults.isEmpty } }

    /// What no reconciler should ever have to see.
    package var violations: [String] { state.withLockedValue { $0.violations } }

    package var usedHTTP2: Bool { state.withLockedValue { $0.usedHTTP2 } }

    package var contentTypes: Set<String> { state.withLockedValue { $0.contentTypes } }

    /// What was kept contains this text.
    package func has(_ text: String) -> Bool {
        kept.contains { String(decoding: $0.payload, as: UTF8.self).contains(text) }
    }

    // MARK: Serving

    /// Serves while `body` runs.
    ///
    /// - Parameters:
    ///   - port: the one that an earlier server had; 0: any.
    ///   - isSecure: by TLS, with the certificate of `TestCertificates`.
    package func serve(
        port: Int = 0, isSecure: Bool = false, offersHTTP2: Bool = false, requiringClientCertificate: Bool = false,
        _ body: (Server) async throws -> Void
    ) async throws {
        var builder = HTTPServerBuilder.http1()
        if isSecure {
            let tls = try TestServer.tls(requiringClientCertificate: requiringClientCertificate)
            if offersHTTP2 {
                builder = try .http2Upgrade(tlsConfiguration: tls)
            } else {
                builder = try .tls(.http1(), tlsConfiguration: tls)
            }
        }
        try await TestServer.run(builder, port: port) { [self] request, writer, channel in
            let isHTTP2 = "\(type(of: channel))".contains("HTTP2StreamChannel")
            let client = try await requiringClientCertificate ? TestServer.clientName(of: channel) : nil
            let response = try await answer(request, isHTTP2: isHTTP2, client: client)
            guard let response else {
                try? await channel.close()
                throw CancellationError()
            }
            try await writer.write(response: response.head, body: response.body)
        } while: { bound in
            try await body(Server(port: bound, url: "\(isSecure ? "https" : "http")://127.0.0.1:\(bound)"))
        }
    }

    /// - Returns: nil: the connection is to be closed.
    private func answer(_ request: Request, isHTTP2: Bool, client: String?) async throws -> Response? {
        let fault = state.withLockedValue { state -> Fault? in
            state.requests += 1
            state.times.append(.now)
            state.usedHTTP2 = state.usedHTTP2 || isHTTP2
            state.contentTypes.insert(request.headers[.contentType] ?? "")
            return state.faults.isEmpty ? state.lasting : state.faults.removeFirst()
        }
        if case .hangUp = fault { return nil }
        let packed = try await request.body.collect(upTo: 64 << 20)
        return state.withLockedValue { state in
            let response = answer(request, Array(packed.readableBytesView), fault, client, &state)
            if let response { state.statuses.append(Int(response.status.code)) }
            return response
        }
    }

    private func answer(
        _ request: Request, _ packed: [UInt8], _ fault: Fault?, _ client: String?, _ state: inout State
    ) -> Response? {
        guard request.uri.path.hasSuffix("/v1/posture"), request.method == .post else { return Self.status(404) }
        if let token = state.token, request.headers[.authorization] != "Bearer \(token)" { return Self.status(401) }
        if let name = state.client, client != name { return Self.status(403) }
        guard request.headers[.contentEncoding] == "gzip", let body = try? Gzip.unpack(packed, limit: 64 << 20),
            let records = Self.records(body, request.headers[.contentType])
        else {
            state.violations.append("a body that cannot be read")
            return Self.status(400)
        }
        guard let first = records.first, records.allSatisfy({ $0.stream == first.stream }) else {
            state.violations.append("a batch of no stream, or of several")
            return Self.status(400)
        }
        if case .status(let code, let seconds) = fault { return Self.status(code, retryAfter: seconds) }
        if case .answer(let code, let text) = fault { return Self.response(code, text) }
        if records.count > state.recordLimit { return Self.status(413) }
        if case .again = fault { return Self.acknowledgement(first.stream, state.last[first.stream] ?? 0) }
        let before = state.last[first.stream] ?? 0
        for record in records { Self.keep(record, &state) }
        let last = state.last[first.stream] ?? 0
        switch fault {
        case .duplicate: return Self.acknowledgement(first.stream, before)
        case .byteByByte: return Self.inPieces(Self.text(first.stream, last), isEndless: false)
        case .endless: return Self.inPieces(Self.text(first.stream, last), isEndless: true)
        case .lostAnswer: return nil
        case .wrongStream: return Self.acknowledgement(StreamID(), last)
        case .tooMuch: return Self.acknowledgement(first.stream, last + 1_000_000)
        case .nonsense: return Self.response(200, #"{"acknowledged":[]}"#)
        default: return Self.acknowledgement(first.stream, last)
        }
    }

    /// As whoever keeps records by stream and sequence does it.
    private static func keep(_ record: RecordEnvelope, _ state: inout State) {
        let digest = PayloadDigest(of: record.payload)
        if let last = state.last[record.stream] {
            if record.sequence <= last {
                state.repeated += 1
                if state.digests[record.sequence] != digest {
                    state.violations.append("sequence \(record.sequence) came again as something else")
                }
                return
            }
            let isGap = String(decoding: record.payload, as: UTF8.self).contains(#""gap":{"from":"\#(last + 1)""#)
            if record.sequence != last + 1, !isGap {
                state.violations.append("sequence \(record.sequence) came after \(last)")
            }
        }
        state.last[record.stream] = record.sequence
        state.digests[record.sequence] = digest
        state.kept.append(record)
    }

    private static func records(_ body: [UInt8], _ type: String?) -> [RecordEnvelope]? {
        switch type {
        case "application/x-protobuf":
            guard let batch = try? PostureBatch(serializedBytes: body), !batch.node.isEmpty else { return nil }
            return batch.records.compactMap { RecordEnvelope($0) }
        case "application/json":
            // As the payloads stand there, whose bytes are what counts.
            let text = String(decoding: body, as: UTF8.self)
            guard text.hasPrefix(#"{"node":""#), text.hasSuffix("]}") else { return nil }
            let pieces = text.dropLast(2).split(separator: #"{"stream":"#).dropFirst()
            return pieces.compactMap { piece in
                let line = piece.hasSuffix(",") ? piece.dropLast() : piece
                return envelope(#"{"stream":"# + line)
            }
        default: return nil
        }
    }

    private static func envelope(_ line: String) -> RecordEnvelope? {
        guard let mark = line.firstRange(of: #","payload":"#), line.hasSuffix("}") else { return nil }
        let head = line[..<mark.lowerBound] + "}"
        guard var message = try? PostureEnvelope(jsonString: String(head)) else { return nil }
        message.payload = Data(line[mark.upperBound...].dropLast().utf8)
        return RecordEnvelope(message)
    }

    private static func acknowledgement(_ stream: StreamID, _ sequence: UInt64) -> Response {
        response(200, text(stream, sequence))
    }

    private static func text(_ stream: StreamID, _ sequence: UInt64) -> String {
        #"{"stream":"\#(stream)","acknowledged":"\#(sequence)"}"#
    }

    /// Each byte by itself, after a while.
    ///
    /// - Parameter isEndless: spaces follow, until whoever asked has had enough.
    private static func inPieces(_ text: String, isEndless: Bool) -> Response {
        let body = ResponseBody { writer in
            for byte in text.utf8 {
                try await writer.write(ByteBuffer(bytes: [byte]))
                try await Task.sleep(for: .milliseconds(1))
            }
            while isEndless {
                try await writer.write(ByteBuffer(string: " "))
                try await Task.sleep(for: .milliseconds(10))
            }
            try await writer.finish(nil)
        }
        return Response(status: .ok, headers: [.contentType: "application/json"], body: body)
    }

    private static func status(_ code: Int, retryAfter: Int? = nil) -> Response {
        response(code, "{}", retryAfter: retryAfter)
    }

    private static func response(_ code: Int, _ text: String, retryAfter: Int? = nil) -> Response {
        var headers: HTTPFields = [.contentType: "application/json", .contentLength: "\(text.utf8.count)"]
        if let retryAfter { headers[.retryAfter] = "\(retryAfter)" }
        return Response(
            status: .init(code: code), headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
