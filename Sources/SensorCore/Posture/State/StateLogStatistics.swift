// SPDX-License-Identifier: Apache-2.0

/// What a log has done since it was opened.
package struct StateLogStatistics: Equatable, Sendable {
    package var commits: UInt64 = 0
    package var failedCommits: UInt64 = 0
    /// Bytes written, those of the next two lines among them.
    package var writtenBytes: UInt64 = 0
    /// Bytes moved to the end to make room.
    package var movedBytes: UInt64 = 0
    package var removedSegments: UInt64 = 0
    /// Values and records that were found to be damaged since.
    package var damagedEntries: UInt64 = 0
    package var damagedRecords: UInt64 = 0
    /// Values that were not kept since they have more than 16 MiB; the ones before them stay.
    package var refusedEntries: UInt64 = 0
    /// Records that found no room in memory.
    package var refusedRecords: UInt64 = 0

    package init() {}
}
