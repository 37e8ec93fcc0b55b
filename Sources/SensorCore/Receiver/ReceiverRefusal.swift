// SPDX-License-Identifier: Apache-2.0

/// Why nothing is taken, as the contract's sender understands it.
struct ReceiverRefusal: Error, Equatable {
    /// By which refusals are counted.
    enum Reason: String, CaseIterable, Sendable {
        /// What no repetition would make better: the sender sets it aside.
        case malformed, wrongPayload, contradiction, brokenChain, signature
        case tooLarge
        case credential, foreign
        /// The sender tries again later.
        case busy, noRoom, disk
    }

    var reason: Reason
    /// One line for a person.
    var message: String

    init(_ reason: Reason, _ message: String) { (self.reason, self.message) = (reason, message) }

    var status: Int {
        switch reason {
        case .malformed: 400
        case .wrongPayload, .contradiction, .brokenChain, .signature: 422
        case .tooLarge: 413
        case .credential: 401
        case .foreign: 403
        case .busy: 429
        case .noRoom, .disk: 503
        }
    }

    /// Seconds.
    var retryAfter: Int? {
        switch reason {
        case .busy: 1
        case .disk: 5
        case .noRoom: 60
        default: nil
        }
    }
}
