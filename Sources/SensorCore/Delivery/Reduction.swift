// SPDX-License-Identifier: Apache-2.0

/// What the sensor stops doing to stay within its limits.
package enum Reduction: Hashable, Sendable {
    /// Reading counts and losses as often as it should. Nothing is lost by it.
    case ticks
    /// Handing events of a workload, but for urgent ones, to tails and to those who take them as records. No fact is lost by it.
    ///
    /// - Parameter of: the workload's number.
    case copies(of: UInt64)
    /// Telling what is new to a workload: it is counted as lost.
    case firstSights(of: UInt64)
    /// Learning facts and subjects that are not known: they are counted together, of everybody. For memory alone.
    case facts

    /// Whom it is about; nil: the node.
    package var workload: UInt64? {
        switch self {
        case .ticks, .facts: nil
        case .copies(let workload), .firstSights(let workload): workload
        }
    }

    /// The word for it in records, metrics and logs.
    package var name: String {
        switch self {
        case .ticks: "ticks"
        case .copies: "copies"
        case .firstSights: "first_sights"
        case .facts: "facts"
        }
    }

    package static let names = ["ticks", "copies", "first_sights", "facts"]
}
