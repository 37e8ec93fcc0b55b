// SPDX-License-Identifier: Apache-2.0

/// Takes the records of a stream, in order, from the thread that keeps them.
///
/// What it takes is kept until it has settled it, so that a crash in between leaves no hole: it may come again then. Each
/// sink has its own place in the stream, and one that takes nothing holds up no other.
package protocol RecordSink: Sendable {
    /// Under which its place in the stream is kept over restarts; no other sink has it.
    var name: String { get }

    /// Called once, before anything is offered.
    func begin(_ start: RecordSinkStart)

    /// - Returns: false if there is no room at the moment; the same record is offered again later.
    func offer(_ envelope: RecordEnvelope) -> Bool

    /// The last of the records taken that are out of this process, with all before it; 0: none.
    var settled: UInt64 { get }

    /// Nothing more is to be expected of it soon: the end does not wait for what it has taken.
    var isHanging: Bool { get }
}

extension RecordSink {
    package func begin(_ start: RecordSinkStart) {}

    package var isHanging: Bool { false }
}

/// Where a sink goes on.
package struct RecordSinkStart: Sendable {
    package var stream: StreamID
    /// The last record that it has settled, in an earlier run too.
    package var settled: UInt64
    /// The last record that an earlier run can have offered it.
    package var offered: UInt64
    /// To be called when it has settled records or has room again. From any thread; does not wait.
    package var wake: @Sendable () -> Void

    package init(stream: StreamID, settled: UInt64, offered: UInt64, wake: @escaping @Sendable () -> Void) {
        self.stream = stream
        self.settled = settled
        self.offered = offered
        self.wake = wake
    }
}
