// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Both clocks at one moment.
package struct ClockReading: Sendable, Equatable {
    /// Boot clock, ns.
    package var boot: UInt64
    /// Wall clock minus boot clock, ns.
    package var wallOffset: Int64

    package init(boot: UInt64, wallOffset: Int64) {
        self.boot = boot
        self.wallOffset = wallOffset
    }

    /// Wall clock, ns since 1970, of a moment on the boot clock.
    package func wall(_ boot: UInt64) -> UInt64 { boot &+ UInt64(bitPattern: wallOffset) }

    /// Wall clock, ns since 1970, of this moment.
    var wall: UInt64 { wall(boot) }
}

extension ClockReading {
    /// Both clocks now, as close together as can be read.
    static func now() -> ClockReading {
        let before = KernelSession.bootTime()
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        let after = KernelSession.bootTime()
        let middle = before &+ (after &- before) / 2
        return ClockReading(
            boot: after, wallOffset: Int64(wall.tv_sec) &* 1_000_000_000 &+ Int64(wall.tv_nsec) &- Int64(middle))
    }
}
