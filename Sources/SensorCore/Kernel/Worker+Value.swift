// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

extension Worker {
    /// Has work that may block done by a thread of its own, and waits for it without blocking.
    ///
    /// nil: no thread was to be had.
    @discardableResult
    package static func value<Value: Sendable>(_ name: String, _ body: @escaping @Sendable () -> Value) async -> Value?
    {
        await withCheckedContinuation { continuation in
            do throws(SystemError) {
                _ = try Worker(name: name) { continuation.resume(returning: body()) }
            } catch {
                continuation.resume(returning: nil)
            }
        }
    }

    /// Has work done by a thread of its own, and blocks until it is done.
    ///
    /// - Throws: what `body` throws, or that no thread was to be had.
    package static func outcome<Value: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws -> Value
    ) throws -> Value {
        let outcome = NIOLockedValueBox<Result<Value, any Error>?>(nil)
        let worker = try Worker(name: name) {
            let result = Result { try body() }
            outcome.withLockedValue { $0 = result }
        }
        _ = worker.join(milliseconds: -1)
        guard let result = outcome.withLockedValue({ $0 }) else { throw SystemError("wait for \(name)") }
        return try result.get()
    }
}
