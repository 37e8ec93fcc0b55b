// SPDX-License-Identifier: Apache-2.0

/// One end of an exchange. Which of its parts are there depends on the transport.
package struct Endpoint: Sendable, Equatable {
    package var address: IPAddress?
    package var port: UInt16?
    /// Names that the process was told the address by, latest first.
    package var names: [String]
    /// A Unix socket's path; an abstract name is written with `@` for its leading NUL, as `ss` does.
    package var path: ByteString?
    /// A virtual machine socket's context id.
    package var contextID: UInt32?

    package init(
        address: IPAddress? = nil, port: UInt16? = nil, names: [String] = [], path: ByteString? = nil,
        contextID: UInt32? = nil
    ) {
        self.address = address
        self.port = port
        self.names = names
        self.path = path
        self.contextID = contextID
    }
}
