// SPDX-License-Identifier: Apache-2.0

/// A thread for ever, within its process.
package struct ThreadKey: Sendable, Equatable {
    /// As the initial pid namespace has it.
    package var tid: UInt32
    /// Boot clock, ns; 0 unknown.
    package var start: UInt64

    package init(tid: UInt32, start: UInt64) {
        self.tid = tid
        self.start = start
    }
}

/// A change of identity, as the thread that made it has it afterwards.
package struct IdentityStep {
    package var to: IdentityState
    /// What the call can change.
    package var fields: IdentityFields
    /// Boot clock, ns.
    package var time: UInt64
    /// The thread can have repeated what it was told to have done before without another record of that. Not of what a
    /// tail gets as well: each time is told to that one.
    package var isStreamed = false

    package init(to: IdentityState, fields: IdentityFields, time: UInt64, isStreamed: Bool = false) {
        self.to = to
        self.fields = fields
        self.time = time
        self.isStreamed = isStreamed
    }
}

/// Who the threads of one process are, once one of them has become somebody else: credentials and namespaces are each
/// thread's own, and a new thread has those of the one that made it, which nobody tells.
///
/// Says of a thread only what is sure. What cannot be kept makes that less, never wrong.
final class ThreadIdentities {
    private struct Thread {
        var start: UInt64
        var last: IdentityState
        var time: UInt64
        var isStreamed: Bool
        /// What it was told to have become, and may become again in silence; the latest is among them.
        var told: [(fields: IdentityFields, to: IdentityState)] = []
        var isToldCut = false

        /// All that it may be by now.
        var possible: [IdentityState] {
            var found = [last]
            var next = 0
            while next < found.count {
                let state = found[next]
                next += 1
                for (fields, to) in told
                where !found.contains(to) && fields.isSuperset(of: to.differences(from: state)) { found.append(to) }
            }
            return found
        }
    }

    /// What each thread is that nothing was told of, unless one of the others made it; and since when that is known.
    var initial: (state: IdentityState, time: UInt64)?
    private var threads: [UInt32: Thread] = [:]
    /// What threads became, each once.
    private var others: [IdentityState] = []
    private var areOthersCut = false
    /// Boot clock of the first of that: a thread that is older was made by one that was as all others.
    private var firstChange = UInt64.max
    /// There were threads that are not among `threads` any more.
    private var hasForgotten = false
    private let population: TrackedProcess.Population

    private static let threadLimit = 64
    private static let toldLimit = 6
    private static let othersLimit = 12

    init(initial: (state: IdentityState, time: UInt64)?, in population: TrackedProcess.Population) {
        self.initial = initial
        self.population = population
    }

    deinit { population.threads -= threads.count }

    /// What a thread was before a step, as far as that is sure; nil: nothing is.
    ///
    /// - Parameter thread: nil: one of the process's, nobody knows which.
    func state(of thread: ThreadKey?, before step: IdentityStep) -> IdentityState? {
        let possible = candidates(thread, step).filter {
            step.fields.isSuperset(of: step.to.differences(from: $0))
        }
        guard var state = possible.first else { return nil }
        for other in possible.dropFirst() {
            guard let common = state.common(with: other) else { return nil }
            state = common
        }
        return state
    }

    private func candidates(_ thread: ThreadKey?, _ step: IdentityStep) -> [IdentityState] {
        if let thread, let own = threads[thread.tid], own.start == thread.start {
            guard own.time <= step.time else { return [] }
            if own.isStreamed, step.isStreamed { return [own.last] }
            return own.isToldCut ? [] : own.possible
        }
        guard let initial, initial.time <= step.time else { return [] }
        if others.isEmpty, !areOthersCut { return [initial.state] }
        if let thread, thread.start != 0, thread.start < firstChange, !hasForgotten { return [initial.state] }
        return areOthersCut ? [] : [initial.state] + others
    }

    /// Keeps what a thread has become.
    ///
    /// - Parameters:
    ///   - isRepeatable: the thread may do it again without being told of.
    ///   - limit: threads of all processes.
    func note(_ thread: ThreadKey, _ step: IdentityStep, isRepeatable: Bool, limit: Int) {
        if let initial, initial.time > step.time {
            // It comes too late to say who the thread is, but may have been repeated since.
            hasForgotten = true
            return note(step.to, at: step.time)
        }
        if var own = threads[thread.tid], own.start == thread.start {
            if isRepeatable { add(step, to: &own) }
            if own.time <= step.time {
                (own.last, own.time, own.isStreamed) = (step.to, step.time, step.isStreamed)
            }
            threads[thread.tid] = own
            note(step.to, at: step.time)
            return
        }
        // Nothing has changed, and nothing is to be kept.
        if state(of: thread, before: step) == step.to { return }
        note(step.to, at: step.time)
        if threads.removeValue(forKey: thread.tid) != nil { population.threads -= 1 }
        if threads.count >= Self.threadLimit, let oldest = threads.min(by: { $0.value.time < $1.value.time }) {
            threads[oldest.key] = nil
            population.threads -= 1
            hasForgotten = true
        }
        guard population.threads < limit else {
            hasForgotten = true
            return
        }
        var own = Thread(start: thread.start, last: step.to, time: step.time, isStreamed: step.isStreamed)
        // Perhaps it was told of before.
        own.isToldCut = hasForgotten
        if isRepeatable { add(step, to: &own) }
        threads[thread.tid] = own
        population.threads += 1
    }

    /// The leader is left alone, as `state`: what it was told to have become it may still become again in silence.
    func afterExec(_ leader: ThreadKey, as state: IdentityState, at time: UInt64) -> ThreadIdentities {
        let after = ThreadIdentities(initial: (state, time), in: population)
        let before = threads[leader.tid].flatMap { $0.start == leader.start ? $0 : nil }
        guard before != nil || hasForgotten else { return after }
        var own = before ?? Thread(start: leader.start, last: state, time: time, isStreamed: false)
        (own.last, own.time, own.isStreamed) = (state, time, false)
        own.isToldCut = own.isToldCut || before == nil
        after.threads[leader.tid] = own
        population.threads += 1
        for (_, to) in own.told { after.note(to, at: time) }
        return after
    }

    /// One of the threads is this, since nobody knows when.
    func noteUndated(_ state: IdentityState) { note(state, at: 0) }

    private func note(_ state: IdentityState, at time: UInt64) {
        firstChange = min(firstChange, time)
        if areOthersCut || others.contains(state) { return }
        if others.count < Self.othersLimit {
            others.append(state)
        } else {
            others = []
            areOthersCut = true
        }
    }

    private func add(_ step: IdentityStep, to thread: inout Thread) {
        if thread.isToldCut { return }
        if let known = thread.told.firstIndex(where: { $0.to == step.to }) {
            thread.told[known].fields.formUnion(step.fields)
        } else if thread.told.count < Self.toldLimit {
            thread.told.append((step.fields, step.to))
        } else {
            thread.told = []
            thread.isToldCut = true
        }
    }
}
