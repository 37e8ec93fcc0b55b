// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorCore

/// A program that waits at a gate, so that what watches it is in place before its first instruction, and talks to the
/// test by lines. Its standard input is what holds it: see `sensor-workload`.
final class WorkloadProcess {
    let pid: UInt32
    private let input: Int32
    private let output: Int32
    private var pending: [UInt8] = []
    private(set) var lines: [String] = []

    /// Beside the running test program, where SwiftPM builds it, or what `SENSOR_WORKLOAD` names.
    static let program: String = {
        if let named = getenv("SENSOR_WORKLOAD") { return String(cString: named) }
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        let path = String(decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        // The runner of another build system, or of a debugger, may lie elsewhere: then the tests' own bundle is named.
        for candidate in [path] + CommandLine.arguments {
            guard let slash = candidate.lastIndex(of: "/") else { continue }
            let program = candidate[..<slash] + "/sensor-workload"
            if access(String(program), X_OK) == 0 { return String(program) }
        }
        return "sensor-workload"
    }()

    init(_ command: [String]) throws {
        var inputs: [Int32] = [-1, -1]
        var outputs: [Int32] = [-1, -1]
        guard sensor_pipe(&inputs) == 0, sensor_pipe(&outputs) == 0 else { throw SystemError("pipe") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, inputs[0], 0)
        posix_spawn_file_actions_adddup2(&actions, outputs[1], 1)
        // Nothing of the test's own: its threads block signals, and it may end before the workload's children do.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = sigset_t()
        sigemptyset(&mask)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setpgroup(&attributes, 0)
        // Whoever talks to a workload that has ended wants an error, but the workload itself is as any program.
        signal(SIGPIPE, SIG_IGN)
        var defaults = sigset_t()
        sigemptyset(&defaults)
        sigaddset(&defaults, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF))
        let words = [Self.program, "gate"] + command
        var arguments = words.map { strdup($0) } + [nil]
        // A sanitizer's own doings would be seen as the workload's.
        let settings = [
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "ASAN_OPTIONS=detect_leaks=0:handle_segv=0:handle_abort=0",
            "SWIFT_BACKTRACE=enable=no",
        ]
        var environment = settings.map { strdup($0) } + [nil]
        defer { for string in arguments + environment { free(string) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, Self.program, &actions, &attributes, &arguments, &environment)
        close(inputs[0])
        close(outputs[1])
        input = inputs[1]
        output = outputs[0]
        self.pid = UInt32(pid)
        guard error == 0 else {
            throw SystemError("spawn \(Self.program)", number: error)
        }
        // Spawning returns before the gate's own exec is over.
        guard try readLines() else { throw TestFailure("the gate of \(command) is not there") }
    }

    deinit {
        // What it forked, too, before it is reaped: until then nobody else's group has its number. One of number 0 would be the
        // test's own.
        if pid > 1 {
            kill(-pid_t(pid), SIGKILL)
            while waitpid(pid_t(pid), nil, 0) < 0, errno == EINTR {}
        }
        close(input)
        close(output)
    }

    func openGate() throws {
        if write(input, "x", 1) == 1 { return }
        let error = SystemError("open the gate")
        // What has become of it.
        var info = siginfo_t()
        let isKnown = waitid(P_PID, id_t(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo != 0
        throw TestFailure("\(error); \(isKnown ? "ended: code \(info.si_code)" : "not ended"); it said \(lines)")
    }

    /// Collects lines until one that says "done"; false if the output ends before.
    ///
    /// - Parameter seconds: how long each line may take.
    func readLines(within seconds: Int32 = 60) throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeSubrange(...end)
                if line == "done" { return true }
                lines.append(line)
            }
            var poller = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            let ready = poll(&poller, 1, seconds * patience * 1000)
            if ready < 0, errno == EINTR { continue }
            guard ready == 1 else { throw Timeout() }
            let count = read(output, &buffer, buffer.count)
            guard count > 0 else { return false }
            pending += buffer[..<count]
        }
    }

    /// Lets it end, by another byte, and waits for that.
    func finish() throws {
        _ = write(input, "x", 1)
        let pid = id_t(pid)
        try eventually {
            var info = siginfo_t()
            return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_signo != 0
        }
    }
}
