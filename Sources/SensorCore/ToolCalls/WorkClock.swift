// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// How long a thread has worked on one thing after the other: what others have of the machine meanwhile is nobody's fault. For one
/// thread.
struct WorkClock {
    /// What is over so soon (ns) is taken to have been worked on all the time, though whoever was answered before may have had the
    /// processor meanwhile: to ask for a thread's processor time takes a system call, and a good part of what a short message does.
    private static let brief: UInt64 = 50_000

    /// Boot clock, ns.
    private(set) var now: UInt64 = 0
    /// Processor time of the thread up to now, ns.
    private var used: UInt64 = 0

    /// From now on it counts.
    mutating func begin() {
        now = KernelSession.bootTime()
        used = Self.usedTime()
    }

    /// The time that was worked since it began, or since the last call, ns.
    mutating func lap() -> UInt64 {
        let began = now
        now = KernelSession.bootTime()
        let passed = now &- began
        if passed < Self.brief {
            used &+= passed
            return passed
        }
        let before = used
        used = Self.usedTime()
        // Of what was brief some may have been others'.
        return used > before ? used - before : 0
    }

    private static func usedTime() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
