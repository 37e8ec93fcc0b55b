// SPDX-License-Identifier: Apache-2.0

/// How long to wait before the next attempt: longer each time up to a ceiling, and any part of that by chance ("full
/// jitter"), so that many nodes do not come back in step.
struct Backoff: Sendable {
    struct Bounds: Sendable, Equatable {
        var first = Duration.milliseconds(500)
        var ceiling = Duration.seconds(30)
        /// How long all must have been well until the next attempt is a first one again.
        var steady = Duration.seconds(120)
    }

    private let bounds: Bounds
    private var limit: Duration

    init(_ bounds: Bounds) {
        self.bounds = bounds
        limit = min(bounds.first, bounds.ceiling)
    }

    /// The next attempt is a first one again.
    mutating func reset() { limit = min(bounds.first, bounds.ceiling) }

    /// - Parameter time: for which all has been well; too short a one proves nothing, and changes nothing.
    mutating func reset(after time: Duration) {
        if time >= bounds.steady { reset() }
    }

    /// - Parameter least: what the server asked for; the chance comes on top of it.
    mutating func next(atLeast least: Duration? = nil) -> Duration {
        defer { limit = min(limit * 2, bounds.ceiling) }
        return (least ?? .zero) + limit * Double.random(in: 0...1)
    }

    /// Waits. By the clock that no change of the time of day moves.
    ///
    /// - Throws: `CancellationError` alone.
    mutating func wait(atLeast least: Duration? = nil) async throws {
        try await Task.sleep(for: next(atLeast: least), clock: .continuous)
    }
}
