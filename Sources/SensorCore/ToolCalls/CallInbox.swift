// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import Synchronization

/// What the tool-call socket has learned and the pipeline has not taken in yet. From any thread.
package final class CallInbox: Sendable {
    /// What waits to be taken.
    package struct Backlog: Sendable, Equatable {
        /// How often everything has been taken.
        package var takes: UInt64
        package var changes: Int

        package init(takes: UInt64 = 0, changes: Int = 0) {
            self.takes = takes
            self.changes = changes
        }
    }

    private struct Waiting {
        var changes: [CallChange] = []
        var takes: UInt64 = 0
    }

    private let waiting = NIOLockedValueBox(Waiting())
    private let isFilled = Atomic(false)

    package init() {}

    /// - Returns: whether nothing waited before, so that whoever takes it has to be woken.
    package func put(_ change: CallChange) -> Bool {
        waiting.withLockedValue { $0.changes.append(change) }
        return !isFilled.exchange(true, ordering: .releasing)
    }

    package var backlog: Backlog {
        waiting.withLockedValue { Backlog(takes: $0.takes, changes: $0.changes.count) }
    }

    /// In the order in which it was put. Costs next to nothing where there is nothing.
    package func take() -> [CallChange] {
        guard isFilled.load(ordering: .relaxed), isFilled.exchange(false, ordering: .acquiring) else { return [] }
        return waiting.withLockedValue { waiting in
            defer { waiting = Waiting(takes: waiting.takes + 1) }
            return waiting.changes
        }
    }
}
