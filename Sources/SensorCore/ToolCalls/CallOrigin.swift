// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Who said something on the tool-call socket, and when.
package struct CallOrigin: Sendable, Equatable, Codable {
    /// As the initial pid namespace has it.
    package var process: UInt32
    /// Id of the process's cgroup in the tracked hierarchy.
    package var cgroup: UInt64
    /// Boot clock, ns.
    package var time: UInt64

    package init(process: UInt32, cgroup: UInt64, time: UInt64) {
        self.process = process
        self.cgroup = cgroup
        self.time = time
    }
}

/// One moment on both clocks.
struct CallTime {
    /// Boot clock, ns.
    var boot: UInt64
    /// Nanoseconds since 1970.
    var wall: UInt64

    static func now() -> CallTime {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        return CallTime(
            boot: KernelSession.bootTime(), wall: UInt64(max(wall.tv_sec, 0)) * 1_000_000_000 + UInt64(wall.tv_nsec))
    }
}
