// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// What this process uses of the machine.
enum OverloadMeter {
    /// Processors of the node that work.
    static var processors: Int { sysconf(Int32(_SC_NPROCESSORS_ONLN)) }

    /// Nanoseconds that all its threads have used.
    static var processorTime: UInt64 { time(of: CLOCK_PROCESS_CPUTIME_ID) }

    /// Nanoseconds that the calling thread has used.
    static var threadTime: UInt64 { time(of: CLOCK_THREAD_CPUTIME_ID) }

    private static func time(of clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// Bytes of resident memory, those of the rings' pages twice.
    static var memory: Int {
        let fields = (ProcFile.text("/proc/self/statm") ?? "").split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }
}
