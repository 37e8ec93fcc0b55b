// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import Synchronization

/// What the tool-call socket has learned and the pipeline has not taken in yet. From any thread.
package final class CallInbox: Sendable {
    private let changes = NIOLockedValueBox<[CallChange]>([])
    private let isFilled = Atomic(false)

    package init() {}

    /// - Returns: whether nothing waited before, so that whoever takes it has to be woken.
    package func put(_ change: CallChange) -> Bool {
        changes.withLockedValue { $0.append(change) }
        return !isFilled.exchange(true, ordering: .releasing)
    }

    /// In the order in which it was put.
    package func take() -> [CallChange] {
        guard isFilled.exchange(false, ordering: .acquiring) else { return [] }
        return changes.withLockedValue { changes in
            defer { changes = [] }
            return changes
        }
    }
}
