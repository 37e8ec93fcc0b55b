// SPDX-License-Identifier: Apache-2.0

/// What breaks a habit for all that is known, of workloads whose spans tell of calls after the fact: none that has come covers
/// it, and one may still come. For the pipeline's thread.
struct HeldDeeds: ~Copyable {
    struct Limits: Sendable {
        /// How long a span is waited for, ns.
        var time = SpanTable.Limits().settling
        /// Deeds of all workloads and of one that wait.
        var deeds = 1024
        var deedsOfWorkload = 64

        init() {}
    }

    struct Deed {
        var deed: DeedClass
        var habits: CallHabits
        var workload: Workload
        var origin: CallOrigin
        /// What was done, in words.
        var text: String
    }

    private let limits: Limits
    /// Deeds for which there was no room: a span might have told that they were done within a call, so nothing is said of them.
    private(set) var evicted: UInt64 = 0
    private var waiting = SharedQueue<Deed>()
    /// The queue has them in the order of their times.
    private var latest: UInt64 = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    var count: Int { waiting.count }

    /// When the next has waited long enough, boot clock; the end of time if none waits.
    var nextDeadline: UInt64 { waiting.firstTime ?? .max }

    mutating func hold(_ deed: Deed) {
        let number = deed.workload.number
        guard waiting.count(of: number) < limits.deedsOfWorkload else {
            evicted += 1
            return
        }
        latest = max(latest, deed.origin.time)
        waiting.append(deed, of: number, at: latest &+ limits.time)
        if waiting.count > limits.deeds, waiting.takeFirstOfLargest() != nil { evicted += 1 }
    }

    /// A span has come: what it covers was done within a call.
    mutating func cover(_ call: SpanCall, of workload: UInt64) {
        for place in waiting.places(of: workload)
        where waiting[place].map({ call.covers($0.element.origin.time) }) ?? false {
            waiting.remove(place)
        }
    }

    /// One that has waited long enough, and that nothing covers.
    mutating func takeUncovered(at time: UInt64) -> Deed? { waiting.takeFirst(by: time) }
}
