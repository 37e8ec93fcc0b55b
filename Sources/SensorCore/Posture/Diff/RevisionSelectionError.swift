// SPDX-License-Identifier: Apache-2.0

/// Why names do not stand for two revisions.
package struct RevisionSelectionError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is. More may be added.
    package struct Code: Hashable, Sendable {
        private let name: String

        /// Nothing is known of a workload of that name.
        package static let unknownWorkload = Code(name: "unknown_workload")
        /// There are several of that name.
        package static let ambiguous = Code(name: "ambiguous")
        /// The names are of more than one workload.
        package static let severalWorkloads = Code(name: "several_workloads")
        /// It was not seen, or is none of the latest sixteen.
        package static let unknownRevision = Code(name: "unknown_revision")
        /// A workload is named, and of what of it is not.
        package static let missingRevision = Code(name: "missing_revision")
    }

    package var code: Code
    /// One line for a person.
    package var message: String

    init(_ code: Code, _ message: String) { (self.code, self.message) = (code, message) }

    package var description: String { message }
}
