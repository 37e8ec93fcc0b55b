// SPDX-License-Identifier: Apache-2.0

/// What a record of the body `gap` says of records that are not to be had any more.
///
/// The record either stands in the place of the last of them, with its sequence (`to`), or follows them in the chain, with
/// the sequence after it.
package struct RecordGap: Equatable, Sendable {
    package var range: ClosedRange<UInt64>
    package var reason: String
    package var count: UInt64
    /// Of the payload that had the sequence `to`, where it is known: what `previous` of the record after it says.
    package var digest: PayloadDigest?

    package init(_ range: ClosedRange<UInt64>, reason: String, count: UInt64? = nil, digest: PayloadDigest? = nil) {
        self.range = range
        self.reason = reason
        self.count = count ?? range.upperBound - range.lowerBound + 1
        self.digest = digest
    }
}
