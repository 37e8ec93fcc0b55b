// SPDX-License-Identifier: Apache-2.0

/// Pages of a subject's facts that may have something to tell, so that the others, which are nearly all, are not looked at.
struct UntoldPages {
    private var changed = PageSet()
    /// With facts that have changed by too little to be told before their time.
    private var waiting = PageSet()
    /// When the first of those is due; wall clock, nanoseconds since 1970.
    private var dueAt = UInt64.max

    /// A fact on the page has changed.
    mutating func insert(_ page: Int) { changed.insert(page) }

    /// Whether there are any to look at.
    func hasPages(at time: UInt64) -> Bool { time >= dueAt || !changed.isEmpty }

    /// Those to look at, ascending. Each stays until it has been looked at.
    mutating func pages(at time: UInt64) -> [Int] {
        if time >= dueAt {
            changed.take(&waiting)
            dueAt = .max
        }
        return changed.numbers
    }

    /// A page has been looked at.
    ///
    /// - Parameter dueAt: when the first of its facts that wait is due; nil: none waits.
    mutating func settle(_ page: Int, dueAt: UInt64?) {
        changed.remove(page)
        guard let dueAt else { return }
        waiting.insert(page)
        self.dueAt = min(self.dueAt, dueAt)
    }

    /// The clock was ahead: what waits would wait until it is there again.
    mutating func turnBack() { dueAt = 0 }
}
