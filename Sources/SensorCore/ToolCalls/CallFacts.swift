// SPDX-License-Identifier: Apache-2.0

/// What an agent was told that a server's tools are, as the agent says.
package struct ToolCatalog: Sendable, Equatable, Codable {
    package struct Tool: Sendable, Equatable, Codable {
        package var name: String
        /// Names of the properties that its input may have.
        package var parameters: [String]

        package init(name: String, parameters: [String] = []) {
            self.name = name
            self.parameters = parameters
        }
    }

    package var server: String
    package var version: String
    package var transport: String
    package var tools: [Tool]

    package init(server: String, version: String = "", transport: String = "", tools: [Tool] = []) {
        self.server = server
        self.version = version
        self.transport = transport
        self.tools = tools
    }
}

/// The model that an agent asked for, and the one that answered, as the agent says.
package struct ModelUse: Sendable, Equatable, Codable {
    package var provider: String
    package var requested: String
    package var responding: String

    package init(provider: String, requested: String, responding: String = "") {
        self.provider = provider
        self.requested = requested
        self.responding = responding
    }
}

/// A change of mode, account, credential or connection in an agent's harness, as the agent says.
package struct SessionTransition: Sendable, Equatable, Codable {
    package enum Kind: String, Sendable, Codable {
        case mode
        case account
        /// Of a credential.
        case refresh
        case reconnect
        case recovery
    }

    package var session: String
    package var kind: Kind
    package var from: String
    package var to: String
    package var initiator: ToolCallDetail.Initiator?
    package var authority: ToolCallClaims.Authority?
    package var epoch: UInt64?

    package init(
        session: String, kind: Kind, from: String = "", to: String = "",
        initiator: ToolCallDetail.Initiator? = nil, authority: ToolCallClaims.Authority? = nil, epoch: UInt64? = nil
    ) {
        self.session = session
        self.kind = kind
        self.from = from
        self.to = to
        self.initiator = initiator
        self.authority = authority
        self.epoch = epoch
    }
}
