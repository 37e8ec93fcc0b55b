// SPDX-License-Identifier: Apache-2.0

import Glibc
import Synchronization

/// What waits for one attached tail: frames, up to a bound.
///
/// The collecting thread puts events in, the control thread sends them. A tail that reads too slowly loses events,
/// which are counted for it alone; the frames of the protocol itself always find room.
final class SubscriberQueue: LineOutput {
    private struct State {
        var bytes: [UInt8] = []
        var dropped: UInt64 = 0
    }

    private let capacity: Int
    private let wakeUp: WakeUp
    private let state = Mutex(State())

    init(capacity: Int, wakeUp: WakeUp) {
        self.capacity = capacity
        self.wakeUp = wakeUp
    }

    /// Events that had no room.
    var dropped: UInt64 { state.withLock { $0.dropped } }

    var isEmpty: Bool { state.withLock { $0.bytes.isEmpty } }

    func append(_ bytes: [UInt8], lines: Int) -> Bool {
        if lines == 0 { return true }
        let frame = ControlFrame(.events, bytes).bytes
        let accepted = state.withLock { state in
            guard state.bytes.isEmpty || state.bytes.count + frame.count <= capacity else {
                state.dropped += UInt64(lines)
                return false
            }
            state.bytes += frame
            return true
        }
        if accepted { wakeUp.signal() }
        return accepted
    }

    func append(_ frame: ControlFrame) {
        state.withLock { $0.bytes += frame.bytes }
        wakeUp.signal()
    }

    /// Sends what the peer takes now.
    ///
    /// - Returns: false if the peer has gone.
    func send(to descriptor: Int32) -> Bool {
        while true {
            var taken: [UInt8] = []
            state.withLock { swap(&taken, &$0.bytes) }
            if taken.isEmpty { return true }
            var sent = 0
            var error: Int32 = 0
            while sent < taken.count {
                let count = taken.withUnsafeBytes { bytes in
                    Glibc.send(
                        descriptor, bytes.baseAddress?.advanced(by: sent), bytes.count - sent,
                        Int32(MSG_NOSIGNAL))
                }
                if count > 0 {
                    sent += count
                } else if errno != EINTR {
                    error = errno
                    break
                }
            }
            if sent == taken.count { continue }
            // What is left goes back to the front: a frame is never cut.
            state.withLock { $0.bytes.insert(contentsOf: taken[sent...], at: 0) }
            return error == EAGAIN
        }
    }
}
