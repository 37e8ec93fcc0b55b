// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import SwiftProtobuf

/// What one node knows of one subject, as it is kept.
package struct PostureShare: Sendable {
    package let profile: SharedProfile
    package let coverage: [PostureCoverage]
    /// Whose share it is.
    package let node: String
    /// Wall clock, nanoseconds since 1970.
    package let time: UInt64
    private let record: PostureRecord

    init(_ kept: KeptShare) {
        record = kept.record
        var profile = SharedProfile(kept.subject)
        profile.merge(record.profile)
        self.profile = profile
        coverage = record.coverage
        node = record.node
        time = kept.keptAt
    }

    /// The record as JSON on one line, with what follows from it.
    package func json() throws -> String {
        var record = record
        record.profile.assessment = PostureAssessment(ProfileAssessment(profile, at: time), scope: "node")
        return try record.jsonString()
    }

    /// What a daemon keeps in a directory, running or not, in the order of the subjects.
    package static func read(from directory: String) throws(StateLogError) -> [PostureShare] {
        KeptShare.gather(try StateLog.values(in: directory)).shares.map(PostureShare.init)
    }
}

extension PostureRecord {
    static let currentSchema = "posture.v1"
}
