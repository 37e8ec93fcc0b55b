// SPDX-License-Identifier: Apache-2.0

/// Something that the sensor has stopped doing, or does again.
package struct OverloadNotice: Sendable {
    package var reduction: Reduction
    /// Whom it is about; nil: the node.
    package var workload: WorkloadDescription?
    /// `cpu`, `memory` or `queue`: the limit that was near.
    package var limit: String
    /// Wall clock, nanoseconds since 1970; `to` nil: it begins.
    package var from: UInt64
    package var to: UInt64?
}
