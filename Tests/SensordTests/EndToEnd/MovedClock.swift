// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import Testing

/// A wall clock of one program's own, which a test sets: what stands between the program and the C library's clock. The boot clock
/// is the machine's, as the kernel's programs read it.
final class MovedClock {
    private let file: String
    private let library: String

    /// - Parameter folder: where it is made.
    init(in folder: String) throws {
        (file, library) = (folder + "/clock", folder + "/clock.so")
        let source = try RunningSensord(
            [], wrapper: ["sh", "-c", "cat >'\(folder)/clock.c' <<'END'\n\(Self.source)\nEND", "sh"]
        ).wait()
        try #require(source.status == 0, "\(source.errors)")
        let made = try RunningSensord(
            [], wrapper: ["sh", "-c", "exec cc -shared -fPIC -O1 -o '\(library)' '\(folder)/clock.c'", "sh"]
        ).wait()
        try #require(made.status == 0, "\(made.errors)")
        set(ahead: 0)
    }

    /// Of the program that has it.
    var environment: [String] { ["LD_PRELOAD=\(library)", "MOVED_CLOCK=\(file)"] }

    /// Sets it: ahead of the machine's by so many seconds, or behind.
    func set(ahead seconds: Int64) {
        let descriptor = open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        _ = withUnsafeBytes(of: seconds) { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }

    private static let source = """
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>

        static volatile int64_t *ahead;

        __attribute__((constructor)) static void begin(void)
        {
            int file = open(getenv("MOVED_CLOCK"), O_RDONLY | O_CLOEXEC);

            ahead = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
            if (ahead == MAP_FAILED)
                abort();
            close(file);
        }

        int clock_gettime(clockid_t clock, struct timespec *now)
        {
            int status = syscall(SYS_clock_gettime, clock, now);

            if (!status && clock == CLOCK_REALTIME && ahead)
                now->tv_sec += *ahead;
            return status;
        }

        time_t time(time_t *now)
        {
            struct timespec time;

            clock_gettime(CLOCK_REALTIME, &time);
            if (now)
                *now = time.tv_sec;
            return time.tv_sec;
        }
        """
}
