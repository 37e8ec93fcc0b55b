// SPDX-License-Identifier: Apache-2.0

internal import NIOCore

/// Joins tool calls that were told of after the fact to what their workload did meanwhile, which is kept for that. By time
/// alone, so never to one of several: what several spans cover may be either's. For the pipeline's thread.
struct SpanTable: ~Copyable {
    struct Limits: Sendable {
        /// What was done, of all workloads and of one: as many as that, and about so many bytes.
        var deeds = 16_384
        var bytes = 6 << 20
        var deedsOfWorkload = 2048
        /// How long that and spans are kept, ns.
        var life: UInt64 = 300_000_000_000
        /// Spans of all workloads and of one.
        var spans = 8192
        var spansOfWorkload = 1024
        /// Spans of all workloads and of one that are known again when they are sent twice, as long as they would be kept.
        var told = 16_384
        var toldOfWorkload = 8192
        /// How long a span waits for others of the same time, and for what is still on its way from the kernel, ns. Exporters
        /// send every five seconds, as they come.
        var settling: UInt64 = 10_000_000_000
        /// Spans of all workloads and of one that wait for that: of more, the earliest is told without what was done meanwhile.
        var waiting = 8192
        var waitingOfWorkload = 1024
        /// That are settled at a time: each is compared with all that was done, and nothing else goes on meanwhile.
        var settled = 32
        /// Effects that are listed, and candidates of each.
        var effects = 64
        var candidates = 16
        /// Other spans of the same time that are looked at.
        var overlaps = 64

        init() {}
    }

    /// Something that was done for no call that is known by stronger evidence.
    struct Deed {
        var sequence: UInt64
        /// Boot clock, ns.
        var time: UInt64
        var kind: EventKind
        var detail: EventDetail
        var executable: ByteString?

        var bytes: Int { 128 + detail.bytes + (executable?.bytes.count ?? 0) }
    }

    struct Effect {
        var deed: Deed
        /// `window` or `candidates`.
        var method: ToolCallReference.Method
        /// Ids of all calls that it could have been for, as far as they are known; none with `window`.
        var candidates: [String]
        /// Calls beyond those.
        var candidatesLeftOut: UInt32 = 0
    }

    struct Settled {
        var call: SpanCall
        var effects: [Effect]
        var count: UInt64
        /// The same by kind.
        var counts: [EventKind: UInt64] = [:]
        var isIncomplete: Bool
    }

    /// A span, which is in several places.
    private final class KeptSpan {
        let call: SpanCall

        init(_ call: SpanCall) { self.call = call }
    }

    /// Of another span of the same time, what each deed is compared with: times alone, since copying what else it has would
    /// cost most of the work.
    private struct Overlap {
        var begin: UInt64
        var end: UInt64
        /// It was made within the call, and tells of what was done for it itself.
        var isInner: Bool

        func covers(_ time: UInt64) -> Bool { begin <= time && time <= end }
    }

    private final class Workload {
        var deeds: [Deed] = []
        /// Those before it are gone.
        var head = 0
        var bytes = 0
        /// When the latest was done of what had to go.
        var deedsGoneUntil: UInt64 = 0
        var spans = CircularBuffer<KeptSpan>()
        /// When the last ended of the spans that had to go while they mattered.
        var spansGoneUntil: UInt64 = 0

        init(goneUntil: UInt64) { (deedsGoneUntil, spansGoneUntil) = (goneUntil, goneUntil) }

        var count: Int { deeds.count - head }
    }

    private let limits: Limits
    /// Nobody kept anything before, boot clock.
    private let since: UInt64
    private var workloads: [UInt64: Workload] = [:]
    private var latest: (number: UInt64, workload: Workload)?
    /// When the latest was done of what had to go with workloads of which nothing is left.
    private var goneUntil: UInt64 = 0
    private var deedCount = 0

    /// What was done and waits for spans that come later.
    var keptDeeds: Int { deedCount }
    private var byteCount = 0
    private var spanCount = 0
    /// By workload, until they have waited long enough.
    private var waiting = SharedQueue<(span: KeptSpan, workload: UInt64)>()
    /// That could not wait.
    private var overdue: [Settled] = []
    /// By workload, with when they came.
    private var told = SharedQueue<Told>()
    private var isTold: Set<Told> = []

    private struct Told: Hashable {
        var trace: String
        var span: String
        var workload: UInt64
    }

    init(since: UInt64 = 0, limits: Limits = Limits()) {
        self.since = since
        self.limits = limits
    }

    /// When the next span has waited long enough, boot clock; the end of time if none waits.
    var nextDeadline: UInt64 { waiting.firstTime ?? .max }

