// SPDX-License-Identifier: Apache-2.0

/// Events of one workload as one record, which may be dropped.
struct EventRecord: Sendable {
    var content: RecordContent
    /// How many it has.
    var count: Int
    /// Nobody should have to wait for it.
    var isUrgent = false
}
