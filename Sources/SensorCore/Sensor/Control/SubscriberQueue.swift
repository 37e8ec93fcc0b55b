// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers

/// What waits for one attached tail: frames, up to a bound of its own and one for all tails together.
///
/// The collecting thread puts events in, the control thread sends them. A tail that reads too slowly loses events,
/// which are counted for it alone; the frames of the protocol itself always find room. The lock is never held for
/// longer than it takes to copy one frame.
///
/// A queue that has refused a frame is closed until half of what waited then is gone: a tail that is stuck costs no
/// encoding, and what a slow one loses is in one piece rather than here and there.
package final class SubscriberQueue: LineOutput {
    /// What came of sending.
    package enum Sending: Equatable, Sendable {
        /// Nothing waits any more.
        case done
        /// The peer takes no more at the moment.
        case blocked
        /// The peer has gone.
        case gone
    }

    private struct State {
        /// Whole frames, several in a chunk. The first is the one that is being sent.
        var chunks: [[UInt8]] = []
        /// What has been sent of the first chunk.
        var sent = 0
        /// The sending thread reads the first chunk: to change it would mean to copy it.
        var isSending = false
        /// Bytes that have not been sent.
        var waiting = 0
        var dropped: UInt64 = 0
        /// Closed until no more than this waits.
        var reopening: Int?
    }

    /// Small frames are sent together, up to this.
    private static let chunkBytes = 64 << 10

    private let capacity: Int
    private let budget: SubscriberBudget
    private let wakeUp: WakeUp
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - capacity: bytes of events that may wait; one frame may be longer than that.
    ///   - wakeUp: signalled when there is something to send.
    package init(capacity: Int, budget: SubscriberBudget, wakeUp: WakeUp) {
        self.capacity = capacity
        self.budget = budget
        self.wakeUp = wakeUp
    }

    deinit { _ = budget.change(from: common(state.withLockedValue { $0.waiting }), to: 0) }

    /// Events that had no room.
    package var dropped: UInt64 { state.withLockedValue { $0.dropped } }

    /// Bytes that have not been sent.
    package var waiting: Int { state.withLockedValue { $0.waiting } }

    package var isEmpty: Bool { waiting == 0 }

    package var hasRoom: Bool { state.withLockedValue { $0.reopening == nil } }

    package func drop(lines: Int) { state.withLockedValue { $0.dropped += UInt64(lines) } }

    package func append(_ bytes: [UInt8], lines: Int) -> Bool {
        if lines == 0 { return true }
        let accepted = state.withLockedValue { state in
            guard takeRoom(ControlFrame.headerBytes + bytes.count, &state) else {
                state.dropped += UInt64(lines)
                return false
            }
            Self.append(.events, bytes, &state)
            return true
        }
        if accepted { wakeUp.signal() }
        return accepted
    }

    package func append(_ frame: ControlFrame) {
        state.withLockedValue { state in
            force(ControlFrame.headerBytes + frame.payload.count, &state)
            Self.append(frame.kind, frame.payload, &state)
        }
        wakeUp.signal()
    }

    // MARK: Room

    /// What of so many bytes is beyond the tail's own share.
    private func common(_ bytes: Int) -> Int { max(0, bytes - budget.share) }

    private func takeRoom(_ bytes: Int, _ state: inout State) -> Bool {
        if state.reopening != nil { return false }
        let after = state.waiting + bytes
        if after <= capacity, budget.change(from: common(state.waiting), to: common(after)) {
            state.waiting = after
            return true
        }
        // A queue that has nothing else to send would never open again.
        if state.waiting == 0 {
            force(bytes, &state)
            return true
        }
        state.reopening = state.waiting / 2
        return false
    }

    private func force(_ bytes: Int, _ state: inout State) {
        budget.force(common(state.waiting + bytes) - common(state.waiting))
        state.waiting += bytes
    }

    private func giveBack(_ bytes: Int, _ state: inout State) {
        _ = budget.change(from: common(state.waiting), to: common(state.waiting - bytes))
        state.waiting -= bytes
        if let reopening = state.reopening, state.waiting <= reopening { state.reopening = nil }
    }

    private static func append(_ kind: ControlFrame.Kind, _ payload: [UInt8], _ state: inout State) {
        let length = ControlFrame.headerBytes + payload.count
        let first = state.isSending ? 1 : 0
        if let last = state.chunks.indices.last, last >= first, state.chunks[last].count + length <= chunkBytes {
            ControlFrame.append(kind, payload, to: &state.chunks[last])
        } else {
            var chunk: [UInt8] = []
            // Of a queue that is read well every chunk is short.
            chunk.reserveCapacity(state.chunks.isEmpty ? length : max(length, chunkBytes))
            ControlFrame.append(kind, payload, to: &chunk)
            state.chunks.append(chunk)
        }
    }

    // MARK: Sending

    /// Sends what the peer takes now. For one thread.
    package func send(to descriptor: Int32) -> Sending {
        while true {
            let (chunk, start) = state.withLockedValue { state in
                state.isSending = !state.chunks.isEmpty
                return (state.chunks.first, state.sent)
            }
            guard let chunk else { return .done }
            let count = chunk.withUnsafeBytes { bytes in
                Glibc.send(
                    descriptor, bytes.baseAddress?.advanced(by: start), bytes.count - start, Int32(MSG_NOSIGNAL))
            }
            let error = count > 0 ? 0 : errno
            state.withLockedValue { state in
                state.isSending = false
                if count > 0 { sent(count, &state) }
            }
            if error != 0, error != EINTR { return error == EAGAIN ? .blocked : .gone }
        }
    }

    private func sent(_ count: Int, _ state: inout State) {
        giveBack(count, &state)
        state.sent += count
        guard let first = state.chunks.first, state.sent == first.count else { return }
        // At most a few dozen chunks wait: the capacity in halves of a chunk.
        state.chunks.removeFirst()
        state.sent = 0
    }
}
