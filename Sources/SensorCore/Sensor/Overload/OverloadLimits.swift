// SPDX-License-Identifier: Apache-2.0

/// What the sensor itself may use.
package struct OverloadLimits: Sendable, Equatable {
    /// Of all processors of the node together, from 0 to 1; nil: whatever it takes.
    package var processor: Double? = 0.02
    /// Bytes of resident memory; nil: whatever it takes.
    package var memory: Int? = 160 << 20

    package init() {}
}
