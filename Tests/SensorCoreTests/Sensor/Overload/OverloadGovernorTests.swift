// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct OverloadGovernorTests {
    private typealias Step = OverloadGovernor.Step

    /// A machine of two processors, of which the sensor may use two hundredths, and what its workloads do there.
    private struct Machine {
        var governor: OverloadGovernor
        var second: UInt64 = 0
        var processor: UInt64 = 5_000_000_000
        var memory = 0
        var queue = 0.0
        /// What one of the two processors does each second to read each workload's records, in hundredths, unless its first sights are
        /// not told.
        var load: [UInt64: UInt64] = [:]
        /// What it does for nobody, in other threads.
        var rest: UInt64 = 0
        /// Records that it reads in a hundredth of a second.
        var pace: UInt64 = 500
        /// Of processor time, what the thread has used that reads records.
        var collecting: UInt64 = 0
        private(set) var muted: Set<UInt64> = []
        /// Of processor time, since the beginning, without what was used before.
        var used: UInt64 { processor - 5_000_000_000 }

        init(memory: Int? = nil, processor: Double? = 0.02) {
            var limits = OverloadLimits()
            (limits.processor, limits.memory) = (processor, memory)
            governor = OverloadGovernor(limits, processors: 2)
        }

        mutating func pass(_ seconds: Int = 1) -> [Step] {
            var steps: [Step] = []
            for _ in 0..<seconds {
                second += 1
                let heard = load.filter { !muted.contains($0.key) }
                let sum = heard.values.reduce(0, +)
                processor += (sum + rest) * 10_000_000
                collecting += sum * 10_000_000
                let busiest = heard.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
                    (workload: $0.key, records: $0.value * pace)
                }
                let new = governor.observe(
                    .init(
                        time: second * 1_000_000_000, processor: processor, collecting: collecting, memory: memory,
                        queue: queue, records: sum * pace, busiest: busiest))
                for step in new {
                    switch step {
                    case .lower(.firstSights(let workload), _): muted.insert(workload)
                    case .raise(.firstSights(let workload)): muted.remove(workload)
                    default: break
                    }
                }
                steps += new
            }
            return steps
        }
    }

    @Test func `within the budget nothing is lowered, whatever the start has cost and a second costs now and then`() {
        var machine = Machine()
        machine.load = [1: 2]
        for second in 0..<600 {
            machine.rest = second % 30 == 0 ? 20 : 0
            #expect(machine.pass() == [])
        }
        #expect(machine.governor.lowerings == 0 && machine.governor.lowered.isEmpty)
    }

    @Test func `a flood is lowered at once, and nobody else with it`() {
        var machine = Machine()
        machine.load = [1: 90, 2: 1]
        let steps = machine.pass(30)
        #expect(
            steps == [
                .lower(.ticks, for: .processor), .lower(.copies(of: 1), for: .processor),
                .lower(.firstSights(of: 1), for: .processor),
            ])
        #expect(machine.muted == [1])
        #expect(machine.used < 4_000_000_000)
    }

    @Test func `what is somewhat too much is lowered step by step, and no further than is needed`() {
        var machine = Machine()
        machine.load = [1: 3, 2: 2]
        var steps = machine.pass(60)
        #expect(steps.first == .lower(.ticks, for: .processor))
        #expect(
            steps.prefix(3) == [
                .lower(.ticks, for: .processor), .lower(.copies(of: 1), for: .processor),
                .lower(.firstSights(of: 1), for: .processor),
            ])
        #expect(machine.muted == [1])
        steps = machine.pass(20)
        #expect(!steps.contains { if case .lower(let what, _) = $0 { what.workload == 2 } else { false } })
    }

    @Test func `of two that flood, the larger goes first and the other after it`() {
        var machine = Machine()
        machine.load = [1: 40, 2: 60]
        let lowered = machine.pass(20).compactMap { step in
            if case .lower(.firstSights(let workload), _) = step { workload } else { nil }
        }
        #expect(lowered == [2, 1])
    }

    @Test func `when the flood is over, all is raised again in the order opposite, and stays so`() {
        var machine = Machine()
        machine.load = [1: 90, 2: 1]
        _ = machine.pass(5)
        machine.load = [2: 1]
        let steps = machine.pass(80)
        #expect(steps == [.raise(.firstSights(of: 1)), .raise(.copies(of: 1)), .raise(.ticks)])
        #expect(machine.governor.lowered.isEmpty && machine.pass(600) == [])
    }

    @Test func `a flood that goes on is tried more and more seldom, so that the budget is held`() {
        var machine = Machine()
        machine.load = [1: 100, 2: 1]
        _ = machine.pass(600)
        let (lowerings, early) = (machine.governor.lowerings, machine.used)
        _ = machine.pass(6 * 3600)
        #expect(machine.governor.patience == 600_000_000_000)
        #expect(machine.governor.lowerings - lowerings < 6 * 3600 / 600 * 3)
        #expect(Double(machine.used - early) / (2 * 6 * 3600e9) < 0.02)
    }

    @Test func `after a long calm the first try is early again`() {
        var machine = Machine()
        machine.load = [1: 100]
        _ = machine.pass(1200)
        #expect(machine.governor.patience > 100_000_000_000)
        machine.load = [:]
        _ = machine.pass(3600)
        #expect(machine.governor.lowered.isEmpty)
        machine.load = [1: 100]
        _ = machine.pass(5)
        #expect(machine.governor.patience == 10_000_000_000 && machine.muted == [1])
    }

    @Test func `whoever has no time to look for long sees it all the same`() {
        var machine = Machine()
        machine.load = [1: 90]
        _ = machine.pass()
        machine.second += 44
        machine.processor += 40_000_000_000
        machine.collecting += 40_000_000_000
        #expect(machine.pass().count == 3)
    }

    @Test func `what nobody causes lowers nobody, and that is known`() {
        var machine = Machine()
        machine.rest = 50
        #expect(machine.pass(20) == [.lower(.ticks, for: .processor)])
        #expect(machine.governor.isExhausted)
        // Many, of whom each does next to nothing.
        machine.load = Dictionary(uniqueKeysWithValues: (1...20).map { ($0, 1) })
        #expect(machine.pass(20) == [])
        machine.rest = 0
        machine.load = [:]
        _ = machine.pass(60)
        #expect(!machine.governor.isExhausted && machine.governor.lowered.isEmpty)
    }

    @Test func `what other threads take lowers nobody, however few others there are`() {
        var machine = Machine()
        // A flood of the sockets: one workload has few records, and all there are.
        (machine.rest, machine.load) = (50, [2: 1])
        #expect(machine.pass(20) == [.lower(.ticks, for: .processor)])
        #expect(machine.governor.isExhausted)
        // It may be the collecting thread that has to do with it: a few records are not what takes so much.
        (machine.rest, machine.load, machine.pace) = (0, [2: 50], 1)
        #expect(machine.pass(20) == [])
        // Nor is it what fills memory or a queue.
        var other = Machine(memory: 1000, processor: nil)
        (other.load, other.pace, other.queue) = ([2: 1], 3, 1)
        #expect(other.pass(20) == [])
        other.pace = 50
        #expect(other.pass(5) == [.lower(.copies(of: 2), for: .queue)])
    }

    @Test func `nothing is lowered of those that are gone, and of no more than a bound`() {
        var machine = Machine()
        machine.load = [1: 40, 2: 60]
        _ = machine.pass(20)
        let over = machine.governor.forget([2, 3])
        #expect(over == [.raise(.copies(of: 2)), .raise(.firstSights(of: 2))])
        #expect(machine.governor.lowered.map(\.reduction) == [.ticks, .copies(of: 1), .firstSights(of: 1)])
        let again = machine.governor.forget([2, 3])
        #expect(again == [])

        // Each is gone before it is raised, and nobody says so.
        var node = Machine()
        for number in UInt64(1)...200 {
            node.load = [number: 90]
            _ = node.pass(4)
        }
        #expect(Set(node.governor.lowered.compactMap(\.reduction.workload)).count == 64)
        #expect(node.governor.isExhausted)
    }

    @Test func `memory and queues count by themselves, and what is given back slowly is waited for`() {
        var machine = Machine(memory: 1000, processor: nil)
        machine.load = [1: 50, 2: 1]
        machine.memory = 899
        #expect(machine.pass(5) == [])
        machine.memory = 900
        #expect(machine.pass(10) == [.lower(.ticks, for: .memory)], "it does not grow")
        machine.memory = 920
        #expect(machine.pass(10) == [.lower(.copies(of: 1), for: .memory)])
        machine.memory = 940
        #expect(machine.pass(10) == [.lower(.firstSights(of: 1), for: .memory)])
        #expect(machine.pass(10) == [], "nobody pays for what another one has left behind")
        machine.memory = 960
        #expect(machine.pass(10) == [.lower(.facts, for: .memory)], "it was not that one alone")
        machine.load = [:]
        machine.memory = 850
        #expect(machine.pass(100) == [], "that is not far from the limit")
        machine.memory = 700
        #expect(machine.pass(60).count == 4 && machine.governor.lowered.isEmpty)
        machine.load = [1: 50]
        machine.queue = 1
        #expect(machine.pass(2) == [.lower(.copies(of: 1), for: .queue)])
        machine.queue = 0
        machine.memory = 890
        #expect(machine.pass(60) == [.raise(.copies(of: 1))], "memory has not been the reason")
    }

    @Test func `where memory grows by what many do together nothing more is learned of anybody`() {
        var machine = Machine(memory: 1000, processor: nil)
        machine.load = Dictionary(uniqueKeysWithValues: (1...20).map { ($0, 1) })
        machine.memory = 900
        #expect(machine.pass(5) == [.lower(.ticks, for: .memory)])
        machine.memory = 920
        #expect(machine.pass(5) == [.lower(.facts, for: .memory)] && !machine.governor.isExhausted)
        machine.memory = 940
        #expect(machine.pass(5) == [] && machine.governor.isExhausted)
        machine.memory = 700
        #expect(machine.pass(60) == [.raise(.facts), .raise(.ticks)] && !machine.governor.isExhausted)
        // At once beyond the limit.
        machine.memory = 1000
        #expect(machine.pass(1) == [.lower(.ticks, for: .memory), .lower(.facts, for: .memory)])
    }
}

@Suite struct BusyCgroupsTests {
    @Test func `whoever has much is found among however many, and what is said of it is no more than it has`() {
        var busy = BusyCgroups()
        for number in UInt64(0)..<100_000 {
            busy.count(number % 2 == 0 ? 7 : number % 5 == 0 ? 8 : 1_000 + number)
        }
        let (total, cgroups) = busy.take()
        let records = Dictionary(cgroups.map { ($0.cgroup, $0.records) }, uniquingKeysWith: { $0 + $1 })
        #expect(total == 100_000)
        #expect((40_000...50_000).contains(records[7] ?? 0))
        #expect((1_000...10_000).contains(records[8] ?? 0))
        let again = busy.take()
        #expect(again.total == 0 && again.cgroups.isEmpty)
    }
}
