// SPDX-License-Identifier: Apache-2.0

/// One thing that a process did, with everything that is known about it: what `posture.proto` calls an `Event`.
///
/// A value to pass in batches. Copies are cheap: what is large is shared and immutable.
package struct Event: Sendable {
    /// Position in the stream, counted from 1 and never reused: the second half of the event's id. 0: it is not of the
    /// stream and has no id, as what a tail says of sockets that are still open.
    package var sequence: UInt64
    /// Wall clock, nanoseconds since 1970: `bootTime` plus the offset that was valid then.
    package var time: UInt64
    /// Boot clock, nanoseconds. Order and durations come from it, since a step of the wall clock does not move it.
    package var bootTime: UInt64
    package var kind: EventKind
    /// How often it happened: 1 for what is told one by one, more where the kernel counted repeats.
    package var count: UInt64
    /// The kernel's memory did not have it yet: news for its workload.
    package var isFirstSeen: Bool
    /// The kernel's memory had it, and did not count it: told all the same, as it may have been about something else.
    package var isRepeat: Bool
    /// Sent because a `--tail` wants every event of this scope.
    package var isStreamed: Bool
    /// Who did it, as it was then. `nil` where no process is to be had, as for a DNS answer that only a socket owns.
    package var process: ProcessDescription?
    /// The thread that did it, 0 if unknown.
    package var threadID: UInt32
    package var workload: WorkloadDescription
    package var detail: EventDetail
    /// The errno of a failed attempt, 0 for success.
    package var errorNumber: Int32
    package var via: Via
    /// The tool call that it was done for; nil: none was open, as far as is known.
    package var toolCall: ToolCallReference?

    package init(
        sequence: UInt64, time: UInt64, bootTime: UInt64, kind: EventKind, count: UInt64 = 1,
        isFirstSeen: Bool = false, isRepeat: Bool = false, isStreamed: Bool = false,
        process: ProcessDescription? = nil, threadID: UInt32 = 0, workload: WorkloadDescription,
        detail: EventDetail = .none, errorNumber: Int32 = 0, via: Via, toolCall: ToolCallReference? = nil
    ) {
        self.sequence = sequence
        self.time = time
        self.bootTime = bootTime
        self.kind = kind
        self.count = count
        self.isFirstSeen = isFirstSeen
        self.isRepeat = isRepeat
        self.isStreamed = isStreamed
        self.process = process
        self.threadID = threadID
        self.workload = workload
        self.detail = detail
        self.errorNumber = errorNumber
        self.via = via
        self.toolCall = toolCall
    }

    /// For a `--tail` only: the kernel's memory has counted it, and the count comes at the tick. Records leave it out.
    package var isCopy: Bool { isStreamed && !isFirstSeen && !isRepeat }
}
