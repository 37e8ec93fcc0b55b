// SPDX-License-Identifier: Apache-2.0

/// Some of the events that are kept.
struct EventPage: Sendable, Equatable {
    private(set) var events: [(entry: ReceivedEvents.Entry, line: [UInt8])] = []
    private(set) var bytes = 0
    /// What to ask for next: those after this one.
    var next: EventCursor
    /// Records between where it begins and `next`, of whatever node and body, that had to make room or cannot be read any more.
    var missed: UInt64 = 0

    static let byteLimit = 8 << 20

    /// An empty one.
    init(after cursor: EventCursor) { next = cursor }

    mutating func add(_ entry: ReceivedEvents.Entry, _ line: [UInt8]) {
        events.append((entry, line))
        bytes += line.count
    }

    /// Envelopes stand in it as they came.
    var json: [UInt8] {
        var json = Array(#"{"events":["#.utf8)
        for (index, event) in events.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            let (node, body) = (event.entry.node.quotedForJSON, event.entry.body.quotedForJSON)
            json += #"{"number":"\#(event.entry.number)","node":\#(node),"body":\#(body),"envelope":"#.utf8
            json += event.line
            json.append(UInt8(ascii: "}"))
        }
        json += #"],"next":"\#(next)","missed":"\#(missed)"}"#.utf8
        json.append(UInt8(ascii: "\n"))
        return json
    }

    static func == (one: Self, other: Self) -> Bool { one.json == other.json }
}
