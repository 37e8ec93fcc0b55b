// SPDX-License-Identifier: Apache-2.0

/// How a line of so many columns is divided.
struct LineLayout: Equatable {
    /// With milliseconds, where there is room.
    var showsMilliseconds: Bool
    var gap: Int
    /// 0: left out.
    var workload: Int
    var process: Int
    var verb: Int
    /// For the object and, at its right, the result.
    var rest: Int

    init(columns: Int) {
        let isWide = columns >= 100
        showsMilliseconds = isWide
        gap = isWide ? 2 : 1
        workload = columns < 70 ? 0 : min(max(columns / 8, 10), 24)
        process = min(max(columns / 6, columns < 60 ? 10 : 12), 26)
        verb = 8
        let time = showsMilliseconds ? 12 : 8
        let used = time + gap + (workload > 0 ? workload + gap : 0) + process + gap + verb + gap
        rest = max(columns - used, 8)
    }

    /// Where the result column begins within the rest, for a result that needs no more than this.
    var usualResult: Int { rest >= 40 ? 9 : 8 }
}
