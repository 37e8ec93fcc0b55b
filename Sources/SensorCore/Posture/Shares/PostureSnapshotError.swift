// SPDX-License-Identifier: Apache-2.0

/// Why a file is no snapshot of posture.
package struct PostureSnapshotError: Error, Sendable, Equatable, CustomStringConvertible {
    package struct Code: Sendable, Equatable {
        private let name: String

        /// The file cannot be read.
        package static let unreadable = Code(name: "unreadable")
        /// A line is not the JSON of a record.
        package static let damaged = Code(name: "damaged")
        /// The last line ends in the middle.
        package static let cutShort = Code(name: "cut_short")
        /// A line is a record of something else.
        package static let noProfile = Code(name: "no_profile")
        /// A line is of a schema that this version does not know.
        package static let unknownSchema = Code(name: "unknown_schema")
        /// There is nothing in it.
        package static let empty = Code(name: "empty")
    }

    package var code: Code
    package var file: String
    /// From 1 on; nil: it is about the whole file.
    package var line: Int?
    package var reason: String

    package var description: String {
        let place = line.map { "\(file), line \($0)" } ?? file
        return "\(place): \(reason)"
    }
}
