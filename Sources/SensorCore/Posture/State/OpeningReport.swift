// SPDX-License-Identifier: Apache-2.0

/// What was found in a state directory.
package struct OpeningReport: Equatable, Sendable {
    package enum Stream: Equatable, Sendable {
        /// There was no state: the stream begins.
        case new
        case continued
        /// It goes on behind sequences that may have been used: so many at most, which are a hole among the records.
        case skipped(UInt64)
        /// How far it had come cannot be told: another begins.
        case renewed
    }

    package struct Loss: Equatable, Sendable {
        package var key: [UInt8]
        /// The value of the commit before was there.
        package var hasOlder: Bool
    }

    package var entries = 0
    /// Records that are not acknowledged.
    package var records = 0
    package var segments = 0
    package var bytes = 0
    package var stream = Stream.new
    /// The log was closed, and nothing has happened to it since.
    package var wasClean = true
    /// Bytes of a commit that was not finished: nobody has seen what was in it.
    package var tornBytes = 0
    /// Values that were damaged, by key: what came of one tick is lost of each, and all of it where there is no older one.
    package var lostEntries: [Loss] = []
    /// Frames that were damaged so that it cannot be told what they were. Older ones may stand for them.
    package var lostFrames = 0
    /// Keys that had a value and have none now.
    package var missingEntries = 0
    /// Records that are neither there nor acknowledged, in ranges.
    package var lostRecords: [ClosedRange<UInt64>] = []
    /// Records of a stream that does not go on.
    package var abandonedRecords = 0
    /// Files that are damaged: kept aside under another name as soon as what is whole in them stands elsewhere.
    package var damagedFiles: [String] = []

    package init() {}

    /// Nothing was lost.
    package var isWhole: Bool {
        lostEntries.isEmpty && lostFrames == 0 && missingEntries == 0 && lostRecords.isEmpty && abandonedRecords == 0
    }
}
