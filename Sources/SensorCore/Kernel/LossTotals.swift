// SPDX-License-Identifier: Apache-2.0

/// What the kernel has counted of losses and of what no event tells of, since the programs were loaded.
struct LossTotals {
    var losses = LossLedger(capacity: .max)
    /// io_uring operations.
    var operations: [Operation: UInt64] = [:]

    struct Operation: Hashable {
        var cgroup: UInt64
        var opcode: UInt32
    }
}
