// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// One thing the sensor needs or can make use of, and how this machine stands to it.
package struct Capability: Sendable, Equatable, Encodable {
    package enum State: String, Sendable, Encodable {
        /// It is there and was seen to work.
        case ok
        /// The sensor works without it, with a loss that `text` names.
        case degraded
        /// The sensor does not work without it; `text` says what to do.
        case missing
    }

    package var name: String
    package var state: State
    /// For a person: what it gives, what is lost, or what to do.
    package var text: String

    package init(_ name: String, _ state: State, _ text: String) {
        self.name = name
        self.state = state
        self.text = text
    }
}

/// What this kernel and these permissions give, found out by trying.
package struct CapabilityReport: Sendable {
    package var capabilities: [Capability]
    /// The capability of `capabilities(7)` that is missing, if that is why the sensor cannot work.
    package var missingPermission: String?

    /// Whether the sensor can work here.
    package var isAble: Bool { !capabilities.contains { $0.state == .missing } }

    /// One line: whether it can work here, and the capabilities in their order.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let document = Document(able: isAble, capabilities: capabilities, missingPermission: missingPermission)
        return String(decoding: try encoder.encode(document), as: UTF8.self) + "\n"
    }

    private struct Document: Encodable {
        var able: Bool
        var capabilities: [Capability]
        var missingPermission: String?
    }
}
