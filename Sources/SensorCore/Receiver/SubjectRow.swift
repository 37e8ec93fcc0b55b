// SPDX-License-Identifier: Apache-2.0

internal import SwiftProtobuf

/// A subject in the list of all.
struct SubjectRow: Sendable {
    private let subject: SubjectKey
    private let nodes: [String]
    private let facts: Int
    private let leftOut: UInt64
    private let time: UInt64

    init(_ known: ReceivedSubject) {
        (subject, nodes, facts) = (known.subject, known.nodes, known.profile.facts.count)
        (leftOut, time) = (known.leftOut, known.time)
    }

    var json: String {
        let subject = (try? PostureSubject(subject).jsonString()) ?? "{}"
        let time = (try? Google_Protobuf_Timestamp(nanosecondsSince1970: time).jsonString()) ?? #""""#
        let nodes = nodes.map(\.quotedForJSON).joined(separator: ",")
        return
            #"{"subject":\#(subject),"nodes":[\#(nodes)],"facts":"\#(facts)","leftOut":"\#(leftOut)","time":\#(time)}"#
    }
}
