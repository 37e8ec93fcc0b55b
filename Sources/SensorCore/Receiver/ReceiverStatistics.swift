// SPDX-License-Identifier: Apache-2.0

/// What a receiver has done since it was started, and what it holds.
struct ReceiverStatistics: Sendable, Equatable {
    var batches: UInt64 = 0
    var records: UInt64 = 0
    /// Records that were taken before.
    var repeated: UInt64 = 0
    /// Batches that began beyond what is known.
    var holes: UInt64 = 0
    /// Records with times ahead of the receiver's.
    var clamped: UInt64 = 0
    /// Records whose body this version does not know.
    var unknown: UInt64 = 0
    var refused: [ReceiverRefusal.Reason: UInt64] = [:]
    /// Subjects or writers, facts, and names of rollouts, for which there was no room.
    var leftOutRecords: UInt64 = 0
    var leftOutFacts: UInt64 = 0
    var leftOutRevisions: UInt64 = 0
    var droppedEvents: UInt64 = 0
    var streams = 0
    var subjects = 0
    var writers = 0
    var facts = 0
    var events = 0
    var log = StateLogStatistics()
    var logBytes = 0
    /// Why nothing can be kept at the moment; nil: it can.
    var trouble: String?
}
