// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// Containers of one workload, merged over all nodes: some of their facts, and what follows from all of them.
///
/// Facts are numbered over all of these subjects, in order. None is ever taken away: what comes between two pages can make a
/// fact stand on both, and leaves none out.
struct SubjectPage: Sendable {
    private let subjects: [ReceivedSubject]
    private let offset: Int
    private let limit: Int

    /// - Parameter subjects: in order.
    init(_ subjects: [ReceivedSubject], after offset: Int, limit: Int) {
        (self.subjects, self.offset, self.limit) = (subjects, offset, limit)
    }

    func json() throws -> [UInt8] {
        var parts: [String] = []
        var (start, left) = (0, limit)
        for subject in subjects {
            let count = subject.profile.facts.count
            defer { start += count }
            let first = max(0, offset - start)
            // A subject without facts is there all the same.
            guard first < count || first == 0 && count == 0 && start >= offset, left > 0 else { continue }
            let last = min(count, first + left)
            left -= last - first
            parts.append(try Self.json(subject, first..<last))
        }
        var json = #"{"subjects":[\#(parts.joined(separator: ","))]"#
        if offset + limit < start { json += #","next":"\#(offset + limit)""# }
        return Array((json + "}\n").utf8)
    }

    private static func json(_ subject: ReceivedSubject, _ range: Range<Int>) throws -> String {
        var nodes = "["
        nodes += subject.nodes.map(\.quotedForJSON).joined(separator: ",")
        nodes += "]"
        let record = try Self.record(subject, range).jsonString()
        return #"{"nodes":\#(nodes),"leftOut":"\#(subject.leftOut)","record":\#(record)}"#
    }

    /// What follows from all facts stands with the first ones.
    private static func record(_ subject: ReceivedSubject, _ range: Range<Int>) -> PostureRecord {
        let profile = subject.profile
        return PostureRecord.with {
            $0.schema = PostureRecord.currentSchema
            $0.time = Google_Protobuf_Timestamp(nanosecondsSince1970: subject.time)
            $0.subject = PostureSubject(subject.subject)
            if range.lowerBound == 0 {
                $0.coverage = subject.writers.sorted { $0.key < $1.key }.flatMap(\.value.coverage)
                // Of several writers there is no exercise that could be merged again.
                $0.profile = profile.header(of: profile.exercise.count == 1 ? profile.exercise.keys.first ?? "" : "")
                let assessment = ProfileAssessment(profile, at: subject.time)
                $0.profile.assessment = PostureAssessment(assessment, scope: "subject")
            }
            let tools = FactTools(
                profile.facts.lazy.filter { $0.key.key.kind == .effect }.map { $0.value.message($0.key) })
            $0.profile.facts = profile.facts.sorted { $0.key < $1.key }[range].map {
                tools.adding(to: $0.value.message($0.key))
            }
        }
    }
}
