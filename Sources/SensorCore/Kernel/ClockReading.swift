// SPDX-License-Identifier: Apache-2.0

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
}
