// SPDX-License-Identifier: Apache-2.0

/// The paths that a folded fact stands for: how many, and a few of them.
struct FoldedPaths {
    private(set) var distinct = DistinctCount()
    private(set) var exemplars = Exemplars<ByteString>(limit: PathFolding.exemplarLimit)

    init() {}

    /// As they were kept.
    init(_ message: PostureFact) {
        distinct.before = message.distinct
        for path in message.exemplars { exemplars.offer(ByteString(path), key: Array(path.utf8)) }
    }

    mutating func note(_ path: ByteString) {
        distinct.note(path.bytes)
        exemplars.offer(path, key: path.bytes)
    }
}
