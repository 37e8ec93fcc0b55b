// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct SteadyClockTests {
    private static let hour: UInt64 = 3_600_000_000_000
    private static let day = 24 * hour
    private static let start = 20_000 * day

    private func reading(_ boot: UInt64, ahead: Int64 = 0) -> ClockReading {
        ClockReading(boot: boot, wallOffset: Int64(Self.start) + ahead)
    }

    @Test func `a clock that is set right by less than an hour is believed at once`() {
        var clock = SteadyClock(reading(5))
        clock.follow(reading(10, ahead: 3_000_000_000_000))
        #expect(clock.now == Self.start + 3_000_000_000_010 && !clock.isHeld && clock.jumps == 0)
    }

    @Test(arguments: [400 * Int64(24 * 3_600_000_000_000), -300 * Int64(24 * 3_600_000_000_000)])
    func `a jump is believed when it has lasted an hour, and one that is taken back never was`(_ jump: Int64) {
        var clock = SteadyClock(reading(0))
        clock.follow(reading(Self.hour, ahead: jump))
        #expect(clock.now == Self.start + Self.hour && clock.isHeld && clock.jumps == 1)
        clock.follow(reading(Self.hour + 10))
        #expect(!clock.isHeld && clock.now == Self.start + Self.hour + 10)
        clock.follow(reading(2 * Self.hour, ahead: jump))
        clock.follow(reading(3 * Self.hour - 1, ahead: jump))
        #expect(clock.isHeld && clock.now == Self.start + 3 * Self.hour - 1)
        clock.follow(reading(3 * Self.hour, ahead: jump))
        #expect(!clock.isHeld && clock.now == UInt64(Int64(Self.start) + jump) + 3 * Self.hour && clock.jumps == 2)
    }

    @Test func `a machine that comes up with a clock from before what is known, or far behind it, goes on from there`()
    {
        for latest in [Self.start + 40 * Self.day, Self.start - 101 * Self.day] {
            var clock = SteadyClock(reading(0))
            clock.start(after: latest)
            #expect(clock.now == latest && clock.isHeld)
            clock.follow(reading(10))
            #expect(clock.now == latest + 10)
            clock.follow(reading(Self.hour + 10))
            #expect(clock.now == Self.start + Self.hour + 10 && !clock.isHeld)
        }
        for latest in [0, Self.start, Self.start + Self.hour, Self.start - 90 * Self.day] {
            var clock = SteadyClock(reading(0))
            clock.start(after: latest)
            #expect(clock.now == Self.start && !clock.isHeld)
        }
    }

    @Test func `an event has the time of the clock that is believed`() {
        var clock = SteadyClock(reading(0))
        clock.follow(reading(50, ahead: Int64(400 * Self.day)))
        let event = Event(
            sequence: 1, time: Self.start + 400 * Self.day + 60, bootTime: 60, kind: .fileOpen,
            workload: WorkloadDescription(kind: "Host"), via: .sysExit)
        #expect(clock.time(of: event) == Self.start + 60)
    }
}
