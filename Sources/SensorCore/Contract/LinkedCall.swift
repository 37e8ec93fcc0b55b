// SPDX-License-Identifier: Apache-2.0

/// The call that another one was made within, found by the trace that both claim to be part of: a client's word, and nothing
/// more.
package struct LinkedCall: Sendable, Equatable, Codable {
    package var id: String
    package var name: String
    package var session: String
    package var isOfOtherWorkload: Bool

    package init(id: String, name: String, session: String, isOfOtherWorkload: Bool = false) {
        self.id = id
        self.name = name
        self.session = session
        self.isOfOtherWorkload = isOfOtherWorkload
    }
}
