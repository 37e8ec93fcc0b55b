// SPDX-License-Identifier: Apache-2.0

/// Decides what the sensor stops doing when it comes near a limit, and when it takes that up again. Knows no clock and no machine: it
/// is told what was measured, about once a second.
///
/// A limit is near when nine tenths of it are used; of processor time, within the last thirty seconds and also since the last step, so
/// that a step that was enough is not followed by another while what was used before it still counts. First ticks become longer, then the
/// workload that causes most loses its copies (where it is the queue of these that is full, that is all), and then its first sights are
/// counted instead of told; after it the next. What is far
/// beyond a limit makes all of a workload's steps one.
///
/// A workload is a cause by its records alone, and only where reading records is what takes the processor: what sockets, scrapes and
/// sinks take is nobody's that the kernel could be told to tell less of. Whoever causes next to nothing is left alone. Where there is
/// nobody else, nothing is left to be lowered, and the governor says so.
///
/// Memory is given back slowly, if at all: what was lowered is enough for it as long as it does not grow. Where it grows by what more than
/// one does, nothing more is learned of anybody.
///
/// What was lowered last is raised first, once it has been calm for a while. Where that brings the overload back, the next try waits
/// twice as long.
struct OverloadGovernor {
    enum Limit: String, CaseIterable, Sendable {
        case processor = "cpu"
        case memory
        case queue
    }

    enum Step: Equatable {
        case lower(Reduction, for: Limit)
        case raise(Reduction)
    }

    /// What was measured.
    struct Reading {
        /// Nanoseconds of a clock that does not step.
        var time: UInt64
        /// Nanoseconds that the process has used of processors so far.
        var processor: UInt64
        /// Nanoseconds of these that the thread has used that reads the kernel's records.
        var collecting: UInt64
        /// Bytes of resident memory.
        var memory: Int
        /// What the queue of events that travel has of its room, from 0 to 1.
        var queue: Double
        /// Records that were read since the reading before.
        var records: UInt64
        /// Workloads by their numbers, with how many of them each had, at least, the largest first.
        var busiest: [(workload: UInt64, records: UInt64)]
    }

    /// What of each limit is used: 1 is all of it.
    struct Use: Equatable, Sendable {
        var processor = 0.0
        var memory = 0.0
        var queue = 0.0
    }

    /// The law's numbers; times in nanoseconds.
    struct Law {
        /// Processor time is looked at over so long.
        var window: UInt64 = 30_000_000_000
        /// And over so long for what is so now.
        var moment: UInt64 = 3_000_000_000
        /// A limit is near.
        var near = 0.9
        /// A limit that has made anything be lowered is far enough: of memory, which is given back slowly, another.
        var calm = 0.6
        var calmMemory = 0.8
        /// Beyond a limit by so much that there is no time for one step after the other.
        var violent = 2.0
        /// What a workload has of all records, at least, to be a cause, and so many of them in a second.
        var cause = 0.1
        var causeRate = 50.0
        /// Of the budget, what reading records takes at least where workloads are lowered for it, and what of it such a workload takes:
        /// in proportion to its records, but no more than so many nanoseconds for each of them.
        var collecting = 0.5
        var causeOfBudget = 0.1
        var recordCost: UInt64 = 50_000
        /// Of so many workloads less is told at a time.
        var workloads = 64
        /// A step is given so long before the next.
        var settling: UInt64 = 2_000_000_000
        /// Of the limit on memory, what it grows by before a step was not enough.
        var growth = 1.0 / 64
        /// It has to be calm for so long before anything is raised; from the second on.
        var patience: UInt64 = 10_000_000_000
        var raising: UInt64 = 5_000_000_000
        /// At most, however often raising was too early.
        var longestPatience: UInt64 = 600_000_000_000
        /// What comes back within that time and the patience came of raising.
        var recurrence: UInt64 = 60_000_000_000
    }

    private(set) var use = Use()
    /// What is lowered, in that order, and for which limit.
    private(set) var lowered: [(reduction: Reduction, limit: Limit)] = []
    /// A limit is near, and there is nothing that could be lowered.
    private(set) var isExhausted = false
    private(set) var lowerings: UInt64 = 0
    private(set) var raisings: UInt64 = 0
    /// How long it has to be calm before anything is raised.
    private(set) var patience: UInt64

    private let limits: OverloadLimits
    private let processors: Int
    private let law: Law
    private var samples: [(time: UInt64, processor: UInt64)] = []
    /// When anything was lowered or raised last.
    private var changedAt: UInt64 = 0
    /// The reading before.
    private var last: (time: UInt64, collecting: UInt64)?
    private var loweredAt: UInt64?
    private var raisedAt: UInt64?
    /// What of the limit on memory was used when something was lowered for it; nil: nothing was since anything was raised.
    private var loweredMemory: Double?
    private var calmSince: UInt64?

    /// - Parameter processors: of the node.
    init(_ limits: OverloadLimits, processors: Int, law: Law = Law()) {
        (self.limits, self.processors, self.law) = (limits, max(1, processors), law)
        patience = law.patience
    }

    /// So much of it is used that what is free should be given back before it counts.
    var isShortOfMemory: Bool { use.memory >= law.calmMemory }

    /// - Returns: what is to be done now, in that order.
    mutating func observe(_ reading: Reading) -> [Step] {
        defer { last = (reading.time, reading.collecting) }
        samples.append((reading.time, reading.processor))
        // One that is as old as the window stays, to compare with.
        while samples.count > 2, reading.time - samples[1].time >= law.window { samples.removeFirst() }
        let momentary = measure(reading)
        if let (limit, isViolent) = pressing(momentary) {
            calmSince = nil
            return lower(reading, for: limit, isViolent: isViolent)
        }
        isExhausted = false
        return raise(at: reading.time, isCalm: isCalm(momentary))
    }

