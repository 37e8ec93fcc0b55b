// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// The events of the last while, as far as `sensord explain` wants to know of them: who acted, for which tool call, and whose
/// that is.
///
/// Bounded in number and bytes; an event costs it three references. What an event was about stands in its own line already,
/// but for calls and contexts, which others refer to.
package final class RecentEvents: EventSink, Sendable {
    fileprivate struct Entry {
        var sequence: UInt64
        var time: UInt64
        var bootTime: UInt64
        var kind: EventKind
        var via: Via
        var errorNumber: Int32
        var process: ProcessDescription?
        var workload: WorkloadDescription
        var toolCall: ToolCallReference?
        /// Of calls and contexts.
        var detail: EventDetail
        /// Bytes, about: of process, workload and call if the event before has others.
        var cost: Int
    }

    private struct State {
        /// The oldest first, what had to go in front of them.
        var entries: [Entry?] = []
        /// How many had to go.
        var gone = 0
        var bytes = 0

        mutating func append(_ event: Event) {
            var cost = MemoryLayout<Entry?>.stride
            if let process = event.process, process !== entries.last??.process { cost += process.bytes }
            if event.workload !== entries.last??.workload { cost += event.workload.bytes }
            if let call = event.toolCall, call !== entries.last??.toolCall { cost += call.bytes }
            let detail = event.kind.isReferredTo ? event.detail : .none
            cost += detail.bytes
            bytes += cost
            entries.append(
                Entry(
                    sequence: event.sequence, time: event.time, bootTime: event.bootTime, kind: event.kind,
                    via: event.via, errorNumber: event.errorNumber, process: event.process, workload: event.workload,
                    toolCall: event.toolCall, detail: detail, cost: cost))
        }

        mutating func shrink(to capacity: Int, bytes limit: Int) {
            while entries.count - gone > capacity || bytes > limit, gone < entries.count {
                bytes -= entries[gone].take()?.cost ?? 0
                gone += 1
            }
            if gone > capacity {
                entries.removeFirst(gone)
                gone = 0
            }
        }
    }

    private let capacity: Int
    private let byteLimit: Int
    private let encoder: EventEncoder
    private let stream: String
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - stream: the first half of every event's id.
    ///   - capacity: events that are kept; 0: none.
    ///   - byteLimit: what they may take, with the processes and workloads that they hold, estimated.
    package init(stream: String, capacity: Int = 16_384, byteLimit: Int = 8 << 20) {
        self.stream = stream
        self.capacity = capacity
        self.byteLimit = byteLimit
        encoder = EventEncoder(stream: stream)
    }

    package func receive(_ events: [Event]) {
        if capacity == 0 { return }
        state.withLockedValue { state in
            for event in events { state.append(event) }
            state.shrink(to: capacity, bytes: byteLimit)
        }
    }

    package func finish() {}

    /// The event with this id as a line of JSON, without what it was about; nil if it is not kept (any more). More lines
    /// have the beginning of the call that it was done for and what the model had been shown, as far as they are kept.
    package func line(of identifier: String) -> [UInt8]? {
        guard let dash = identifier.lastIndex(of: "-"), identifier[..<dash] == stream[...],
            let sequence = UInt64(identifier[identifier.index(after: dash)...])
        else { return nil }
        let events: [Event] = state.withLockedValue { state in
            guard let entry = state.entries.first(where: { $0?.sequence == sequence }) ?? nil else { return [] }
            var chain = CallChain(Event(entry))
            // The latest that fits: ids may be used again.
            for other in state.entries.reversed() {
                guard !chain.isComplete, let other else { break }
                if other.kind.isReferredTo, other.time <= entry.time { chain.offer(Event(other)) }
            }
            return chain.events
        }
        if events.isEmpty { return nil }
        var lines: [UInt8] = []
        for event in events { encoder.encode(event, into: &lines) }
        return lines
    }
}

extension Event {
    fileprivate init(_ entry: RecentEvents.Entry) {
        self.init(
            sequence: entry.sequence, time: entry.time, bootTime: entry.bootTime, kind: entry.kind, count: 0,
            process: entry.process, workload: entry.workload, detail: entry.detail, errorNumber: entry.errorNumber,
            via: entry.via, toolCall: entry.toolCall)
    }
}

extension EventKind {
    /// Other events name it by an id of its own.
    fileprivate var isReferredTo: Bool { self == .toolCallBegin || self == .toolCallEnd || self == .context }
}
