// SPDX-License-Identifier: Apache-2.0

/// How long something may take, by the clock that no change of the time of day moves.
struct TimeLimit: Sendable {
    struct Exceeded: Error, CustomStringConvertible {
        var time: Duration

        var description: String { "no answer within \(time)" }
    }

    let time: Duration

    init(_ time: Duration) { self.time = time }

    /// Ends `body`, by cancelling it, when it takes longer.
    ///
    /// - Throws: `Exceeded`, or what `body` throws.
    func run<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: time, clock: .continuous)
                throw Exceeded(time: time)
            }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }
}
