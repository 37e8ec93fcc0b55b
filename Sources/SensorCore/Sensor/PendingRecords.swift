// SPDX-License-Identifier: Apache-2.0

/// Records that nobody can make anew, until the journal has time for them. For one thread.
struct PendingRecords {
    private var contents: [RecordContent] = []
    private var size = 0

    /// Bytes that wait, at most.
    private static let limit = 16 << 20

    /// - Returns: false: there is no room.
    mutating func append(_ content: RecordContent) -> Bool {
        guard size + content.size <= Self.limit else { return false }
        contents.append(content)
        size += content.size
        return true
    }

    mutating func take() -> [RecordContent] {
        defer { (contents, size) = ([], 0) }
        return contents
    }
}
