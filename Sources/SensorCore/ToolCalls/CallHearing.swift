// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import Synchronization

/// Lets whoever joins events to calls ask up to when the socket server has heard its clients. From any thread.
///
/// An agent need not wait for the answer to its `end` before it goes on. But what it has sent is in the socket's buffer by then:
/// once the server has looked after an event's time, an `end` that was sent before the event is in the inbox.
package final class CallHearing: Sendable {
    /// What the server's thread waits for beside its clients.
    let wakeUp: WakeUp
    private let answered: WakeUp
    private let isAsked = Atomic(false)
    private let answers = Atomic<UInt64>(0)
    private let latest = NIOLockedValueBox(HeardTimes())

    package init() throws(SystemError) {
        wakeUp = try WakeUp()
        answered = try WakeUp()
    }

    // MARK: Asking

    /// Has the server look. It answers soon, and of no more than a hundred questions a second.
    func ask() {
        if isAsked.load(ordering: .relaxed) { return }
        if !isAsked.exchange(true, ordering: .acquiringAndReleasing) { wakeUp.signal() }
    }

    /// The latest answer, unless it is known: what had been sent by then is in the inbox when this returns.
    ///
    /// - Parameter known: how many answers there had been at the last call.
    func answer(after known: inout UInt64) -> HeardTimes? {
        let count = answers.load(ordering: .acquiring)
        if count == known { return nil }
        known = count
        return latest.withLockedValue { $0 }
    }

    /// Waits for an answer to come.
    func wait(milliseconds: Int32) { answered.wait(milliseconds: milliseconds) }

    // MARK: Answering

    /// Whether there was a question since the last call. What was sent before it can be read when this returns.
    func takeQuestion() -> Bool {
        isAsked.load(ordering: .relaxed) && isAsked.exchange(false, ordering: .acquiringAndReleasing)
    }

    /// Answers, when all that was taken in is in the inbox.
    ///
    /// - Parameters:
    ///   - time: all that was sent by then has been taken in,
    ///   - workloads: but of these.
    func answer(heardUntil time: UInt64, butFor workloads: Set<UInt64>) {
        latest.withLockedValue { $0 = $0.advanced(to: time, butFor: workloads) }
        answers.add(1, ordering: .releasing)
        answered.signal()
    }
}
