// SPDX-License-Identifier: Apache-2.0

extension APIEndpoint {
    /// Tells this cluster's server from another's, which may have the same address: the URL with a hash of the CA. May
    /// read a file.
    var mark: String {
        let bytes: [UInt8] =
            switch authority {
            case .bytes(let bytes): bytes
            case .file(let path): (try? SmallFile.read(path, limit: 4 << 20)) ?? []
            case nil: []
            }
        // FNV-1a: nobody gains by a CA that is taken for this one.
        let hash = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
        return "\(url) \(String(hash, radix: 16))"
    }
}
