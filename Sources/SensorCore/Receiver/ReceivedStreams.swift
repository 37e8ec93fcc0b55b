// SPDX-License-Identifier: Apache-2.0

/// The streams of all nodes. A stream belongs to the node that it came from first.
struct ReceivedStreams {
    private(set) var streams: [StreamID: ReceivedStream] = [:]
    private var countByNode: [String: Int] = [:]
    /// Where streams that are not known were begun, and not at their beginning.
    private var lateStarts: [StreamID: UInt64] = [:]
    private let limits: ReceiverLimits

    private static let lateStartLimit = 1024

    init(limits: ReceiverLimits) { self.limits = limits }

    mutating func restore(_ id: StreamID, _ stream: ReceivedStream) {
        if streams.updateValue(stream, forKey: id) == nil { countByNode[stream.node, default: 0] += 1 }
    }

    /// The stream as it stands, a new one where it is not known.
    ///
    /// - Parameter first: the sequence that the node begins with; nil: with none.
    /// - Returns: nil if the node is first to be asked for what comes before. It is asked once: of a stream that is not known
    ///   the earlier records may have been acknowledged by another receiver, or before this one lost what it had, and are
    ///   not to be had any more.
    mutating func stream(
        _ id: StreamID, of node: String, first: UInt64?, at now: UInt64
    ) throws(ReceiverRefusal) -> ReceivedStream? {
        if let known = streams[id] {
            guard known.node == node else { throw ReceiverRefusal(.foreign, "the stream is another node's") }
            return known
        }
        guard
            streams.count < limits.streams || countByNode[node, default: 0] >= limits.streamsOfNode
                || stale(at: now) != nil
        else {
            throw ReceiverRefusal(.noRoom, "there are \(limits.streams) streams already")
        }
        if let first, first > 1, lateStarts.removeValue(forKey: id) != first {
            if lateStarts.count >= Self.lateStartLimit { lateStarts = [:] }
            lateStarts[id] = first
            return nil
        }
        return ReceivedStream(node: node, history: limits.history, at: now)
    }

    /// The stream that was heard of longest ago, where that is so long that its node may be gone; nil: there is none.
    private func stale(at now: UInt64) -> StreamID? {
        let oldest = streams.min { $0.value.heardAt < $1.value.heardAt }
        return oldest.flatMap { $0.value.heardAt &+ Self.staleAfter <= now ? $0.key : nil }
    }

    /// Nanoseconds. A node that is back after that is asked for all that it has, and what it has not any more is a gap.
    private static let staleAfter: UInt64 = 7 * 86_400_000_000_000

    /// - Returns: streams that had to be forgotten for it.
    mutating func update(_ id: StreamID, _ stream: ReceivedStream) -> [StreamID] {
        if streams[id] != nil {
            streams[id] = stream
            return []
        }
        var forgotten: [StreamID] = []
        if countByNode[stream.node, default: 0] >= limits.streamsOfNode,
            let oldest = streams.filter({ $0.value.node == stream.node }).min(by: {
                $0.value.heardAt < $1.value.heardAt
            })
        {
            streams[oldest.key] = nil
            countByNode[stream.node, default: 1] -= 1
            forgotten.append(oldest.key)
        } else if streams.count >= limits.streams, let stale = stale(at: stream.heardAt) {
            countByNode[streams[stale]?.node ?? "", default: 1] -= 1
            streams[stale] = nil
            forgotten.append(stale)
        }
        restore(id, stream)
        return forgotten
    }

    mutating func noteRefusal(_ message: String, of id: StreamID, node: String) {
        guard streams[id]?.node == node else { return }
        streams[id]?.refused += 1
        streams[id]?.lastRefusal = message
    }
}
