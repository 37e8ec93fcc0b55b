// SPDX-License-Identifier: Apache-2.0

/// How many different facts of one discipline were known, hour by hour, and in which hours none could be seen.
struct DiscoveryPoints: Equatable {
    /// What a column of the curve covers.
    enum Watch: Equatable {
        case whole
        /// Some of its hours were not watched, or nothing ran then.
        case partly
        case none
        /// Something of the discipline was lost.
        case lossy
    }

    struct Column: Equatable {
        /// Facts known at its end.
        var known: Int
        var watch: Watch
    }

    /// UTC hours since 1970: of the first column's beginning and of the last one's end.
    let start: UInt32
    let end: UInt32
    /// Hours in a column.
    let step: UInt32
    /// Facts known before the first column.
    let knownBefore: Int
    let columns: [Column]

    /// Columns at most.
    static let limit = 240

    /// nil: there is nothing to show.
    ///
    /// - Parameter now: the current UTC hour since 1970.
    init?(_ found: [Discovery], _ time: ObservedTimes, _ discipline: Discipline, at now: UInt32) {
        let firsts = found.map { $0.sightings.firstHour ?? Sightings.hour(of: $0.firstSeen) }
            .filter { $0 <= now }.sorted()
        let reach = now - min(now, UInt32(HourSet.span - 1) * 24)
        guard let first = [firsts.first, time.observed.firstHour].compactMap({ $0 }).min() else { return nil }
        let start = max(first - first % 24, reach - reach % 24)
        guard start <= now else { return nil }
        let hours = now - start + 1
        let step = (hours + UInt32(Self.limit) - 1) / UInt32(Self.limit)
        self.start = start
        self.step = step
        let lossy = time.lossy[discipline] ?? HourSet()
        var known = firsts.count { $0 < start }
        knownBefore = known
        var next = known
        columns = stride(from: start, through: now, by: Int(step)).map { hour in
            let range = hour...min(now, hour + step - 1)
            while next < firsts.count, firsts[next] <= range.upperBound { (next, known) = (next + 1, known + 1) }
            return Column(known: known, watch: Self.watch(range, time.observed, lossy))
        }
        end = start + UInt32(columns.count) * step
    }

    private static func watch(_ hours: ClosedRange<UInt32>, _ observed: HourSet, _ lossy: HourSet) -> Watch {
        if hours.contains(where: lossy.contains) { return .lossy }
        let count = hours.count(where: observed.contains)
        return count == hours.count ? .whole : count == 0 ? .none : .partly
    }

    var known: Int { columns.last?.known ?? knownBefore }

    /// Columns one after the other that were watched alike.
    func runs(of watch: Watch) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        for (index, column) in columns.enumerated() where column.watch == watch {
            if let last = runs.last, last.upperBound == index {
                runs[runs.count - 1] = last.lowerBound..<index + 1
            } else {
                runs.append(index..<index + 1)
            }
        }
        return runs
    }
}
