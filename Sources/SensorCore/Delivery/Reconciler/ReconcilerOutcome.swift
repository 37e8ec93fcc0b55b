// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// What became of a batch that was sent.
enum ReconcilerOutcome: Equatable, Sendable {
    /// All up to this sequence of the stream are kept, the reconciler says.
    case acknowledged(stream: String, sequence: UInt64)
    /// The same, of all up to there but for so many, and which is not said: nothing of it is to be sent again.
    case partlyTaken(stream: String, sequence: UInt64, refused: UInt64, why: String)
    /// There was nothing in it that is to be sent.
    case needless
    /// A smaller one may do.
    case tooLarge(ReconcilerRefusal)
    /// Nobody is to send anything for a while.
    case throttled(String, after: Duration?)
    /// No answer, or none that says anything of the batch.
    case unavailable(String, after: Duration? = nil)
    /// It will not be taken, however often it is sent.
    case rejected(ReconcilerRefusal)
    /// What proves who sends it is not believed, or does not permit it.
    case unauthorized(String)
}

extension ReconcilerOutcome {
    /// Of an answer.
    ///
    /// - Parameters:
    ///   - body: its beginning, at least.
    ///   - retryAfter: the header of that name.
    ///   - wall: nanoseconds since 1970 of this moment.
    init(status: Int, contentType: String?, body: [UInt8], retryAfter: String?, wall: UInt64) {
        let said = "status \(status)"
        let after = retryAfter.flatMap { RetryAfter.pause($0, wall: wall, limit: Self.longestPause) }
        switch status {
        case 200:
            guard let acknowledgement = Self.acknowledgement(contentType, body) else {
                self = .unavailable("the answer is no acknowledgement")
                return
            }
            self = .acknowledged(stream: acknowledgement.stream, sequence: acknowledgement.acknowledged)
        case 400, 422: self = .rejected(ReconcilerRefusal(status: status, body: body))
        case 401, 403: self = .unauthorized(said)
        case 413: self = .tooLarge(ReconcilerRefusal(status: status, body: body))
        case 429: self = .throttled(said, after: after)
        default: self = .unavailable(said, after: after)
        }
    }

    /// No reconciler is believed to want a longer one.
    private static let longestPause = Duration.seconds(3600)

    private static func acknowledgement(_ type: String?, _ body: [UInt8]) -> PostureAcknowledgement? {
        let type = (type ?? "").prefix { $0 != ";" && $0 != " " }.lowercased()
        if type == ReconcilerEncoding.protobuf.contentType { return try? PostureAcknowledgement(serializedBytes: body) }
        var options = JSONDecodingOptions()
        options.ignoreUnknownFields = true
        return try? PostureAcknowledgement(jsonUTF8Bytes: body, options: options)
    }
}
