// SPDX-License-Identifier: Apache-2.0

/// What a request is answered.
struct ReceiverAnswer: Sendable, Equatable {
    var status = 200
    var type = "application/json"
    var body: [UInt8]
    /// Seconds.
    var retryAfter: Int?
    /// Changes whenever the answer does.
    var tag: String?

    init(_ body: [UInt8], tag: String? = nil) { (self.body, self.tag) = (body, tag) }

    init(status: Int, message: String) {
        self.init(Array("{\"error\":\(message.quotedForJSON)}\n".utf8))
        self.status = status
    }

    init(_ refusal: ReceiverRefusal) {
        self.init(status: refusal.status, message: refusal.message)
        retryAfter = refusal.retryAfter
    }

    static func acknowledgement(_ stream: StreamID, _ sequence: UInt64) -> ReceiverAnswer {
        ReceiverAnswer(Array("{\"stream\":\"\(stream)\",\"acknowledged\":\"\(sequence)\"}\n".utf8))
    }
}
