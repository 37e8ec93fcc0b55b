// SPDX-License-Identifier: Apache-2.0

/// What a value can be told again by, without the value.
package struct KeyedDigest: Sendable, Hashable, Codable {
    package static let algorithm = "hmac-sha256"

    /// Which key it was made with: what different keys make cannot be compared.
    package var keyID: String
    /// In hexadecimal.
    package var value: String

    package init(keyID: String, value: String) {
        self.keyID = keyID
        self.value = value
    }
}
