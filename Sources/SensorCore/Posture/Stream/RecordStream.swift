// SPDX-License-Identifier: Apache-2.0

/// Gives payloads their place in a stream: each the next sequence, and the digest of the one before it.
///
/// A sequence is used once. So whoever keeps the head on disk lets nobody see an envelope before a head that counts it has
/// been kept; and a stream of which nothing can be kept gets an id that has never been on disk.
package struct RecordStream: Sendable {
    /// Where the next payload goes.
    package struct Head: Equatable, Sendable {
        package var id: StreamID
        /// Of the last payload; 0 before the first.
        package var sequence: UInt64
        /// Of the last payload; nil before the first, and where it was lost.
        package var digest: PayloadDigest?

        package init(id: StreamID = StreamID(), sequence: UInt64 = 0, digest: PayloadDigest? = nil) {
            self.id = id
            self.sequence = sequence
            self.digest = digest
        }
    }

    package private(set) var head: Head
    private let signer: RecordSigner?

    /// - Parameter head: where the stream goes on; as it is, a new one.
    package init(_ head: Head = Head(), signer: RecordSigner? = nil) {
        self.head = head
        self.signer = signer
    }

    /// - Parameter original: the sequence that it had before it was set aside, where it was.
    package mutating func append(_ payload: [UInt8], original: UInt64? = nil) -> RecordEnvelope {
        let digest = PayloadDigest(of: payload)
        let envelope = envelope(
            payload, digest, sequence: head.sequence + 1, previous: head.digest, original: original)
        head.sequence += 1
        head.digest = digest
        return envelope
    }

    /// A record in the place of ones that were given before and dropped since.
    ///
    /// - Parameters:
    ///   - payload: says so, in the body `gap`.
    ///   - previous: the digest of the payload before them, where it is known.
    package func replacement(
        for gap: RecordGap, payload: [UInt8], previous: PayloadDigest?
    ) -> RecordEnvelope {
        envelope(payload, PayloadDigest(of: payload), sequence: gap.range.upperBound, previous: previous)
    }

    private func envelope(
        _ payload: [UInt8], _ digest: PayloadDigest, sequence: UInt64, previous: PayloadDigest?, original: UInt64? = nil
    ) -> RecordEnvelope {
        var envelope = RecordEnvelope(stream: head.id, sequence: sequence, previous: previous, payload: payload)
        envelope.originalSequence = original
        envelope.signature = signer?.sign(
            RecordEnvelope.signedBytes(
                stream: head.id, sequence: sequence, previous: previous, digest: digest, original: original))
        return envelope
    }
}
