// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

// What is watched. The kernel drops the rest where it happens; processes and cgroups come by all the same, for lineage,
// and so does what was under way when a workload became known.
extension Pipeline {
    /// Cgroups that are watched from now on, or not any more, since the last call.
    package mutating func takeWatchChanges() -> [WatchChange] { cgroups.takeWatchChanges() }

    /// From now on tails ask for what these workloads do, none: for what all do. Nothing of it is in a recording: no event
    /// is another by it.
    package mutating func stream(_ workloads: [WorkloadFilter]) { cgroups.stream(workloads) }

    /// Cgroups of which all is streamed from now on, or not any more, since the last call.
    package mutating func takeStreamChanges() -> [StreamChange] { cgroups.takeStreamChanges() }

    mutating func watch(_ selectors: [String]) {
        // They were read before they came here.
        guard let selector = try? WorkloadSelector(selectors) else { return }
        cgroups.watch(selector)
    }

    /// The flags that an event of the subject goes on with; nil: it goes nowhere. A tail is shown what it asked for, and
    /// of what is not watched that is all: such an event is no first sight that would be kept.
    mutating func wanted(_ flags: UInt16, of subject: EventSubject, _ count: UInt64) -> UInt16? {
        let isWatched = subject.mapped.map { cgroups.selects($0) } ?? subject.workload.isWatched
        if isWatched { return flags }
        if flags & UInt16(SENSOR_STREAMED) != 0 { return flags & ~UInt16(SENSOR_FIRST_SEEN | SENSOR_REPEATED) }
        counters.unwatchedEvents &+= count
        return nil
    }

    /// The same for events that have waited for their workload to become known.
    mutating func wanted(_ events: [Event], of workload: Workload) -> [Event] {
        if workload.isWatched { return events }
        return events.compactMap { event in
            guard event.isStreamed else {
                counters.unwatchedEvents &+= event.count
                return nil
            }
            var event = event
            event.isFirstSeen = false
            event.isRepeat = false
            return event
        }
    }
}
