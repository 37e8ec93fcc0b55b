// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

extension PostureEnvelope {
    package init(_ envelope: RecordEnvelope) {
        self.init()
        stream = envelope.stream.description
        sequence = envelope.sequence
        originalSequence = envelope.originalSequence ?? 0
        previous = envelope.previous?.description ?? ""
        payload = Data(envelope.payload)
        if let own = envelope.signature { (keyID, signature) = (own.keyID, Data(own.value)) }
    }
}

extension RecordEnvelope {
    /// nil: the message is none: a stream, a digest or a sequence is not one.
    package init?(_ message: PostureEnvelope) {
        guard let stream = StreamID(message.stream.utf8), message.sequence > 0 else { return nil }
        var previous: PayloadDigest?
        if !message.previous.isEmpty {
            previous = PayloadDigest(message.previous.utf8)
            guard previous != nil else { return nil }
        }
        self.init(
            stream: stream, sequence: message.sequence, previous: previous, payload: Array(message.payload))
        if message.originalSequence > 0 { originalSequence = message.originalSequence }
        if !message.keyID.isEmpty || !message.signature.isEmpty {
            signature = Signature(keyID: message.keyID, value: Array(message.signature))
        }
    }
}
