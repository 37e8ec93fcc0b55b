// SPDX-License-Identifier: Apache-2.0

/// Paths and queries of the API.
enum APIPath {
    /// The query's values are encoded here.
    static func pods(node: String, query: [(String, String)]) -> String {
        let all = [("fieldSelector", "spec.nodeName=\(node)")] + query
        return "/api/v1/pods?" + all.map { "\($0.0)=\(encoded($0.1))" }.joined(separator: "&")
    }

    static func namespace(_ name: String) -> String { "/api/v1/namespaces/\(encoded(name))" }

    /// Everything that a group and version has.
    static func resources(of apiVersion: String) -> String {
        let parts = apiVersion.split(separator: "/").map { encoded(String($0)) }.joined(separator: "/")
        return apiVersion.contains("/") ? "/apis/\(parts)" : "/api/\(parts)"
    }

    /// - Parameter namespace: nil for what is the whole cluster's.
    static func object(_ reference: ObjectReference, resource: String, namespace: String?) -> String {
        let place = namespace.map { "/namespaces/\(encoded($0))" } ?? ""
        return "\(resources(of: reference.apiVersion))\(place)/\(encoded(resource))/\(encoded(reference.name))"
    }

    /// Percent-encoded but for what RFC 3986 leaves alone everywhere.
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            // Alone, or twice, it would be a step in the path.
            case UInt8(ascii: ".") where text != "." && text != "..": bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
