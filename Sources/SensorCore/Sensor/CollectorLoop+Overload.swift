// SPDX-License-Identifier: Apache-2.0

// What keeps the sensor within its limits: measures once a second, and carries out what the governor decides.
extension CollectorLoop {
    private static let lookInterval: UInt64 = 1_000_000_000
    /// Where memory is short, what is free is given back so often.
    private static let trimInterval: UInt64 = 5_000_000_000

    func watchLoadIfDue() {
        guard governor != nil else { return }
        let now = KernelSession.bootTime()
        if now >= nextLook { watchLoad(at: now) }
    }

    private func watchLoad(at now: UInt64) {
        guard var governor else { return }
        nextLook = now &+ Self.lookInterval
        if governor.isShortOfMemory, now >= nextTrim {
            nextTrim = now &+ Self.trimInterval
            pipeline.giveBack()
            Heap.giveBack()
        }
        let (records, cgroups) = busy.take()
        let reading = OverloadGovernor.Reading(
            time: now, processor: OverloadMeter.processorTime, collecting: OverloadMeter.threadTime,
            memory: OverloadMeter.memory, queue: outgoing.fill, records: records,
            busiest: pipeline.busiest(cgroups))
        let over = governor.forget(pipeline.loweredGone())
        let steps = governor.observe(reading)
        self.governor = governor
        for step in over + steps { carryOut(step, at: now) }
    }

    private func carryOut(_ step: OverloadGovernor.Step, at now: UInt64) {
        let notice: OverloadNotice?
        switch step {
        case .lower(let reduction, let limit): notice = pipeline.lower(reduction, for: limit.rawValue)
        case .raise(let reduction): notice = pipeline.raise(reduction)
        }
        for change in pipeline.takeDetailChanges() { _ = kernel.setDetail(change.detail, cgroup: change.cgroup) }
        nextTick = min(nextTick, now &+ tickInterval)
        guard let notice else { return }
        for sink in sinks { sink.receive(notice) }
    }

    /// Between two ticks, as it is now.
    var tickInterval: UInt64 {
        let isLowered = governor?.lowered.contains { $0.reduction == .ticks } ?? false
        let tick = configuration.tick
        return isLowered ? max(tick, min(4 &* tick, Self.longestTick)) : tick
    }

    /// One that is made longer takes no more.
    private static let longestTick: UInt64 = 60_000_000_000
}
