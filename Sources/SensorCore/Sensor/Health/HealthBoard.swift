// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Whom `HealthServer` asks how the daemon is: first what stands by, and from when it collects what does.
package final class HealthBoard: Sendable {
    /// nil: that is not to be had now.
    package typealias Report = @Sendable () async -> HealthReport?

    private let asked: NIOLockedValueBox<Report>

    package init(_ report: @escaping Report) {
        asked = NIOLockedValueBox(report)
    }

    /// From now on that one is asked.
    package func ask(_ report: @escaping Report) { asked.withLockedValue { $0 = report } }

    package func report() async -> HealthReport? { await asked.withLockedValue { $0 }() }
}
