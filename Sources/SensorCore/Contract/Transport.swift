// SPDX-License-Identifier: Apache-2.0

/// What carries an exchange.
package enum Transport: UInt8, Sendable, CaseIterable {
    case tcp
    case udp
    case unix
    case vsock
    case raw
    case packet
    case netlink
    case sctp
    case icmp
    case mptcp
    /// A family or protocol without a name here.
    case other

    package var name: String { nameText.description }

    var nameText: StaticString {
        switch self {
        case .tcp: "TCP"
        case .udp: "UDP"
        case .unix: "UNIX"
        case .vsock: "VSOCK"
        case .raw: "RAW"
        case .packet: "PACKET"
        case .netlink: "NETLINK"
        case .sctp: "SCTP"
        case .icmp: "ICMP"
        case .mptcp: "MPTCP"
        case .other: "OTHER"
        }
    }
}
