// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
import NIOConcurrencyHelpers

/// System calls that a sensor does not make once its programs are attached, and that whoever takes it over would: the kernel
/// refuses them from then on (seccomp). `sensor_call_filter.h` says which.
package enum CallFilter {
    /// Those that are refused whatever their arguments are, by their number on this architecture.
    package static var refused: [UInt32] {
        var calls: [UInt32] = []
        while let call = UInt32(exactly: sensor_refused_call(calls.count)) { calls.append(call) }
        return calls
    }

    /// For all threads of this process, also those that come. Cannot be taken back.
    package static func refuseForProcess() throws(SystemError) { try refuse(allThreads: true) }

    /// For the calling thread, and those that it starts.
    package static func refuseForThread() throws(SystemError) { try refuse(allThreads: false) }

    private static func refuse(allThreads: Bool) throws(SystemError) {
        if sensor_refuse_calls(allThreads) != 0 { throw SystemError("refuse system calls") }
    }

    /// Why the kernel would not filter here, tried on a thread that ends with that; nil: it would.
    package static func obstacle() -> SystemError? {
        let obstacle = NIOLockedValueBox<SystemError?>(nil)
        do throws(SystemError) {
            let thread = try Worker(name: "filter") {
                do throws(SystemError) { try refuseForThread() } catch { obstacle.withLockedValue { $0 = error } }
            }
            _ = thread.join(milliseconds: -1)
        } catch { return error }
        return obstacle.withLockedValue { $0 }
    }
}
