// SPDX-License-Identifier: Apache-2.0

/// Certificates or a key, as PEM or by a file's path.
package enum KeyMaterial: Sendable, Equatable {
    case file(String)
    case bytes([UInt8])
}

/// What a client proves with who it is.
package struct ClientCertificate: Sendable, Equatable {
    var chain: KeyMaterial
    var key: KeyMaterial

    package init(chain: KeyMaterial, key: KeyMaterial) {
        self.chain = chain
        self.key = key
    }
}
