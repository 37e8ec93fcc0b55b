// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// Ends a `KernelSession`'s wait from another thread or from a signal handler.
package final class Waker: Sendable {
    let descriptor: Int32

    init() throws(KernelError) {
        descriptor = sensor_eventfd()
        guard descriptor >= 0 else { throw .systemCall("cannot make an eventfd") }
    }

    deinit { close(descriptor) }

    /// The wait that is going on, or else the next one, ends with `.interrupted`. Async-signal-safe.
    package func wake() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, 8)
    }

    func reset() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, 8)
    }
}
