// SPDX-License-Identifier: Apache-2.0

internal import Glibc
import SensorCore

extension CollectorConfiguration {
    /// What the settings say of collecting.
    init(_ settings: Settings) {
        self.init()
        let limits = settings.limits
        kernel.activityRingBytes = limits.activityRingBytes
        kernel.lifecycleRingBytes = limits.lifecycleRingBytes
        kernel.memoryEntries = UInt32(limits.memoryEntries)
        kernel.failureEntries = UInt32(limits.failureEntries)
        kernel.idleTicks = UInt16(limits.idleTicks)
        kernel.entryBudget = UInt32(limits.entryBudget)
        kernel.failedEntryBudget = UInt32(limits.failedEntryBudget)
        kernel.ringBudget = UInt32(limits.ringBudget)
        kernel.workloadEntries = UInt32(limits.maximumWorkloads)
        kernel.pinDirectory = settings.pinDirectory
        let (patience, part) = settings.pinPatience.components
        kernel.pinPatience = UInt64(patience) * 1_000_000_000 + UInt64(part / 1_000_000_000)
        // A container and the pod's own cgroup, at least.
        kernel.unwatchedCgroups = UInt32(2 * limits.maximumWorkloads)
        pipeline.templates = limits.memoryEntries + limits.failureEntries
        pipeline.processes.live = limits.maximumProcesses
        pipeline.redactor = Redactor(patterns: settings.redactionPatterns)
        pipeline.digests = settings.digestKey.map(DigestKeys.init)
        pipeline.cgroups.live = max(pipeline.cgroups.live, limits.maximumWorkloads)
        pipeline.trustDomain = settings.trustDomain
        pipeline.workloadMap = settings.map
        pipeline.podsBelow = settings.podsBelow
        let (wait, fraction) = settings.identityWait.components
        pipeline.waitingTime = UInt64(wait) * 1_000_000_000 + UInt64(fraction / 1_000_000_000)
        pipeline.waitingEvents = limits.waitingEvents
        pipeline.profiles.subjects = limits.maximumSubjects
        pipeline.profiles.facts = limits.maximumFacts
        pipeline.profiles.credentials = CredentialPaths(settings.credentialPaths.map { ($0.path, $0.name) })
        node = settings.node ?? Self.hostName()
        let (seconds, attoseconds) = settings.tick.components
        tick = UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }

    /// What uname(2) calls the node.
    private static func hostName() -> String {
        var name = utsname()
        guard uname(&name) == 0 else { return "" }
        return withUnsafeBytes(of: &name.nodename) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}
