// SPDX-License-Identifier: Apache-2.0

/// What the configuration file says: one flat JSON object of strings, numbers and booleans.
package struct ConfigurationFile: Sendable, Equatable {
    /// One `"key": value` of the file.
    package struct Entry: Sendable, Equatable {
        package var key: String
        /// As a flag would be given: strings without quotes, numbers and booleans as they are written.
        package var value: String
        package var line: Int
    }

    /// Something that is not as it must be, and where.
    package struct Fault: Error, Sendable, Equatable {
        package var line: Int
        package var key: String?
        package var reason: String
    }

    package let entries: [Entry]

    /// - Parameter text: the file's content. At most one megabyte is looked at.
    package init(_ text: [UInt8]) throws(Fault) {
        guard text.count <= 1 << 20 else { throw Fault(line: 1, key: nil, reason: "longer than a megabyte") }
        var scanner = ConfigurationScanner(text)
        entries = try scanner.document()
    }
}

extension ConfigurationScanner {
    fileprivate mutating func document() throws(Fault) -> [ConfigurationFile.Entry] {
        var entries: [ConfigurationFile.Entry] = []
        try expect(UInt8(ascii: "{"), "an object is expected: { \"tick\": 10 }")
        if take(UInt8(ascii: "}")) {
            try atEnd("brace")
            return entries
        }
        while true {
            key = nil
            skipSpace()
            let start = line
            guard peek == UInt8(ascii: "\"") else { throw fault("a key in double quotes is expected") }
            let name = try string()
            key = name
            if let earlier = entries.first(where: { $0.key == name }) {
                throw fault("given before, on line \(earlier.line)")
            }
            try expect(UInt8(ascii: ":"), "a colon is expected after the key")
            entries.append(.init(key: name, value: try scalar(), line: start))
            if take(UInt8(ascii: ",")) { continue }
            try expect(UInt8(ascii: "}"), "a comma or the closing brace is expected")
            try atEnd("brace")
            return entries
        }
    }
}
