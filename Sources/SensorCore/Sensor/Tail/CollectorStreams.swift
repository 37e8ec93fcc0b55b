// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Lets the tails that are attached say what the daemon's collector streams.
package final class CollectorStreams: StreamController {
    private let collector: Collector
    private let plan = NIOLockedValueBox(StreamPlan([]))

    package init(_ collector: Collector) { self.collector = collector }

    package func setStream(_ next: StreamPlan, leaving: Set<UInt32>) throws(KernelError) {
        let before = plan.withLockedValue { plan in
            defer { plan = next }
            return plan
        }
        let (old, new) = (before.pids.union(before.roots), next.pids.union(next.roots))
        for pid in old.union(leaving).subtracting(new) { try collector.removeScope(process: pid) }
        for pid in new where !old.contains(pid) || before.roots.contains(pid) != next.roots.contains(pid) {
            try collector.addScope(process: pid, descendants: next.roots.contains(pid))
        }
        collector.setStream(next.stream, kinds: next.kinds.rawValue, workloads: next.workloads)
    }

    package func drained() -> CollectorSummary { collector.drained() }
}
