// SPDX-License-Identifier: Apache-2.0

extension [PostureFact] {
    /// In records of as many as one takes, in their order; of none, an empty one.
    func batches() -> [ArraySlice<PostureFact>] {
        var batches: [ArraySlice<PostureFact>] = []
        var (start, bytes) = (0, 0)
        for (index, fact) in enumerated() {
            let more = fact.textBytes
            if index > start, index - start >= Self.batchCount || bytes + more > Self.batchBytes {
                batches.append(self[start..<index])
                (start, bytes) = (index, 0)
            }
            bytes += more
        }
        return batches + [self[start...]]
    }

    private static var batchCount: Int { 200 }
    /// Of texts, of which JSON makes six times as much where all are control characters: far from what the log takes as one record.
    private static var batchBytes: Int { 384 << 10 }
}

extension PostureFact {
    /// Of the texts that somebody else chooses.
    fileprivate var textBytes: Int {
        let texts = [
            key.peer, key.path, key.arguments, key.parent, key.name, key.what, key.type, key.change, key.from, key.to,
            agent,
        ]
        let lists = [key.tools, replicas, processes, exemplars]
        return key.raw.count + texts.reduce(0) { $0 + $1.utf8.count }
            + lists.reduce(0) { $0 + $1.reduce(0) { $0 + $1.utf8.count } }
    }
}
