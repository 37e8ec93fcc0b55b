// SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import NIOCore

/// A request to the API server that did not give what was asked for.
struct APIError: Error, Sendable, CustomStringConvertible {
    enum Kind: Sendable, Equatable {
        /// The resource version or the continue token is too old: list anew.
        case gone
        /// The server has not come to the resource version yet; restored from a backup, it never will: list anew.
        case ahead
        case unauthorized
        case forbidden
        case notFound
        case throttled
        /// 5xx, and whatever else no retry would be wrong for.
        case server
        case timedOut
        /// No connection, or one that broke; TLS too.
        case connection
        /// The answer is none that can be read.
        case malformed
        case tooLarge
        case cancelled
    }

    var kind: Kind
    /// For a person.
    var message: String
    /// What the server asks for; at most five minutes.
    var retryAfter: Duration?

    init(_ kind: Kind, _ message: String, retryAfter: Duration? = nil) {
        self.kind = kind
        self.message = message
        self.retryAfter = retryAfter
    }

    /// An answer with a status of its own, whose body the server has explained it in.
    init(status: Int, reason: String, retryAfter header: String? = nil) {
        let kind: Kind =
            switch status {
            case 410: .gone
            case 401: .unauthorized
            case 403: .forbidden
            case 404: .notFound
            case 429: .throttled
            default: .server
            }
        let seconds = header.flatMap { Int($0) }.map { Duration.seconds(min(max($0, 0), 300)) }
        self.init(kind, "status \(status)\(reason.isEmpty ? "" : ": \(reason.prefix(256))")", retryAfter: seconds)
    }

    /// - Parameters:
    ///   - code: of the answer; nil: within a watch, where the explanation has it.
    ///   - explained: what the server says of it; nil: nothing that can be read.
    init(code: Int? = nil, _ explained: APIStatus?, retryAfter header: String? = nil) {
        self.init(
            status: code ?? explained?.code ?? 500, reason: explained?.message ?? explained?.reason ?? "",
            retryAfter: header)
        if explained?.isAhead == true { kind = .ahead }
    }

    /// Whatever a request can fail with.
    init(_ error: any Error) {
        switch error {
        case let error as APIError: self = error
        case is CancellationError: self.init(.cancelled, "cancelled")
        case let error as EndpointError: self.init(.connection, error.description)
        case let error as TimeLimit.Exceeded: self.init(.timedOut, error.description)
        case is NIOTooManyBytesError: self.init(.tooLarge, "the answer is too long")
        case let error as HTTPClientError:
            let timeouts: [HTTPClientError] = [
                .connectTimeout, .readTimeout, .writeTimeout, .deadlineExceeded, .tlsHandshakeTimeout,
                .getConnectionFromPoolTimeout,
            ]
            let kind: Kind = error == .cancelled ? .cancelled : timeouts.contains(error) ? .timedOut : .connection
            self.init(kind, error.shortDescription)
        default: self.init(.connection, "\(error)")
        }
    }

    var description: String { message }

    /// Whether the server has answered, and does not let this program see what it asked for.
    var isRefusal: Bool { kind == .unauthorized || kind == .forbidden }

    /// Whether the object may be had by asking again, with nothing changed.
    var isTransient: Bool {
        switch kind {
        case .notFound, .forbidden, .cancelled: false
        default: true
        }
    }
}
