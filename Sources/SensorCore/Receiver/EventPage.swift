// SPDX-License-Identifier: Apache-2.0

/// Some of the events that are kept.
struct EventPage: Sendable, Equatable {
    private(set) var events: [(entry: ReceivedEvents.Entry, line: [UInt8])] = []
    private(set) var bytes = 0
    /// What to ask for next: those after this number.
    var next: UInt64
    /// Records that had to make room since the receiver was started.
    let dropped: UInt64

    static let byteLimit = 8 << 20

    init(next: UInt64, dropped: UInt64) { (self.next, self.dropped) = (next, dropped) }

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
        json += #"],"next":"\#(next)","dropped":"\#(dropped)"}"#.utf8
        json.append(UInt8(ascii: "\n"))
        return json
    }

    static func == (one: Self, other: Self) -> Bool { one.json == other.json }
}
