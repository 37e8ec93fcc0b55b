// SPDX-License-Identifier: Apache-2.0

/// What a model was shown before it asked for tool calls, as its agent says: where it came from, never what it was.
package struct ContextDetail: Sendable, Equatable, Codable {
    package struct Source: Sendable, Equatable, Codable {
        /// `user`, `retrieval`, `tool`, `memory` or `system`.
        package var kind: String
        package var uri: String
        /// That the agent sent, keyed again.
        package var digest: KeyedDigest?

        package init(kind: String, uri: String = "", digest: KeyedDigest? = nil) {
            self.kind = kind
            self.uri = uri
            self.digest = digest
        }
    }

    /// The agent's own, unique within the session.
    package var id: String
    package var session: String
    package var turn: UInt32?
    package var sources: [Source]
    /// Sources beyond those.
    package var sourcesLeftOut: UInt32

    package init(
        id: String, session: String, turn: UInt32? = nil, sources: [Source] = [], sourcesLeftOut: UInt32 = 0
    ) {
        self.id = id
        self.session = session
        self.turn = turn
        self.sources = sources
        self.sourcesLeftOut = sourcesLeftOut
    }
}
