// SPDX-License-Identifier: Apache-2.0

/// The tool call that an event was done for, as far as that could be told: what `posture.proto` calls a `ToolCall`.
///
/// Shared by all events of a call, and immutable.
package final class ToolCallReference: Sendable, Equatable {
    /// How an event was joined to a call, strongest first.
    package enum Method: String, Sendable, CaseIterable {
        /// The thread announced the call and was answered before it acted, or the effect comes from a process that was
        /// forked while exactly that call was open.
        case exact
        /// It was the one call open in the process, or in the one that has made the worker.
        case process
        /// Several were open; path, host or command stands in the arguments of exactly this one, and all of the others' are known.
        case argument
        /// Several were open, or whoever did it acts for none: which of them it was is not known. One alone: it may have ended
        /// before that.
        case candidates
        /// By time alone.
        case window
    }

    /// Empty where it is one of `candidates`.
    package let id: String
    /// Of the tool. With `candidates`, what all of them have in common: so too session, initiator and claims.
    package let name: String
    package let session: String
    package let method: Method
    /// Ids of all calls that it could have been, in the order in which they began, as far as an event lists them.
    package let candidates: [String]
    /// Calls beyond those.
    package let candidatesLeftOut: UInt32
    package let initiator: ToolCallDetail.Initiator?
    /// Without what only describes the call.
    package let claims: ToolCallClaims
    /// The numbers of the call, or of all candidates, while the sensor runs; none of what was read.
    let numbers: [UInt64]
    /// Whoever did it acts for no call: it may have been done for none of the candidates as well.
    let mayBeNone: Bool
    /// The JSON member `,"toolCall":{…}`, ready to be written.
    let fragment: [UInt8]

    package convenience init(
        id: String, name: String, session: String, method: Method, candidates: [String],
        candidatesLeftOut: UInt32 = 0, initiator: ToolCallDetail.Initiator? = nil,
        claims: ToolCallClaims = ToolCallClaims()
    ) {
        self.init(
            id: id, name: name, session: session, method: method, candidates: candidates,
            candidatesLeftOut: candidatesLeftOut, initiator: initiator, claims: claims, numbers: [])
    }

    /// Candidates that an event lists.
    static let candidateLimit = 64

    init(
        id: String, name: String, session: String, method: Method, candidates all: [String],
        candidatesLeftOut: UInt32 = 0, initiator: ToolCallDetail.Initiator?, claims: ToolCallClaims,
        mayBeNone: Bool = false, numbers: [UInt64]
    ) {
        let candidates = Array(all.prefix(Self.candidateLimit))
        let candidatesLeftOut = UInt32(clamping: Int(candidatesLeftOut) + all.count - candidates.count)
        self.id = id
        self.name = name
        self.session = session
        self.method = method
        self.candidates = candidates
        self.candidatesLeftOut = candidatesLeftOut
        self.initiator = initiator
        self.claims = claims
        self.mayBeNone = mayBeNone
        self.numbers = numbers
        var json = JSONText()
        json.append(",\"toolCall\":")
        let start = json.bytes.count
        json.append(text: ",\"id\":", id)
        json.append(text: ",\"name\":", name)
        json.append(text: ",\"session\":", session)
        json.append(text: ",\"method\":", method.rawValue)
        if !candidates.isEmpty {
            json.append(",\"candidates\":")
            json.append(strings: candidates)
        }
        json.append(candidatesLeftOut: candidatesLeftOut)
        if let initiator { json.append(initiator, claims.assurance) }
        json.append(claims)
        json.closeObject(startedAt: start)
        fragment = json.bytes.array
    }

    /// Bytes of it, about: its JSON, and what that was made of.
    var bytes: Int { 256 + 2 * fragment.count + 8 * numbers.count }

    package static func == (left: ToolCallReference, right: ToolCallReference) -> Bool {
        left.fragment == right.fragment
    }
}
