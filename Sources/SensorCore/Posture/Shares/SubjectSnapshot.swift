// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// What was known of one subject at one time, by one node or by several.
package struct SubjectSnapshot: Sendable {
    package private(set) var profile: SharedProfile
    package private(set) var coverage: [PostureCoverage]
    /// In order.
    package private(set) var nodes: [String]
    /// Wall clock, nanoseconds since 1970.
    package private(set) var time: UInt64

    package init(_ share: PostureShare) {
        profile = share.profile
        coverage = share.coverage
        nodes = share.node.isEmpty ? [] : [share.node]
        time = share.time
    }

    /// nil: it is no profile.
    init?(_ record: PostureRecord) {
        guard record.hasSubject, case .profile(let share)? = record.body else { return nil }
        profile = SharedProfile(SubjectKey(record.subject))
        profile.merge(share)
        coverage = record.coverage
        nodes = record.node.isEmpty ? [] : [record.node]
        time = record.time.nanosecondsSince1970
    }

    /// Takes in what another node, or the same one later, knew of the same subject.
    package mutating func merge(with other: SubjectSnapshot) {
        profile.merge(with: other.profile)
        coverage += other.coverage
        nodes = Set(nodes + other.nodes).sorted()
        time = max(time, other.time)
    }
}
