// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Where everything that talks to the API server writes how it goes, and anybody reads it.
package final class ClusterStatusBoard: Sendable {
    private let status: NIOLockedValueBox<ClusterStatus>

    package init(_ state: ClusterStatus.State = .disabled) {
        status = NIOLockedValueBox(ClusterStatus(state))
    }

    package var snapshot: ClusterStatus { status.withLockedValue { $0 } }

    func count(_ counter: WritableKeyPath<ClusterStatus.Counters, UInt64>, by number: UInt64 = 1) {
        status.withLockedValue { $0.counters[keyPath: counter] += number }
    }

    /// Counts what the server answered to one request.
    func count(_ error: APIError) {
        switch error.kind {
        case .forbidden: count(\.forbidden)
        case .throttled: count(\.throttled)
        case .malformed, .tooLarge: count(\.malformed)
        default: break
        }
        if error.kind != .cancelled { status.withLockedValue { $0.lastError = error.message } }
    }

    func count(_ faults: DecodingFaults) {
        guard faults.count > 0 else { return }
        status.withLockedValue { status in
            status.counters.malformedFields += faults.count
            status.malformedField = faults.first ?? ""
        }
    }

    func set(_ state: ClusterStatus.State) {
        status.withLockedValue { Self.set(state, of: &$0) }
    }

    /// The pods could not be listed or watched.
    ///
    /// - Parameter state: nil: it stays as it is.
    func lostContact(_ error: APIError, _ state: ClusterStatus.State?) {
        status.withLockedValue {
            $0.watchError = error.message
            if let state { Self.set(state, of: &$0) }
        }
    }

    private static func set(_ state: ClusterStatus.State, of status: inout ClusterStatus) {
        guard status.state != state else { return }
        status.state = state
        status.since = .now
    }

    func update(_ change: (inout ClusterStatus) -> Void) {
        status.withLockedValue { change(&$0) }
    }
}
