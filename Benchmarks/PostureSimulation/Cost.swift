// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// Nanoseconds of what is done often.
func cost(seed: UInt64) {
    var chance = Chance(seed: seed)
    var counts = [DayCounts](repeating: DayCounts(), count: 500)
    let places = (0..<4096).map { _ in Int.random(in: 0..<500, using: &chance) }
    let rounds = 2000
    let start = UInt32(firstDay) * 24
    var took = time {
        for round in 0..<rounds {
            for place in places { counts[place].add(1, hour: start + UInt32(round / 4), random: 0) }
        }
    }
    let notes = Double(rounds * places.count)
    print("note of a day count:", decimal(took / notes, 1), "ns, \(MemoryLayout<DayCounts>.stride) bytes")
    var week = HourOfWeek()
    took = time {
        for round in 0..<rounds { for place in places { week.note(1, hour: start + UInt32(round / 4 + place & 1)) } }
    }
    print("note of an hour of the week:", decimal(took / notes, 1), "ns", week.weeks)
    var firsts = HourFirsts()
    took = time {
        for round in 0..<rounds { for place in places { firsts.note(hour: start + UInt32(round / 4 + place % 24)) } }
    }
    print(
        "note of an hour of the day:", decimal(took / notes, 1), "ns,",
        "\(MemoryLayout<HourFirsts>.stride) bytes", firsts.first ?? 0)
    var mix = ExerciseMix()
    took = time {
        for round in 0..<50 {
            for place in places { mix.add(1, of: "tool\(place % 40)", hour: start + UInt32(round), random: 0) }
        }
    }
    print(
        "note of a mix, its name made for it:", decimal(took / Double(50 * places.count), 0),
        "ns, \(mix.bytes) bytes for 40 categories")

    let rates = zipfRates(500, &chance).map { $0 + 2 }
    var subject = RateSubject(rates.count)
    for rates in Workload.bursty.rates(rates, days: 40, &chance) { subject.live(rates, &chance) }
    var tests = 0
    took = time { for _ in 0..<20 { tests += subject.report().tests } }
    print("report of 500 facts:", decimal(took / 20 / 1e6, 2), "ms,", tests / 20, "tests")
    var tools = MixSubject()
    let shares = MixWorkload.all[1].shares(&chance)
    for day in 0..<40 { tools.live(MixWorkload.all[1].day(shares, day, &chance)) }
    took = time { for _ in 0..<200 { tests += tools.report().tests } }
    print("report of a mix of 12:", decimal(took / 200 / 1e3, 0), "µs")
}

/// Of this thread, whatever else runs beside it.
private func time(_ body: () -> Void) -> Double {
    let start = threadTime()
    body()
    return threadTime() - start
}

/// Nanoseconds.
private func threadTime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}
