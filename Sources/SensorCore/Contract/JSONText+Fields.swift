// SPDX-License-Identifier: Apache-2.0

extension JSONText {
    /// 64-bit integers are strings in the JSON of protocol buffers.
    mutating func append(quoted value: UInt64) {
        append("\"")
        append(decimal: value)
        append("\"")
    }

    mutating func append(_ device: DeviceNumber) {
        append("\"")
        append(decimal: UInt64(device.major))
        append(":")
        append(decimal: UInt64(device.minor))
        append("\"")
    }

    mutating func append(strings: [String]) {
        append("[")
        for (index, string) in strings.enumerated() {
            if index > 0 { append(",") }
            append(string: string)
        }
        append("]")
    }

    /// A name from the kernel under `name`; if that had to be repaired, its true bytes under `bytesName` too.
    /// What is missing or empty is left out. Both names come with comma, quotes and colon.
    mutating func append(field name: StaticString, orBytes bytesName: StaticString, _ value: ByteString?) {
        guard let value, !value.isEmpty else { return }
        append(name)
        if append(string: value) {
            append(bytesName)
            append(base64: value.bytes)
        }
    }

    /// Text under a name that comes with comma, quotes and colon; left out if empty.
    mutating func append(text name: StaticString, _ value: String) {
        if value.isEmpty { return }
        append(name)
        append(string: value)
    }

    /// Ends an object whose members were each written with a comma before them, the first one's place being `start`:
    /// that comma becomes the opening bracket.
    @inline(__always)
    mutating func closeObject(startedAt start: Int) {
        if bytes.count == start {
            append("{}")
        } else {
            bytes[start] = UInt8(ascii: "{")
            append("}")
        }
    }

    /// The name of an errno, which is never 0, without quotes.
    mutating func append(errorName number: Int32) {
        if let name = ErrorName.known(number) {
            append(name)
        } else {
            append("E")
            append(decimal: Int64(number))
        }
    }
}
