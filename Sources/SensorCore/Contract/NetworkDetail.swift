// SPDX-License-Identifier: Apache-2.0

/// One end-to-end exchange: a connection, or datagrams to one peer.
package struct NetworkDetail: Sendable, Equatable {
    /// Who opened it, seen from the process.
    package enum Direction: UInt8, Sendable, CaseIterable {
        case egress = 1
        case ingress = 2

        package var name: String { nameText.description }

        var nameText: StaticString {
            switch self {
            case .egress: "EGRESS"
            case .ingress: "INGRESS"
            }
        }
    }

    /// `nil` where it has no meaning, as for a listening socket's own address.
    package var direction: Direction?
    package var transport: Transport
    package var peer: Endpoint?
    /// What `peer` was rewritten to on the way (a Service address to a pod's).
    package var translated: Endpoint?
    package var local: Endpoint?
    /// Payload bytes, for TCP those that were acknowledged; `nil` if not known.
    package var bytesSent: UInt64?
    /// Payload bytes; `nil` if not known.
    package var bytesReceived: UInt64?
    /// Nanoseconds from connect or accept to close; `nil` if not closed.
    package var duration: UInt64?
    /// `false`: the socket still lives and the numbers will grow.
    package var isFinal: Bool?

    package init(
        direction: Direction?, transport: Transport, peer: Endpoint? = nil, translated: Endpoint? = nil,
        local: Endpoint? = nil, bytesSent: UInt64? = nil, bytesReceived: UInt64? = nil,
        duration: UInt64? = nil, isFinal: Bool? = nil
    ) {
        self.direction = direction
        self.transport = transport
        self.peer = peer
        self.translated = translated
        self.local = local
        self.bytesSent = bytesSent
        self.bytesReceived = bytesReceived
        self.duration = duration
        self.isFinal = isFinal
    }
}
