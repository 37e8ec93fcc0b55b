// SPDX-License-Identifier: Apache-2.0

/// Which tools a subject's sessions have called one after the other.
struct ToolSequences {
    /// A session's name is its container's own: replicas may all have one of the same name.
    private struct Session {
        var container: String
        var name: String
        /// The latest.
        var tools: [String]
        /// Wall clock, nanoseconds since 1970.
        var calledAt: UInt64
    }

    /// The session that called a tool last at the end.
    private var sessions: [Session] = []
    private let limit: Int
    /// Sessions that were forgotten while they may have gone on: what they call next follows nothing.
    private(set) var cutOff: UInt64 = 0

    /// One that called nothing for so long is held to be over when others need its room: its client may have died.
    private static let idleTime: UInt64 = 3_600_000_000_000

    /// - Parameter limit: sessions whose latest tools are known.
    init(limit: Int) { self.limit = limit }

    /// A session called a tool.
    ///
    /// - Parameters:
    ///   - session: empty: of none, so that nothing is known to have come before.
    ///   - time: wall clock, nanoseconds since 1970.
    /// - Returns: the sequences of two and of three that it makes with the ones before.
    mutating func follow(_ tool: String, in session: String, of container: String, at time: UInt64) -> [FactKey] {
        if session.isEmpty { return [] }
        var tools = [tool]
        if let index = index(session, container) {
            // However long ago: somebody may have taken his time to answer.
            tools = sessions.remove(at: index).tools.suffix(2) + tools
        } else if sessions.count >= limit {
            if time < Saturating.sum(sessions.removeFirst().calledAt, Self.idleTime) { cutOff += 1 }
        }
        sessions.append(Session(container: container, name: session, tools: tools, calledAt: time))
        return (2...3).filter { $0 <= tools.count }.map { length in
            FactKey(.sequence, tools.suffix(length).map { ByteString($0) })
        }
    }

    /// Another one may come to have its name.
    mutating func end(_ session: String, of container: String) {
        if let index = index(session, container) { sessions.remove(at: index) }
    }

    private func index(_ session: String, _ container: String) -> Int? {
        sessions.firstIndex { $0.name == session && $0.container == container }
    }
}
