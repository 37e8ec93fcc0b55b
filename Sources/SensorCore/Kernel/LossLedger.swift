// SPDX-License-Identifier: Apache-2.0

/// What was lost, or came with less, since the start: in the kernel and in the daemon. Totals, never reset.
package struct LossLedger: Sendable {
    /// What a loss is counted under.
    package struct Key: Hashable, Sendable {
        /// Id in the tracked hierarchy; 0: of the node, not of one cgroup.
        package var cgroup: UInt64
        /// `enum sensor_hook`.
        package var hook: UInt8
        /// `enum sensor_loss_reason`; `LossReason` where this version knows it.
        package var reason: UInt8
        /// `enum sensor_kind`, 0 if it is not known.
        package var kind: UInt8

        package init(cgroup: UInt64, hook: UInt8, reason: UInt8, kind: UInt8) {
            self.cgroup = cgroup
            self.hook = hook
            self.reason = reason
            self.kind = kind
        }

        /// As they are told.
        package var hookName: String { Via(rawValue: hook)?.name ?? "hook \(hook)" }
        package var reasonName: String { LossReason(rawValue: reason)?.name ?? "reason \(reason)" }

        /// Whether the event is gone; a reason that this version does not know counts as lost.
        package var isLost: Bool { LossReason(rawValue: reason)?.isLost ?? true }
    }

    package private(set) var counts: [Key: UInt64] = [:]
    /// Losses that found no room in the ledger: counted, but not told apart.
    package private(set) var overflow: UInt64 = 0
    /// Keys the ledger takes up.
    package let capacity: Int

    package init(capacity: Int = 16_384) {
        self.capacity = capacity
    }

    package mutating func add(_ key: Key, count: UInt64 = 1) {
        guard count > 0 else { return }
        if counts[key] != nil || counts.count < capacity {
            counts[key, default: 0] &+= count
        } else {
            overflow &+= count
        }
    }

    package mutating func addOverflow(_ count: UInt64) {
        overflow &+= count
    }

    package mutating func add(_ other: LossLedger) {
        for (key, count) in other.counts { add(key, count: count) }
        overflow &+= other.overflow
    }

    /// Counts for the node what was lost in these cgroups, which are gone: no total changes, and their rows are free.
    package mutating func fold(_ cgroups: Set<UInt64>) {
        for (key, count) in counts.filter({ cgroups.contains($0.key.cgroup) }) {
            counts[key] = nil
            counts[Key(cgroup: 0, hook: key.hook, reason: key.reason, kind: key.kind), default: 0] &+= count
        }
    }

    /// Events that are gone, whatever found no room in the ledger included.
    package var lost: UInt64 {
        counts.reduce(overflow) { $1.key.isLost ? $0 &+ $1.value : $0 }
    }

    /// Events of these kinds that are gone, but for those that were lost at the daemon's own limits.
    package func lost(of kinds: [UInt8]) -> UInt64 {
        counts.reduce(0) { sum, entry in
            let (key, count) = entry
            let isMeant = key.isLost && kinds.contains(key.kind) && key.reason != LossReason.daemonLimit.rawValue
            return isMeant ? sum &+ count : sum
        }
    }

    /// Events that came with something missing, by the reason.
    package var incompleteByReason: [LossReason: UInt64] {
        counts.reduce(into: [:]) { found, entry in
            guard let reason = LossReason(rawValue: entry.key.reason), reason.isIncomplete else { return }
            found[reason, default: 0] &+= entry.value
        }
    }

    /// 32-bit calls, of which no event ever comes.
    package var compatCalls: UInt64 {
        counts.reduce(0) { $1.key.reason == LossReason.compat.rawValue ? $0 &+ $1.value : $0 }
    }

    /// Events that are gone, by hook.
    package var lostByHook: [UInt8: UInt64] {
        counts.reduce(into: [:]) { if $1.key.isLost { $0[$1.key.hook, default: 0] &+= $1.value } }
    }

    /// What makes a tail lose an event, whose copy of one can be lost alone.
    package struct Cause: Hashable, Sendable {
        package var hook: UInt8
        package var reason: UInt8

        package var hookName: String { Via(rawValue: hook)?.name ?? "hook \(hook)" }
        package var reasonName: String { LossReason(rawValue: reason)?.name ?? "reason \(reason)" }
    }

    /// Events that tails did not get.
    package var lostForTails: [Cause: UInt64] {
        counts.reduce(into: [:]) {
            guard LossReason(rawValue: $1.key.reason)?.isLostForTails ?? true else { return }
            $0[Cause(hook: $1.key.hook, reason: $1.key.reason), default: 0] &+= $1.value
        }
    }

    /// Copies of events that tails alone did not get.
    package var lostForTailsOnly: UInt64 {
        counts.reduce(0) { sum, entry in
            let reason = LossReason(rawValue: entry.key.reason)
            return reason?.isLostForTails ?? false && !(reason?.isLost ?? true) ? sum &+ entry.value : sum
        }
    }
}