    // MARK: What is done

    mutating func keep(_ deed: Deed, of number: UInt64) {
        let workload = workload(number)
        let bytes = deed.bytes
        workload.deeds.append(deed)
        workload.bytes += bytes
        deedCount += 1
        byteCount += bytes
        if workload.count > limits.deedsOfWorkload { drop(max(workload.count / 8, 1), of: workload) }
        if deedCount > limits.deeds || byteCount > limits.bytes { makeRoom() }
    }

    /// Whoever has most of it pays for it. An eighth at a time, so that looking for him costs each deed next to nothing.
    private mutating func makeRoom() {
        let (deeds, bytes) = (limits.deeds - limits.deeds / 8, limits.bytes - limits.bytes / 8)
        while deedCount > deeds || byteCount > bytes {
            for (_, workload) in workloads.sorted(by: { ($0.value.bytes, $1.key) > ($1.value.bytes, $0.key) }) {
                guard deedCount > deeds || byteCount > bytes else { break }
                if workload.count > 0 { drop(max(workload.count / 4, 1), of: workload) }
            }
        }
        forgetEmpty()
    }

    /// Containers that come and go in numbers leave next to nothing behind.
    private mutating func forgetEmpty() {
        for (number, workload) in workloads where workload.count == 0 && workload.spans.isEmpty {
            goneUntil = max(goneUntil, workload.deedsGoneUntil, workload.spansGoneUntil)
            workloads[number] = nil
        }
        latest = nil
    }

    /// What is kept of a workload.
    func deeds(of number: UInt64) -> ArraySlice<Deed> {
        workloads[number].map { $0.deeds[$0.head...] } ?? []
    }

    private mutating func workload(_ number: UInt64) -> Workload {
        if let latest, latest.number == number { return latest.workload }
        let workload = workloads[number] ?? Workload(goneUntil: goneUntil)
        workloads[number] = workload
        latest = (number, workload)
        return workload
    }

    private mutating func drop(_ count: Int, of workload: Workload) {
        for deed in workload.deeds[workload.head..<(workload.head + min(count, workload.count))] {
            workload.deedsGoneUntil = max(workload.deedsGoneUntil, deed.time)
            let bytes = deed.bytes
            workload.bytes -= bytes
            byteCount -= bytes
            deedCount -= 1
            workload.head += 1
        }
        if workload.head * 2 >= workload.deeds.count {
            // Without the room that it took.
            workload.deeds = Array(workload.deeds[workload.head...])
            workload.head = 0
        }
    }

    // MARK: Spans

    /// - Parameter workload: nil where it is not known whose the call is: then nothing is joined to it.
    /// - Returns: false if it was told of before.
    mutating func add(_ call: SpanCall, of workload: UInt64?) -> Bool {
        // 0 is no workload's number.
        let number = workload ?? 0
        guard remember(Told(trace: call.trace, span: call.span, workload: number), at: call.received) else {
            return false
        }
        let span = KeptSpan(call)
        wait(span, number)
        guard workload != nil else { return true }
        let workload = self.workload(number)
        workload.spans.append(span)
        spanCount += 1
        if workload.spans.count > limits.spansOfWorkload { dropSpan(of: workload) }
        while spanCount > limits.spans,
            let largest = workloads.max(by: { ($0.value.spans.count, $0.key) < ($1.value.spans.count, $1.key) })?.value
        {
            dropSpan(of: largest)
        }
        return true
    }

    /// Whether a call was under way at that time, as far as is known now.
    func covers(_ time: UInt64, of number: UInt64) -> Bool {
        workloads[number]?.spans.contains { $0.call.covers(time) } ?? false
    }

    /// - Returns: false if it is known.
    private mutating func remember(_ span: Told, at time: UInt64) -> Bool {
        guard isTold.insert(span).inserted else { return false }
        told.append(span, of: span.workload, at: time)
        if told.count(of: span.workload) > limits.toldOfWorkload {
            forget(told.takeFirst(of: span.workload))
        } else if told.count > limits.told {
            forget(told.takeFirstOfLargest())
        }
        return true
    }

    private mutating func forget(_ span: Told?) {
        if let span { isTold.remove(span) }
    }

    private mutating func dropSpan(of workload: Workload) {
        guard let span = workload.spans.popFirst() else { return }
        workload.spansGoneUntil = max(workload.spansGoneUntil, span.call.end)
        spanCount -= 1
    }

