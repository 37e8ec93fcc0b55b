// SPDX-License-Identifier: Apache-2.0

/// Up to when all that was sent on the tool-call socket has been taken in (boot clock, ns).
package struct HeardTimes: Sendable, Equatable {
    /// Of all workloads but those that are behind.
    package var all: UInt64
    /// Workloads that have said more than was read of them; each by the id of the cgroup that it begins at.
    package var behind: [UInt64: UInt64]

    package init(all: UInt64 = 0, behind: [UInt64: UInt64] = [:]) {
        self.all = all
        self.behind = behind
    }

    /// Where nobody says what he has heard, all is taken to be known.
    static let always = HeardTimes(all: .max)

    /// - Parameter workload: nil: it is not known whose.
    func time(of workload: UInt64?) -> UInt64 { workload.flatMap { behind[$0] } ?? all }

    /// The same at a later time.
    ///
    /// - Parameter workloads: of which no more has been heard than before.
    func advanced(to time: UInt64, butFor workloads: Set<UInt64>) -> HeardTimes {
        HeardTimes(all: time, behind: Dictionary(uniqueKeysWithValues: workloads.map { ($0, self.time(of: $0)) }))
    }
}
