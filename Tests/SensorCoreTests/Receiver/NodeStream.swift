// SPDX-License-Identifier: Apache-2.0

import SwiftProtobuf

@testable import SensorCore

/// A node with one subject: its share, and the stream in which it tells of it, as the daemon does.
struct NodeStream {
    static let hour: UInt64 = 3_600_000_000_000
    static let start: UInt64 = 20_000 * 24 * hour

    let node: String
    let subject: SubjectKey
    private(set) var stream: RecordStream
    private(set) var records: [RecordEnvelope] = []
    /// What it has told.
    private(set) var share: SharedProfile
    private let profile: Profile
    private let writer: String

    init(
        _ node: String, _ subject: SubjectKey = SubjectKey(namespace: "agents", kind: "Deployment", name: "planner"),
        writer: String = "w", seed: UInt64 = 1, signer: RecordSigner? = nil
    ) {
        (self.node, self.subject, self.writer) = (node, subject, writer)
        var random = SplitMix(seed: seed)
        stream = RecordStream(RecordStream.Head(id: StreamID(using: &random)), signer: signer)
        share = SharedProfile(subject)
        profile = Profile(subject, seed: seed)
    }

    private func record() -> PostureRecord {
        PostureRecord.with {
            ($0.schema, $0.node) = (PostureRecord.currentSchema, node)
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: Self.start)
        }
    }

    mutating func append(_ record: PostureRecord) {
        guard let payload: [UInt8] = try? record.jsonUTF8Bytes() else { return }
        records.append(stream.append(payload))
    }

    /// Does things, and tells of all of them: facts each time, the whole as often as not.
    mutating func act(_ random: inout some RandomNumberGenerator, at time: UInt64 = Self.start, times: Int = 6) {
        for _ in 0..<times {
            let path = "/data/\(Int.random(in: 0..<40, using: &random))"
            let outcome: FactQualifiers.Outcome = Bool.random(using: &random) ? .ok : .failed
            profile.note(
                .init(key: FactKey(.file, ByteString(path), "READ")), FactQualifiers(outcome: outcome),
                Profile.Deed(
                    count: .random(in: 1...9, using: &random),
                    time: time + UInt64.random(in: 0..<48, using: &random) * Self.hour,
                    replica: ByteString("\(node)-\(Int.random(in: 0..<6, using: &random))"), executable: "/bin/a"))
            profile.observe("c1", at: time, elapsed: 10, announcesCalls: false)
        }
        var record = record()
        record.subject = PostureSubject(subject)
        var told = profile.message()
        told.writer = "\(node)/\(writer)"
        share.merge(told)
        told.writer = writer
        if Bool.random(using: &random) {
            record.profile = told
        } else {
            // The hours and the rest come with the whole.
            record.profile = profile.header()
            record.profile.writer = writer
            append(record)
            record.facts = PostureFacts.with { ($0.facts, $0.writer) = (told.facts, writer) }
        }
        append(record)
    }

    /// Tells again what it told under a sequence.
    mutating func resend(_ sequence: UInt64) -> RecordEnvelope {
        let record = stream.append(records[Int(sequence) - 1].payload, original: sequence)
        records.append(record)
        return record
    }

    mutating func tellOfNode(_ count: UInt64) {
        var record = record()
        record.nodeCoverage = PostureNodeCoverage.with { $0.facts = count }
        append(record)
    }

    mutating func tellOfGap(_ range: ClosedRange<UInt64>) -> RecordEnvelope? {
        var record = record()
        let digest = records.first { $0.sequence == range.upperBound }.map { PayloadDigest(of: $0.payload) }
        let gap = RecordGap(range, reason: "dropped", digest: digest)
        record.gap = PostureGap(gap)
        guard let payload: [UInt8] = try? record.jsonUTF8Bytes() else { return nil }
        return stream.replacement(for: gap, payload: payload, previous: nil)
    }

    func batch(_ range: Range<Int>? = nil) -> ReceivedBatch {
        Self.batch(node, stream.head.id, Array(records[range ?? 0..<records.count]))
    }

    static func batch(_ node: String, _ stream: StreamID, _ records: [RecordEnvelope]) -> ReceivedBatch {
        ReceivedBatch(node: node, stream: stream, records: records.compactMap { $0.line?.dropLast() })
    }

    /// The body of a request.
    func body(_ range: Range<Int>? = nil, _ encoding: ReceivedBatch.Encoding = .protobuf) throws -> [UInt8] {
        let records = records[range ?? 0..<records.count]
        switch encoding {
        case .protobuf:
            let message = PostureBatch.with {
                ($0.node, $0.stream) = (node, stream.head.id.description)
                $0.records = records.map { PostureEnvelope($0) }
            }
            return try message.serializedBytes()
        case .json:
            let lines = records.compactMap(\.line).map { String(decoding: $0.dropLast(), as: UTF8.self) }
            return Array(
                #"{"node":"\#(node)","stream":"\#(stream.head.id)","records":[\#(lines.joined(separator: ","))]}"#.utf8)
        }
    }
}
