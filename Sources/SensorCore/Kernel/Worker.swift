// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
import Glibc

/// A thread of our own, for work that may block: Swift concurrency's few threads must not.
package struct Worker: Sendable {
    private let ended: WakeUp

    /// Starts `body` on a new thread, which shows as `name` (15 bytes at most) in /proc.
    ///
    /// All signals are blocked on it: they belong to the main thread.
    package init(name: String, _ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let ended = try WakeUp()
        self.ended = ended
        let work = Unmanaged.passRetained(
            Work {
                sensor_thread_name(name)
                body()
                ended.signal()
            })
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }

        var thread = pthread_t()
        let error = pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, work.toOpaque())
        guard error == 0 else {
            work.release()
            throw SystemError("start thread \(name)", number: error)
        }
        pthread_detach(thread)
    }

    /// Waits until the body has returned; below 0 for ever. False: it still runs. To be called by one thread, once it was true no more.
    package func join(milliseconds: Int32) -> Bool {
        ended.wait(milliseconds: milliseconds)
    }

    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(body: @escaping @Sendable () -> Void) { self.body = body }
    }
}
