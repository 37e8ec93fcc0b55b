// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import Synchronization

/// What the tool-call socket has learned and the pipeline has not taken in yet. From any thread.
package final class CallInbox: Sendable {
    private let changes = NIOLockedValueBox<[CallChange]>([])
    private let isFilled = Atomic(false)
    /// Changes that wait before no more is to be learned than what ends what has begun.
    private static let limit = 65_536

    package init() {}

    /// - Returns: whether nothing waited before, so that whoever takes it has to be woken.
    package func put(_ change: CallChange) -> Bool {
        changes.withLockedValue { $0.append(change) }
        return !isFilled.exchange(true, ordering: .releasing)
    }

    /// The pipeline does not keep up: who announces calls has to wait.
    package var isBehind: Bool { changes.withLockedValue { $0.count >= Self.limit } }

    /// In the order in which it was put.
    package func take() -> [CallChange] {
        guard isFilled.exchange(false, ordering: .acquiring) else { return [] }
        return changes.withLockedValue { changes in
            defer { changes = [] }
            return changes
        }
    }
}
