// SPDX-License-Identifier: Apache-2.0

import SensorCore

extension CollectorConfiguration {
    /// What the settings say of collecting.
    init(_ settings: Settings) {
        self.init()
        let limits = settings.limits
        kernel.activityRingBytes = limits.activityRingBytes
        kernel.lifecycleRingBytes = limits.lifecycleRingBytes
        kernel.memoryEntries = UInt32(limits.memoryEntries)
        kernel.entryBudget = UInt32(limits.entryBudget)
        kernel.failedEntryBudget = UInt32(limits.failedEntryBudget)
        kernel.ringBudget = UInt32(limits.ringBudget)
        kernel.workloadEntries = UInt32(limits.maximumWorkloads)
        pipeline.processes.live = limits.maximumProcesses
        pipeline.redactor = Redactor(patterns: settings.redactionPatterns)
        pipeline.cgroups.live = max(pipeline.cgroups.live, limits.maximumWorkloads)
        let (seconds, attoseconds) = settings.tick.components
        tick = UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
