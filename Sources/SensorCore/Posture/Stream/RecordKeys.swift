// SPDX-License-Identifier: Apache-2.0

/// Keys of those whose records are to be trusted.
package struct RecordKeys: Sendable {
    private let keys: [String: RecordKey]

    /// - Parameter keys: none: signatures are not looked at.
    package init(_ keys: [RecordKey] = []) { self.keys = Dictionary(keys.map { ($0.id, $0) }) { first, _ in first } }

    var isEmpty: Bool { keys.isEmpty }

    /// What is wrong with the record's signature; nil: nothing, or it is not looked at.
    ///
    /// - Parameter digest: of the payload.
    func fault(in envelope: EnvelopeLine, _ digest: PayloadDigest) -> StreamBreak.Fault? {
        guard !isEmpty else { return nil }
        guard let signature = envelope.signature else { return .unsigned }
        guard let key = keys[signature.keyID] else { return .unknownKey(signature.keyID) }
        let bytes = RecordEnvelope.signedBytes(
            stream: envelope.stream, sequence: envelope.sequence, previous: envelope.previous, digest: digest,
            original: envelope.originalSequence)
        return key.verifies(signature.value, of: bytes) ? nil : .wrongSignature(signature.keyID)
    }
}
