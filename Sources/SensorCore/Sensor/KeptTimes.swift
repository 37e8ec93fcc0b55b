// SPDX-License-Identifier: Apache-2.0

/// When records were kept, to tell how long those have waited that nobody has taken. Where there are many, neighbours share the
/// time of the first of them: what is told is too long then, never too short.
struct KeptTimes {
    private var marks: [(last: UInt64, time: ContinuousClock.Instant)] = []
    private let limit: Int

    init(limit: Int = 4096) { self.limit = limit }

    /// - Parameter last: all records up to there are kept by now.
    mutating func note(last: UInt64, at time: ContinuousClock.Instant) {
        guard last > marks.last?.last ?? 0 else { return }
        marks.append((last, time))
        guard marks.count > limit else { return }
        marks = stride(from: 0, to: marks.count, by: 2).map { first in
            (marks[min(first + 1, marks.count - 1)].last, marks[first].time)
        }
    }

    /// Nobody asks any more for what is not behind that record.
    mutating func forget(through sequence: UInt64) {
        marks.removeFirst(place(after: sequence))
    }

    /// When the record after that one was kept; nil: there is none.
    func time(after sequence: UInt64) -> ContinuousClock.Instant? {
        let place = place(after: sequence)
        return place < marks.count ? marks[place].time : nil
    }

    private func place(after sequence: UInt64) -> Int {
        var (low, high) = (0, marks.count)
        while low < high {
            let middle = (low + high) / 2
            if marks[middle].last > sequence { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
