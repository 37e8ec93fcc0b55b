// SPDX-License-Identifier: Apache-2.0

/// Takes the records of a stream, in order, from the thread that keeps them.
///
/// What it takes is kept until it has settled it, so that a crash in between leaves no hole: it may come again then.
package protocol RecordSink: Sendable {
    /// - Returns: false if there is no room at the moment; the same record is offered again later.
    func offer(_ envelope: RecordEnvelope) -> Bool

    /// The last of the records taken that are out of this process, with all before it; 0: none.
    var settled: UInt64 { get }
}
