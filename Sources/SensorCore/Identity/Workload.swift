// SPDX-License-Identifier: Apache-2.0

/// The owner of one or more cgroups, as events name it.
package struct Workload: Sendable {
    /// Unique while the sensor runs and never used again; what per-workload tables are keyed by.
    package let number: UInt64
    package let description: WorkloadDescription
}
