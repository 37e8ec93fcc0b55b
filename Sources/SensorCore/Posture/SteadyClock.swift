// SPDX-License-Identifier: Apache-2.0

/// The wall clock as it is taken for what is remembered for months. A clock that jumps would make whole windows of days be
/// forgotten, so a jump is believed only when it has lasted.
package struct SteadyClock: Sendable {
    /// Wall clock, nanoseconds since 1970.
    package private(set) var now: UInt64
    /// Jumps that were not believed (yet).
    package private(set) var jumps: UInt64 = 0
    /// What is told is not what the machine's clock says.
    package var isHeld: Bool { suspect != nil }

    private var boot: UInt64
    /// From the boot clock to the wall clock.
    private var offset: UInt64
    private var suspect: (offset: UInt64, since: UInt64)?

    /// By so much a clock may be set right at any time.
    static let tolerance: UInt64 = 3_600_000_000_000
    /// So long it must be what it was set to.
    static let patience: UInt64 = 3_600_000_000_000
    /// So long a machine may have been off.
    static let absence: UInt64 = 100 * 86_400_000_000_000

    package init(_ reading: ClockReading) {
        boot = reading.boot
        offset = reading.wall(reading.boot) &- reading.boot
        now = boot &+ offset
    }

    /// What is remembered ends at this time: a clock that was set back behind it, or runs far ahead of it, is doubted.
    package mutating func start(after latest: UInt64) {
        guard latest > 0, now < latest.subtractingOrZero(Self.tolerance) || now > latest &+ Self.absence else { return }
        jumps += 1
        suspect = (offset, boot)
        offset = latest &- boot
        now = latest
    }

    package mutating func follow(_ reading: ClockReading) {
        boot = reading.boot
        let told = reading.wall(boot) &- boot
        defer { now = boot &+ offset }
        if Self.isNear(told, offset) {
            (offset, suspect) = (told, nil)
            return
        }
        guard let known = suspect, Self.isNear(told, known.offset) else {
            jumps += 1
            suspect = (told, boot)
            return
        }
        suspect?.offset = told
        guard boot &- known.since >= Self.patience else { return }
        (offset, suspect) = (told, nil)
    }

    /// Wall clock, nanoseconds since 1970, of a moment on the boot clock.
    func wall(_ boot: UInt64) -> UInt64 { boot &+ offset }

    func time(of event: Event) -> UInt64 { isHeld ? wall(event.bootTime) : event.time }

    private static func isNear(_ one: UInt64, _ other: UInt64) -> Bool {
        Int64(bitPattern: one &- other).magnitude <= tolerance
    }
}

extension UInt64 {
    fileprivate func subtractingOrZero(_ other: UInt64) -> UInt64 { self - Swift.min(self, other) }
}
