// SPDX-License-Identifier: Apache-2.0

/// The owner of one or more cgroups: a container, a pod, a unit, the host. For the pipeline's thread only.
///
/// A reference, since what is known of it grows while cgroups, first sights and waiting events refer to it.
package final class Workload {
    /// Unique while the sensor runs and never used again; what per-workload tables are keyed by.
    package let number: UInt64
    /// What its cgroup's path says.
    let path: CgroupPath
    /// Who it is, as far as is known now.
    package internal(set) var description: WorkloadDescription
    /// More will be known in a moment, so that its events had better wait.
    package internal(set) var isAwaited = false

    init(number: UInt64, path: CgroupPath, description: WorkloadDescription) {
        self.number = number
        self.path = path
        self.description = description
    }
}
