// SPDX-License-Identifier: Apache-2.0

/// Why a reconciler will not take a batch.
package struct ReconcilerRefusal: Sendable, Equatable {
    /// For people.
    package var reason: String
    /// Of its answer; nil: it was not asked.
    package var status: Int?
    /// What else it answered, the beginning of it: foreign text.
    package var answer: String

    init(_ reason: String, status: Int? = nil, answer: String = "") {
        (self.reason, self.status, self.answer) = (reason, status, answer)
    }

    /// - Parameter body: its beginning, at least.
    init(status: Int, body: [UInt8]) {
        self.init(
            "status \(status)", status: status, answer: String(decoding: body.prefix(Self.answerLimit), as: UTF8.self))
    }

    /// Bytes of an answer that are kept.
    private static let answerLimit = 4096
}
