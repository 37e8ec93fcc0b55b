// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// Makes the records that stand in the place of others.
package struct GapRecord: Sendable {
    private let node: String
    private let boot: String
    private let signer: RecordSigner?

    /// - Parameters:
    ///   - node: as records say it.
    ///   - boot: the machine's boot id; nil: as the kernel tells it.
    package init(node: String, boot: String? = nil, signer: RecordSigner? = nil) {
        self.node = node
        self.boot = boot ?? ProcFile.bootID
        self.signer = signer
    }

    /// The payload of a record of what was lost before it had a place in any stream.
    func payload(_ reason: String, count: UInt64, clock: ClockReading) -> [UInt8]? {
        try? message(at: clock) { ($0.reason, $0.count) = (reason, count) }.jsonUTF8Bytes()
    }

    private func message(at clock: ClockReading, _ fill: (inout PostureGap) -> Void) -> PostureRecord {
        PostureRecord.with {
            ($0.schema, $0.node, $0.boot) = (PostureRecord.currentSchema, node, boot)
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: clock.wall)
            $0.bootTime = clock.boot
            fill(&$0.gap)
        }
    }

    /// - Parameters:
    ///   - previous: the digest of the payload before those that the gap stands for, where it is known.
    ///   - clock: when that was found.
    package func envelope(
        for gap: RecordGap, in stream: StreamID, previous: PayloadDigest?, clock: ClockReading
    ) -> RecordEnvelope? {
        let record = message(at: clock) { $0 = PostureGap(gap) }
        guard let payload: [UInt8] = try? record.jsonUTF8Bytes() else { return nil }
        return RecordStream(.init(id: stream), signer: signer)
            .replacement(for: gap, payload: payload, previous: previous)
    }
}

extension PostureGap {
    init(_ gap: RecordGap) {
        self.init()
        (from, to) = (gap.range.lowerBound, gap.range.upperBound)
        (reason, count) = (gap.reason, gap.count)
        digest = gap.digest?.description ?? ""
    }
}
