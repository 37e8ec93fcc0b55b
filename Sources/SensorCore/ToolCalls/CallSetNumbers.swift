// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF

/// Numbers of sets of calls: each is a place in the kernel's table, and how often that place has been given out.
///
/// Places are given out in turn. One whose numbers have all been used rests until nothing has named any of them for a while:
/// only then they begin anew.
struct CallSetNumbers {
    private let places: UInt32
    /// Generations of a place are fewer.
    private let limit: UInt32
    private let restLooks: Int
    /// Of each place that was ever given out, the latest.
    private var generations: [UInt32] = []
    /// The one first that was given back longest ago.
    private var free: [UInt32] = []
    private var head = 0
    /// By how many looks in a row no entry has named them.
    private var resting: [UInt32: Int] = [:]

    /// - Parameters:
    ///   - places: that the kernel's table has.
    ///   - last: that is no number any more.
    ///   - restLooks: so many looks, a second apart, find none of a place's numbers before they begin anew.
    init(places: Int, last: UInt32 = UInt32(SENSOR_CALLS_NUMBER), restLooks: Int = 60) {
        self.places = UInt32(places)
        limit = last / self.places
        self.restLooks = restLooks
    }

    /// Places wait until no entry names them.
    var isLooking: Bool { !resting.isEmpty }

    /// nil: all places are taken, or rest.
    mutating func take() -> UInt32? {
        if generations.count < places {
            let place = UInt32(generations.count)
            // They begin apart, so that they do not all come to their ends at once. The first generation has a number 0.
            generations.append(1 + place % (limit - 1))
            return number(at: place)
        }
        guard head < free.count else { return nil }
        let place = free[head]
        head += 1
        if head > 1024, head * 2 > free.count {
            free.removeFirst(head)
            head = 0
        }
        generations[Int(place)] += 1
        return number(at: place)
    }

    private func number(at place: UInt32) -> UInt32 { generations[Int(place)] * places + place }

    mutating func giveBack(_ number: UInt32) {
        let place = number % places
        if generations[Int(place)] + 1 < limit { free.append(place) } else { resting[place] = 0 }
    }

    /// Entries have been looked through.
    ///
    /// - Parameter named: numbers that they name.
    mutating func look(_ named: Set<UInt32>) {
        if resting.isEmpty { return }
        let taken = Set(named.map { $0 % places })
        for (place, looks) in resting {
            guard !taken.contains(place) else {
                resting[place] = 0
                continue
            }
            resting[place] = looks + 1
            guard looks + 1 >= restLooks else { continue }
            resting[place] = nil
            generations[Int(place)] = 0
            free.append(place)
        }
    }
}