    /// - Returns: what of the limit on processor time is used now.
    private mutating func measure(_ reading: Reading) -> Double {
        use.memory = limits.memory.map { Double(reading.memory) / Double(max($0, 1)) } ?? 0
        use.queue = reading.queue
        guard let budget = limits.processor, let first = samples.first else { return 0 }
        // What was used before the first sample is the start's.
        use.processor = Double(reading.processor - first.processor) / capacity(of: law.window, budget)
        // Whoever is overloaded may have had no time to look for longer than that.
        let earlier = samples.dropLast().filter { $0.time >= changedAt }
        let since = reading.time - min(reading.time, law.moment)
        guard let then = earlier.first(where: { $0.time >= since }) ?? earlier.last, reading.time > then.time else {
            return 0
        }
        return Double(reading.processor - then.processor) / capacity(of: reading.time - then.time, budget)
    }

    private func capacity(of time: UInt64, _ budget: Double) -> Double { Double(time) * Double(processors) * budget }

    /// The limit that is nearest, if one is near.
    private func pressing(_ momentary: Double) -> (Limit, isViolent: Bool)? {
        if use.memory >= law.near { return (.memory, use.memory >= 1) }
        if use.queue >= law.near { return (.queue, use.queue >= 1) }
        if use.processor >= law.near, momentary >= law.near { return (.processor, momentary >= law.violent) }
        return nil
    }

    /// What has made something be lowered is far away, and nothing else is near.
    private func isCalm(_ momentary: Double) -> Bool {
        func bound(_ limit: Limit, _ calm: Double) -> Double {
            lowered.contains { $0.limit == limit } ? calm : law.near
        }
        let processor = bound(.processor, law.calm)
        return use.processor < processor && momentary < processor && use.memory < bound(.memory, law.calmMemory)
            && use.queue < bound(.queue, law.calm)
    }

    // MARK: Steps

    private mutating func lower(_ reading: Reading, for limit: Limit, isViolent: Bool) -> [Step] {
        if let loweredAt, reading.time - loweredAt < law.settling { return [] }
        if limit == .memory, let loweredMemory, use.memory < loweredMemory + law.growth { return [] }
        let causes = causes(reading, for: limit)
        var wanted: [Reduction] = []
        switch limit {
        // It is emptied at a tick, and what does not go there takes no room.
        case .queue: wanted = causes.first { !isLowered(.copies(of: $0)) }.map { [.copies(of: $0)] } ?? []
        case .processor, .memory:
            let cause = causes.first { !isLowered(.firstSights(of: $0)) }
            wanted = [.ticks] + (cause.map { [.copies(of: $0), .firstSights(of: $0)] } ?? [])
            if limit == .memory { wanted.insert(.facts, at: hasLoweredCause ? 1 : wanted.count) }
        }
        wanted.removeAll(where: isLowered)
        isExhausted = wanted.isEmpty
        if wanted.isEmpty { return [] }
        if !isViolent { wanted.removeLast(wanted.count - 1) }
        lowered += wanted.map { (reduction: $0, limit: limit) }
        lowerings += UInt64(wanted.count)
        if let raisedAt, reading.time - raisedAt < law.recurrence + patience {
            patience = min(2 * patience, law.longestPatience)
        } else if lowered.count == wanted.count {
            patience = law.patience
        }
        raisedAt = nil
        (changedAt, loweredAt) = (reading.time, reading.time)
        if limit == .memory { loweredMemory = use.memory }
        return wanted.map { .lower($0, for: limit) }
    }

    /// Whose records are what presses, the largest first.
    private func causes(_ reading: Reading, for limit: Limit) -> [UInt64] {
        guard let last, reading.time > last.time else { return [] }
        let (time, known) = (reading.time - last.time, Set(lowered.compactMap(\.reduction.workload)))
        let collecting = reading.collecting - min(reading.collecting, last.collecting)
        var (least, cost) = (0.0, 0.0)
        if limit == .processor, let budget = limits.processor {
            let budget = capacity(of: time, budget)
            guard Double(collecting) >= law.collecting * budget else { return [] }
            least = law.causeOfBudget * budget
            cost = min(Double(collecting) / Double(max(reading.records, 1)), Double(law.recordCost))
        }
        return reading.busiest.filter { one in
            Double(one.records) >= law.cause * Double(reading.records)
                && Double(one.records) * 1e9 >= law.causeRate * Double(time) && Double(one.records) * cost >= least
                && (known.count < law.workloads || known.contains(one.workload))
        }.map(\.workload)
    }

    /// Of workloads that are gone nothing is lowered any more.
    ///
    /// - Returns: what is over by that.
    mutating func forget(_ workloads: Set<UInt64>) -> [Step] {
        let over = lowered.map(\.reduction).filter { $0.workload.map(workloads.contains) ?? false }
        lowered.removeAll { over.contains($0.reduction) }
        return over.map { .raise($0) }
    }

    /// Whoever causes most has been lowered.
    private var hasLoweredCause: Bool {
        lowered.contains { if case .firstSights = $0.reduction { true } else { false } }
    }

    private func isLowered(_ reduction: Reduction) -> Bool { lowered.contains { $0.reduction == reduction } }

    private mutating func raise(at now: UInt64, isCalm: Bool) -> [Step] {
        guard isCalm, !lowered.isEmpty else {
            calmSince = nil
            return []
        }
        let since = calmSince ?? now
        calmSince = since
        guard now - since >= patience, let last = lowered.popLast() else { return [] }
        raisings += 1
        (changedAt, raisedAt, loweredMemory) = (now, now, nil)
        // The next one has less to wait for.
        calmSince = now - min(now, patience - min(patience, law.raising))
        return [.raise(last.reduction)]
    }
}