    private mutating func wait(_ span: KeptSpan, _ number: UInt64) {
        waiting.append((span, number), of: number, at: span.call.received &+ limits.settling)
        if waiting.count(of: number) > limits.waitingOfWorkload {
            giveUp(waiting.takeFirst(of: number))
        } else if waiting.count > limits.waiting {
            giveUp(waiting.takeFirstOfLargest())
        }
    }

    private mutating func giveUp(_ next: (span: KeptSpan, workload: UInt64)?) {
        guard let next else { return }
        overdue.append(Settled(call: next.span.call, effects: [], count: 0, isIncomplete: true))
    }

    /// The calls that could not wait, since there were too many, without anything that was done meanwhile.
    mutating func takeOverdue() -> [Settled] {
        defer { overdue = [] }
        return overdue
    }

    /// The calls that have waited long enough, with what was done meanwhile: no more of them than take a moment.
    mutating func settle(at time: UInt64) -> [Settled] {
        var settled: [Settled] = []
        while settled.count < limits.settled, let next = waiting.takeFirst(by: time) {
            settled.append(join(next.span.call, workloads[next.workload]))
        }
        return settled
    }

    /// Lets go of what is too old to be asked for.
    mutating func tick(at time: UInt64) {
        guard time > limits.life else { return }
        let oldest = time - limits.life
        while let span = told.takeFirst(by: oldest - 1) { forget(span) }
        for workload in workloads.values {
            let old = workload.deeds[workload.head...].prefix { $0.time < oldest }.count
            if old > 0 { drop(old, of: workload) }
            while let call = workload.spans.first?.call, call.received < oldest {
                workload.spans.removeFirst()
                spanCount -= 1
            }
        }
        forgetEmpty()
    }

    // MARK: Joining

    private func join(_ call: SpanCall, _ workload: Workload?) -> Settled {
        guard let workload else {
            return Settled(
                call: call, effects: [], count: 0,
                isIncomplete: call.begin < since || goneUntil != 0 && goneUntil >= call.begin)
        }
        let overlapping = self.overlapping(call, workload)
        let overlaps = overlapping.map {
            Overlap(begin: $0.call.begin, end: $0.call.end, isInner: $0.call.isWithin(call))
        }
        // Of more than can be looked at it is not known what they cover.
        let isCrowded = overlaps.count > limits.overlaps || workload.spansGoneUntil >= call.begin
        var settled = Settled(
            call: call, effects: [], count: 0,
            isIncomplete: call.begin < since || workload.deedsGoneUntil != 0 && workload.deedsGoneUntil >= call.begin)
        let deeds = workload.deeds
        for index in workload.head..<deeds.count {
            let time = deeds[index].time
            // What was done for what was called within this call, that tells of.
            guard call.covers(time), let others = Self.count(of: overlaps, covering: time) else { continue }
            settled.count += 1
            settled.counts[deeds[index].kind, default: 0] += 1
            guard settled.effects.count < limits.effects else { continue }
            let isOne = others == 0 && !isCrowded
            let candidates =
                isOne
                ? []
                : [call.id]
                    + overlapping.lazy.filter { $0.call.covers(time) }.prefix(limits.candidates - 1).map(\.call.id)
            settled.effects.append(
                Effect(
                    deed: deeds[index], method: isOne ? .window : .candidates, candidates: candidates,
                    candidatesLeftOut: isOne ? 0 : UInt32(others + 1 - candidates.count)))
        }
        settled.effects.sort { ($0.deed.time, $0.deed.sequence) < ($1.deed.time, $1.deed.sequence) }
        return settled
    }

    /// Other spans of the same time that the call was not made within: one more than are looked at, where there are more.
    private func overlapping(_ call: SpanCall, _ workload: Workload) -> [KeptSpan] {
        var found: [KeptSpan] = []
        for span in workload.spans where span.call.begin <= call.end && call.begin <= span.call.end {
            if span.call.trace == call.trace, span.call.span == call.span || call.isWithin(span.call) { continue }
            found.append(span)
            if found.count > limits.overlaps { break }
        }
        return found.sorted { ($0.call.begin, $0.call.span) < ($1.call.begin, $1.call.span) }
    }

    /// How many were under way then; nil: one that was made within the call was.
    private static func count(of overlaps: [Overlap], covering time: UInt64) -> Int? {
        var count = 0
        for overlap in overlaps where overlap.covers(time) {
            if overlap.isInner { return nil }
            count += 1
        }
        return count
    }
}

extension SpanCall {
    func covers(_ time: UInt64) -> Bool { begin <= time && time <= end }

    fileprivate func isWithin(_ other: SpanCall) -> Bool { trace == other.trace && ancestors.contains(other.span) }
}
