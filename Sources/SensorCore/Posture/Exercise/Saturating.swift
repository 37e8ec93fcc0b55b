// SPDX-License-Identifier: Apache-2.0

/// Counters that stay at their end.
enum Saturating {
    static func sum<Count: FixedWidthInteger>(_ one: Count, _ other: Count) -> Count {
        let (sum, isOver) = one.addingReportingOverflow(other)
        return isOver ? .max : sum
    }
}
