// SPDX-License-Identifier: Apache-2.0

/// What the taker of an OTLP request has left out of it though it took the rest: `partial_success` of the answer. It is not to be sent
/// again, the protocol says.
struct PartialSuccess: Equatable {
    /// Log records or spans.
    var refused: UInt64 = 0
    /// Why, in the taker's own words.
    var message = ""

    /// Of an answer in protobuf; nil: it says nothing of the kind, or cannot be read.
    init?(_ answer: [UInt8]) {
        do throws(TraceFault) {
            guard let body = try Self.message(answer) else { return nil }
            var fields = WireReader(body)
            while let (number, value) = try fields.next() {
                switch (number, value) {
                case (1, .varint(let count)): refused = Int64(bitPattern: count) > 0 ? count : 0
                case (2, .bytes(let text)): message = String(decoding: text.prefix(Self.messageBytes), as: UTF8.self)
                default: break
                }
            }
        } catch { return nil }
    }

    private static func message(_ answer: [UInt8]) throws(TraceFault) -> ArraySlice<UInt8>? {
        var fields = WireReader(answer[...])
        var last: ArraySlice<UInt8>?
        while let (number, value) = try fields.next() {
            if number == 1, case .bytes(let body) = value { last = body }
        }
        return last
    }

    private static let messageBytes = 1024
}
