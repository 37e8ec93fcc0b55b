// SPDX-License-Identifier: Apache-2.0

/// One tool call and all that was done for it, for the records.
package struct ToolCallRecord: Sendable {
    package enum State: String, Sendable, CaseIterable {
        /// The sensor stopped before its end came.
        case open
        case finished
    }

    /// A process that the call has started, and that went on after its end: what it does then descends from the call.
    package struct Outliving: Sendable, Equatable {
        package var id: String
        package var pid: UInt32
        package var executable: String
        package var method: ToolCallReference.Method

        package init(id: String, pid: UInt32, executable: String, method: ToolCallReference.Method) {
            self.id = id
            self.pid = pid
            self.executable = executable
            self.method = method
        }
    }

    package var state: State
    package var call: ToolCallDetail
    /// Who announced it.
    package var process: ProcessDescription?
    package var workload: WorkloadDescription
    /// Nanoseconds since 1970.
    package var began: UInt64
    package var ended: UInt64?
    /// The earliest first.
    package var effects: [ToolCallEffects.Effect] = []
    /// Occurrences, with those that are not listed.
    package var counts: [EventKind: UInt64] = [:]
    /// Occurrences that are not listed.
    package var leftOut: UInt64 = 0
    /// Something of its time was lost, or not waited for, or had no place to be kept.
    package var isIncomplete = false
    package var outlivedBy: [Outliving] = []
    /// Those beyond what is listed.
    package var outlivedByLeftOut: UInt64 = 0

    package init(
        state: State, call: ToolCallDetail, process: ProcessDescription? = nil, workload: WorkloadDescription,
        began: UInt64, ended: UInt64? = nil
    ) {
        self.state = state
        self.call = call
        self.process = process
        self.workload = workload
        self.began = began
        self.ended = ended
    }

    /// By the order of kinds.
    var sortedCounts: [(kind: EventKind, count: UInt64)] {
        counts.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key, $0.value) }
    }
}
