// SPDX-License-Identifier: Apache-2.0

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
}
