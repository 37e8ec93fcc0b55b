// SPDX-License-Identifier: Apache-2.0

import Glibc

/// One peer of the control socket. For the control thread.
final class ControlConnection {
    enum Phase {
        /// Has not said yet what it wants.
        case silent
        case watching(TailSubscription)
        /// Waits for the last sockets, until the deadline.
        case ending(TailSubscription)
        /// Waits for what somebody else will put into the queue, until the deadline.
        case asking
        /// Gets what is in the queue, and that is all.
        case leaving
    }

    let descriptor: Int32
    let queue: SubscriberQueue
    var reader = ControlFrameReader(limit: TailRequest.maximumBytes)
    var phase = Phase.silent
    /// The peer takes nothing until its socket is writable again.
    var isBlocked = false
    /// Boot clock, ns: when patience ends. `nil`: never.
    var deadline: UInt64?

    init(descriptor: Int32, queue: SubscriberQueue, deadline: UInt64) {
        self.descriptor = descriptor
        self.queue = queue
        self.deadline = deadline
    }

    deinit { close(descriptor) }

    /// Sends what waits, as far as the peer takes it.
    ///
    /// - Returns: false if it has gone.
    func send() -> Bool {
        if isBlocked { return true }
        let outcome = queue.send(to: descriptor)
        isBlocked = outcome == .blocked
        return outcome != .gone
    }

    /// Takes what the peer has sent.
    ///
    /// - Returns: false if it has gone.
    func receive() -> Bool {
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                reader.append(buffer.prefix(count))
                // One read is enough at a time: a peer that never stops sending must not hold up the others.
                return true
            }
            if count < 0, errno == EINTR { continue }
            return count < 0 && errno == EAGAIN
        }
    }
}
