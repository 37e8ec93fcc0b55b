// SPDX-License-Identifier: Apache-2.0

/// What of a subject is on disk as it was, not as it is.
struct UnkeptPages {
    /// What is known of it beside its facts.
    var hasHeader = false
    /// Counts of it have grown, which can wait.
    var isHeaderStale = false
    private var words: [UInt64] = []

    var isEmpty: Bool { !hasHeader && words.allSatisfy { $0 == 0 } }

    mutating func insert(page: Int) {
        while words.count <= page / 64 { words.append(0) }
        words[page / 64] |= 1 << UInt64(page % 64)
    }

    mutating func remove(page: Int) {
        if page / 64 < words.count { words[page / 64] &= ~(1 << UInt64(page % 64)) }
    }

    /// Ascending. Those beyond the last one that there are facts of are to be removed.
    var pages: [Int] {
        var pages: [Int] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                pages.append(64 * index + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return pages
    }
}
