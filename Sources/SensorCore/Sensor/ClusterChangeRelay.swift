// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Hands what the API server's side tells to somebody who may take a while, such as the collecting thread: in order, all
/// that has come at once, and without keeping whoever tells it waiting.
package final class ClusterChangeRelay: Sendable {
    private struct State: Sendable {
        var waiting: [ClusterChange] = []
        var isHandingOver = false
    }

    private let state = NIOLockedValueBox(State())
    private let take: @Sendable ([ClusterChange]) -> Void

    /// - Parameter take: called on a thread that is there only while something is to be handed over; may block.
    package init(take: @escaping @Sendable ([ClusterChange]) -> Void) { self.take = take }

    /// Does not wait. From any thread.
    package func send(_ changes: [ClusterChange]) {
        let isFirst = state.withLockedValue { state in
            state.waiting += changes
            defer { state.isHandingOver = true }
            return !state.isHandingOver
        }
        guard isFirst else { return }
        do throws(SystemError) {
            _ = try Worker(name: "identity") { [self] in handOver() }
        } catch {
            // No thread to be had: what waits goes with what comes next.
            state.withLockedValue { $0.isHandingOver = false }
        }
    }

    private func handOver() {
        while true {
            let changes = state.withLockedValue { state in
                if state.waiting.isEmpty { state.isHandingOver = false }
                defer { state.waiting = [] }
                return state.waiting
            }
            if changes.isEmpty { return }
            take(changes)
        }
    }
}
