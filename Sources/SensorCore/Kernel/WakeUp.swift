// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
import Glibc

/// Lets one thread wake another: a kernel event counter that `poll` can wait for beside other descriptors.
package final class WakeUp: Sendable {
    /// Readable while a signal is pending. Owned by this object.
    package let descriptor: Int32

    /// - Throws: when the process has no descriptor left.
    package init() throws(SystemError) {
        descriptor = sensor_eventfd()
        guard descriptor >= 0 else { throw SystemError("eventfd") }
    }

    deinit { close(descriptor) }

    /// Makes the next or the current `wait` return. Signals that nobody has waited for yet are one. Async-signal-safe.
    package func signal() {
        var one: UInt64 = 1
        // Can fail only if the counter is about to overflow, and then a signal is pending anyway.
        _ = write(descriptor, &one, 8)
    }

    /// Waits for a signal and takes it; `milliseconds` below 0 waits for ever. False: the time was up.
    @discardableResult
    package func wait(milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        _ = poll(&entry, 1, milliseconds)
        return take()
    }

    /// Takes a pending signal without waiting. False: there was none.
    @discardableResult
    package func take() -> Bool {
        var count: UInt64 = 0
        return read(descriptor, &count, 8) == 8
    }
}
