// SPDX-License-Identifier: Apache-2.0

/// Writes events as JSON lines: what `posture.proto` makes of them, without the detour through its messages.
///
/// Made for the thread that drains the ring: no allocation unless a line is long, and what many events share
/// (process, workload) is copied as it was rendered once. Fields are written in the order of the schema.
package struct EventEncoder: Sendable {
    /// `,"id":"<stream>-`: what stands before the sequence.
    private let identifier: [UInt8]

    /// `stream` is the first half of every event's id.
    package init(stream: String) {
        var json = JSONText()
        json.append(string: stream)
        identifier = Array(",\"id\":".utf8) + json.bytes.array.dropLast() + Array("-".utf8)
    }

    /// Appends one line, newline included. Clear and reuse the buffer: it keeps its memory.
    package func encode(_ event: borrowing Event, into buffer: inout [UInt8]) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4096) { space in
            var json = JSONText(bytes: TextBuffer(borrowing: space))
            json.append(event, identifier: identifier)
            buffer.append(contentsOf: json.bytes.contents)
        }
    }
}

extension JSONText {
    fileprivate mutating func append(_ event: borrowing Event, identifier: [UInt8]) {
        append("{\"time\":\"")
        append(time: event.time)
        append("\"")
        if event.sequence != 0 {
            append(fragment: identifier)
            append(decimal: event.sequence)
            append("\"")
        }
        append(",\"kind\":\"")
        append(event.kind.nameText)
        append("\"")
        if event.count != 0 {
            append(",\"count\":")
            append(quoted: event.count)
        }
        if event.isFirstSeen { append(",\"firstSeen\":true") }
        if let process = event.process {
            append(",")
            append(process, threadID: event.threadID)
        }
        append(",")
        append(fragment: event.workload.fragment)
        append(event.detail)
        if let toolCall = event.toolCall { append(fragment: toolCall.fragment) }
        append(",\"via\":\"")
        append(event.via.nameText)
        append("\"")
        if event.errorNumber != 0 {
            append(",\"error\":\"")
            append(errorName: event.errorNumber)
            append("\"")
        }
        if event.bootTime != 0 {
            append(",\"bootTime\":")
            append(quoted: event.bootTime)
        }
        append("}\n")
    }

    @inline(__always)
    fileprivate mutating func append(_ process: ProcessDescription, threadID: UInt32) {
        if threadID == 0 {
            append(fragment: process.fragment)
            return
        }
        process.fragment.withUnsafeBufferPointer { fragment in
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: fragment[..<process.threadPlace]))
            append(",\"threadId\":")
            append(decimal: UInt64(threadID))
            bytes.append(contentsOf: UnsafeBufferPointer(rebasing: fragment[process.threadPlace...]))
        }
    }
}
