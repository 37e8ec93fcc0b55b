// SPDX-License-Identifier: Apache-2.0

/// Which tools a subject's sessions have called one after the other.
struct ToolSequences {
    /// The latest tools of each session, the session that called one last at the end.
    private var sessions: [(name: String, tools: [String])] = []
    private let limit: Int

    /// - Parameter limit: sessions whose latest tools are known.
    init(limit: Int) { self.limit = limit }

    /// A session called a tool.
    ///
    /// - Returns: the sequences of two and of three that it makes with the ones before.
    mutating func follow(_ tool: String, in session: String) -> [FactKey] {
        var tools = [tool]
        if let index = sessions.firstIndex(where: { $0.name == session }) {
            tools = sessions.remove(at: index).tools.suffix(2) + tools
        } else if sessions.count >= limit {
            sessions.removeFirst()
        }
        sessions.append((session, tools))
        return (2...3).filter { $0 <= tools.count }.map { length in
            FactKey(.sequence, tools.suffix(length).map { ByteString($0) })
        }
    }
}
