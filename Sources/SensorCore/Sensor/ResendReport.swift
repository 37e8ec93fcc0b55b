// SPDX-License-Identifier: Apache-2.0

/// What became of batches that were to be sent again.
package struct ResendReport: Sendable, Equatable, Codable {
    /// Batches that have a new place in the stream.
    package var batches = 0
    /// Records of them.
    package var records = 0
    /// Records that have one already, since another file had them too, and those that only stand for others.
    package var skipped = 0
    /// Batches that stay where they are, and why.
    package var kept: [Kept] = []

    package struct Kept: Sendable, Equatable, Codable {
        package var name: String
        package var reason: String
    }

    package init() {}
}
