// SPDX-License-Identifier: Apache-2.0

/// What has come of OpenTelemetry, and what was refused.
package struct TraceStatistics: Sendable, Equatable {
    package enum Refusal: String, Sendable, CaseIterable {
        /// A workload had too many connections.
        case connections
        /// It sent too much in too short a time, or all together did.
        case rate
        case tooLarge = "too_large"
        case malformed
        /// Another path, method or encoding than OTLP over HTTP has.
        case unsupported
        /// The sensor had no thread for it.
        case exhausted
    }

    package var requests: UInt64 = 0
    /// Tool calls that spans told of.
    package var calls: UInt64 = 0
    package var refused: [Refusal: UInt64] = [:]

    package init() {}

    /// Counts a request by how it was answered.
    mutating func count(_ answer: TraceAnswer) {
        requests += 1
        let refusal: Refusal? =
            switch answer.status {
            case 400: .malformed
            case 404, 405, 415: .unsupported
            case 413: .tooLarge
            case 429: .rate
            case 503: .exhausted
            default: nil
            }
        if let refusal { refused[refusal, default: 0] += 1 }
    }
}
