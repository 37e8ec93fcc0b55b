// SPDX-License-Identifier: Apache-2.0

/// What of a subject is on disk as it was, not as it is.
struct UnkeptPages {
    /// What is known of it beside its facts.
    var hasHeader = false
    /// Counts of it have grown, which can wait.
    var isHeaderStale = false
    private var changed = PageSet()

    var isEmpty: Bool { !hasHeader && changed.isEmpty }

    /// Ascending. Those beyond the last one that there are facts of are to be removed.
    var pages: [Int] { changed.numbers }

    mutating func insert(page: Int) { changed.insert(page) }

    mutating func remove(page: Int) { changed.remove(page) }
}
