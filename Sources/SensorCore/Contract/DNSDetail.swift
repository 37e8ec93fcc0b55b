// SPDX-License-Identifier: Apache-2.0

/// A DNS answer that a process received.
package struct DNSDetail: Sendable, Equatable {
    /// The name that was asked for, lower case, without the final dot.
    package var name: String
    /// The record type that was asked for: `A`, `AAAA`, `CNAME`, `HTTPS`, …
    package var type: String
    package var addresses: [IPAddress]
    /// Seconds that the answer may be kept: the smallest of its records; `nil` if it has none.
    package var ttl: UInt32?
    /// Who was told: `process`, or `resolver` for a daemon that asks on behalf of the whole node; empty if that is not
    /// known.
    package var source: String

    package init(name: String, type: String, addresses: [IPAddress] = [], ttl: UInt32? = nil, source: String) {
        self.name = name
        self.type = type
        self.addresses = addresses
        self.ttl = ttl
        self.source = source
    }
}
