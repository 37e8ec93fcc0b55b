// SPDX-License-Identifier: Apache-2.0

/// What breaks a habit for all that is known, of workloads whose spans tell of calls after the fact: none that has come covers
/// it, and one may still come. For the pipeline's thread.
struct HeldDeeds: ~Copyable {
    struct Limits: Sendable {
        /// How long a span is waited for, ns.
        var time = SpanTable.Limits().settling
        /// Deeds of all workloads that wait.
        var deeds = 4096
        /// Of one: each of its habits has room.
        var deedsOfWorkload = CallHabits.Limits().classes

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
        if waiting.count(of: number) >= limits.deedsOfWorkload {
            evicted += 1
            guard let place = superfluous(besides: deed.deed, of: number) else { return }
            waiting.remove(place)
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

    /// The latest deed of the class of which most wait, where none of the new deed's class does: nobody hides one thing behind
    /// many others. nil if some do.
    private func superfluous(besides deed: DeedClass, of workload: UInt64) -> SharedQueue<Deed>.Place? {
        let places = waiting.places(of: workload)
        if places.contains(where: { waiting[$0]?.element.deed == deed }) { return nil }
        var classes: [DeedClass: (count: Int, latest: SharedQueue<Deed>.Place)] = [:]
        for place in places {
            guard let waits = waiting[place]?.element.deed else { continue }
            classes[waits] = ((classes[waits]?.count ?? 0) + 1, place)
        }
        return classes.values.max { ($0.count, $0.latest) < ($1.count, $1.latest) }?.latest
    }
}
