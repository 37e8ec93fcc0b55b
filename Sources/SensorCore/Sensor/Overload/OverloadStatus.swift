// SPDX-License-Identifier: Apache-2.0

/// How near the sensor is to its limits, and what it has stopped doing for that.
package struct OverloadStatus: Sendable, Equatable {
    /// What of each limit is used, in hundredths, by the limit's name.
    package var percent: [String: UInt64] = [:]
    /// What is lowered now, by `Reduction.name`.
    package var lowered: [String: UInt64] = [:]
    package var lowerings: UInt64 = 0
    package var raisings: UInt64 = 0
    /// A limit is near, and there is nothing left that could be lowered.
    package var isExhausted = false

    package init() {}

    init(_ governor: OverloadGovernor) {
        let use = governor.use
        for (limit, part) in [
            (OverloadGovernor.Limit.processor, use.processor), (.memory, use.memory), (.queue, use.queue),
        ] {
            percent[limit.rawValue] = UInt64(min(max(part, 0), 1e6) * 100)
        }
        for (reduction, _) in governor.lowered { lowered[reduction.name, default: 0] += 1 }
        (lowerings, raisings) = (governor.lowerings, governor.raisings)
        isExhausted = governor.isExhausted
    }
}
