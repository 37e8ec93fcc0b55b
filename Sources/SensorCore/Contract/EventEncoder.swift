// SPDX-License-Identifier: Apache-2.0

/// Writes events as JSON lines: what `posture.proto` makes of them, without the detour through its messages.
///
/// Made for the thread that drains the ring: no allocation once the buffer has grown, and what many events share
/// (process, workload) is copied as it was rendered once. Fields are written in the order of the schema.
package struct EventEncoder: Sendable {
    /// `","id":"<stream>-`: what stands between the time and the sequence.
    private let identifier: [UInt8]

    /// `stream` is the first half of every event's id.
    package init(stream: String) {
        var json = JSONText()
        json.append(string: stream)
        identifier = Array("\",\"id\":".utf8) + json.bytes.dropLast() + Array("-".utf8)
    }

    /// Appends one line, newline included. Clear and reuse the buffer: it keeps its memory.
    package func encode(_ event: borrowing Event, into buffer: inout [UInt8]) {
        var json = JSONText()
        swap(&json.bytes, &buffer)
        json.append("{\"time\":\"")
        json.append(time: event.time)
        json.append(fragment: identifier)
        json.append(decimal: event.sequence)
        json.append("\",\"kind\":\"")
        json.append(event.kind.nameText)
        json.append("\"")
        if event.count != 0 {
            json.append(",\"count\":")
            json.append(quoted: event.count)
        }
        if event.isFirstSeen { json.append(",\"firstSeen\":true") }
        if let process = event.process {
            json.append(",")
            json.append(process, threadID: event.threadID)
        }
        json.append(",")
        json.append(fragment: event.workload.fragment)
        json.append(event.detail)
        json.append(",\"via\":\"")
        json.append(event.via.nameText)
        json.append("\"")
        if event.errorNumber != 0 {
            json.append(",\"error\":\"")
            json.append(errorName: event.errorNumber)
            json.append("\"")
        }
        if event.bootTime != 0 {
            json.append(",\"bootTime\":")
            json.append(quoted: event.bootTime)
        }
        json.append("}\n")
        swap(&json.bytes, &buffer)
    }
}

extension JSONText {
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
