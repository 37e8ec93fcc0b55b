// SPDX-License-Identifier: Apache-2.0

/// Why a server cannot be spoken to, as a phrase. Never holds a secret.
package struct EndpointError: Error, Equatable, CustomStringConvertible {
    package var description: String
    /// Of the file that says it, where it is on one.
    package var line: Int?

    init(_ description: String, line: Int? = nil) {
        self.description = description
        self.line = line
    }
}
