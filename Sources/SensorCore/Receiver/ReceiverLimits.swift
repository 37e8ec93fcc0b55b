// SPDX-License-Identifier: Apache-2.0

/// What a receiver holds at most. What leads beyond is refused, counted, and shown in `/metrics`.
package struct ReceiverLimits: Sendable {
    /// Bytes of a body as it came, and unpacked.
    package var body = 8 << 20
    package var unpackedBody = 32 << 20
    /// Bytes of bodies that are in hand at a time.
    package var bodies = 64 << 20
    /// Records of a batch.
    package var records = 16_384
    package var connections = 256
    /// Streams of one node; of one that has more, the one heard of longest ago is forgotten.
    package var streamsOfNode = 16
    package var streams = 16_384
    package var subjects = 16_384
    /// Facts of all subjects, once for each writer that told of them.
    package var facts = 2_000_000
    /// Bytes of a fact's names.
    package var factBytes = 32 << 10
    /// Rollouts of a subject, and bytes of one's name.
    package var revisions = 1024
    package var revisionBytes = 253
    /// Bytes of what a record says of a subject beside its facts.
    package var headerBytes = 1 << 20
    /// Nodes' shares of subjects.
    package var writers = 131_072
    /// Records of calls, anomalies and nodes; the earliest go first.
    package var events = 16_384
    package var eventBytes = 128 << 20
    /// Bytes of the state on disk.
    package var stateBytes = 4 << 30
    /// Records of a stream, the latest, that a repetition is compared with.
    package var history = 64

    package init() {}
}
