// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What may wait for all attached tails together.
///
/// Half of it is shared out evenly, so that a tail that reads finds room however many others do not; the other half is
/// for whoever comes first. Beyond the bound there are only the frames of the protocol, and, where there are so many
/// tails that a share is shorter than one frame of events, one such frame for each.
package final class SubscriberBudget: Sendable {
    /// Bytes that a tail has to itself.
    let share: Int
    private let pool: Int
    private let taken = Atomic(0)

    /// - Parameters:
    ///   - bytes: for all together.
    ///   - tails: how many there may be.
    package init(bytes: Int = 8 << 20, tails: Int) {
        share = bytes / 2 / max(tails, 1)
        pool = bytes - share * tails
    }

    /// Changes what one tail has of the common half. Growth is refused once there is no more.
    func change(from old: Int, to new: Int) -> Bool {
        if new <= old {
            taken.subtract(old - new, ordering: .relaxed)
            return true
        }
        // Several take at a time only for moments; that one of them is refused then, though the other gives back, is
        // no more than a loss that is counted.
        let after = taken.add(new - old, ordering: .relaxed).newValue
        if after <= pool { return true }
        taken.subtract(new - old, ordering: .relaxed)
        return false
    }

    /// Takes of the common half, there being room or not.
    func force(_ bytes: Int) { taken.add(bytes, ordering: .relaxed) }
}
