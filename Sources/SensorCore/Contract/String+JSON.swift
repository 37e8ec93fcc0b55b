// SPDX-License-Identifier: Apache-2.0

extension String {
    /// As a JSON string with its quotes. What a terminal obeys is escaped, too.
    package var quotedForJSON: String {
        var json = JSONText()
        json.append(string: self)
        return String(decoding: json.bytes.array, as: UTF8.self)
    }

    /// RFC 3339 in UTC, to the millisecond.
    ///
    /// - Parameter time: ns since 1970.
    package init(timestamp time: UInt64) {
        var json = JSONText()
        json.append(time: time)
        // Of nine digits three.
        self = String(decoding: json.bytes.array.dropLast(7), as: UTF8.self) + "Z"
    }
}
