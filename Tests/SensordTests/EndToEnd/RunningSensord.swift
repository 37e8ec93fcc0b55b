// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// The built program, run as a user runs it, with its output in files.
final class RunningSensord {
    /// What it left when it ended.
    struct Outcome {
        /// As a shell counts.
        var status: Int32
        var output: String
        var errors: String

        var lines: [Substring] { output.split(separator: "\n") }
        /// The last line on standard error.
        var summary: Substring { errors.split(separator: "\n").last ?? "" }
    }

    /// A release build that takes the place of the program beside the tests: there is more to ask of it.
    private static let release = getenv("SENSORD_TEST_RELEASE").map { String(cString: $0) }
    /// Beside the tests, in the same build folder, unless another is named.
    static let path = release ?? folder + "/sensord"
    static var isOptimised: Bool {
        #if DEBUG
            release != nil
        #else
            true
        #endif
    }
    /// Does what a test wants to see; beside them, too, or what `SENSOR_WORKLOAD` names.
    static let workload = getenv("SENSOR_WORKLOAD").map { String(cString: $0) } ?? folder + "/sensor-workload"

    private static let folder: String = {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        return "/" + own.split(separator: "/").dropLast().joined(separator: "/")
    }()

    /// Whether eBPF programs can be loaded here.
    static let canCollect: Bool = {
        guard let check = try? RunningSensord(["check"]), let outcome = try? check.wait() else { return false }
        return outcome.status == 0
    }()

    let pid: pid_t
    private let directory: TestDirectory
    private var folder: String { directory.path }
    private var hasEnded = false

    /// Starts it.
    ///
    /// - Parameters:
    ///   - wrapper: another program and its arguments, which runs it.
    ///   - output: a descriptor for its standard output; `nil`: a file.
    init(_ arguments: [String], wrapper: [String] = [], environment: [String] = [], output: Int32? = nil) throws {
        directory = try TestDirectory()

        let words = wrapper + [Self.path] + arguments
        var argv: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        // Each has its own state, and uses what a debug build needs, unless a test says otherwise.
        let inherited = [
            "PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "SENSORD_STATE_DIR=\(directory.path)/state",
            "SENSORD_CPU_BUDGET=none", "SENSORD_MEMORY_LIMIT=none",
            // Where there is a sanitizer: it would look for leaks from a process that traces the daemon, which makes none.
            "ASAN_OPTIONS=detect_leaks=0",
        ]
        var envp: [UnsafeMutablePointer<CChar>?] = (inherited + environment).map { strdup($0) } + [nil]
        defer { for string in argv + envp { free(string) } }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // A command that writes to the same file may look up where it ends and write there later, as cat(1) does.
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND
        if let output {
            posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, directory.path + "/out", flags, 0o600)
        }
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, directory.path + "/err", flags, 0o600)
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)

        // The threads that tests run on block signals.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

        var pid: pid_t = 0
        let error = posix_spawnp(&pid, words[0], &actions, &attributes, &argv, &envp)
        guard error == 0 else { throw SystemError("spawn \(words[0])", number: error) }
        self.pid = pid
    }

    deinit {
        if !hasEnded {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
    }

    /// Waits until it has ended.
    func wait() throws -> Outcome {
        var status: Int32 = 0
        var ended: pid_t = 0
        try SensordTests.eventually {
            ended = waitpid(pid, &status, WNOHANG)
            return ended != 0
        }
        guard ended == pid else { throw SystemError("wait for sensord") }
        hasEnded = true
        let code = status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
        return Outcome(status: code, output: text("/out"), errors: text("/err"))
    }

    /// Waits for a condition that it brings about; tells what it said if it ends, or time does, without.
    func eventually(_ condition: () -> Bool) throws {
        do {
            try SensordTests.eventually {
                // In this order: it may bring it about and then end.
                let hasEnded = hasEnded || isOver
                if condition() { return true }
                if hasEnded { throw Timeout(what: "sensord ended: \(errorsSoFar)") }
                return false
            }
        } catch let timeout as Timeout {
            throw Timeout(what: timeout.what ?? "sensord said: \(errorsSoFar)")
        }
    }

    var isOver: Bool {
        var information = siginfo_t()
        waitid(P_PID, id_t(pid), &information, WEXITED | WNOHANG | WNOWAIT)
        return information.si_signo != 0
    }

    /// Where it serves HTTP, once it has said so.
    func address() throws -> String {
        let mark = "listening for HTTP address="
        func told() -> Substring? {
            errorsSoFar.split(separator: "\n").dropLast(errorsSoFar.hasSuffix("\n") ? 0 : 1).first { $0.contains(mark) }
        }
        try eventually { told() != nil }
        return String(told()?.split(separator: "=").last ?? "")
    }

    /// What it has written so far.
    var outputSoFar: String { text("/out") }
    var errorsSoFar: String { text("/err") }

    private func text(_ name: String) -> String {
        let descriptor = open(folder + name, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer.prefix(count)
        }
    }
}

/// Runs sensord to its end.
func sensord(
    _ arguments: String..., wrapper: [String] = [], environment: [String] = []
) throws -> RunningSensord.Outcome {
    try RunningSensord(arguments, wrapper: wrapper, environment: environment).wait()
}

/// The condition did not come true in time.
struct Timeout: Error {
    var what: String?
}

/// Waits for a condition, at most two minutes: that is for what hangs, not for what a loaded machine delays.
func eventually(_ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while try !condition() {
        if ContinuousClock.now >= deadline { throw Timeout() }
        usleep(1000)
    }
}

extension RunningSensord {
    /// As `eventually`, from a test that must not block.
    func until(_ condition: () -> Bool) async throws {
        do {
            try await asyncEventually {
                let isOver = isOver
                if condition() { return true }
                if isOver { throw Timeout(what: "sensord ended: \(errorsSoFar)") }
                return false
            }
        } catch let timeout as Timeout {
            throw Timeout(what: timeout.what ?? "sensord said: \(errorsSoFar)")
        }
    }

    /// As `wait`, from a test that must not block.
    func ended() async throws -> Outcome {
        try await until { isOver }
        return try wait()
    }

    /// Ends a daemon as systemd does, and expects that it takes its leave.
    @discardableResult
    func stop() async throws -> Outcome {
        kill(pid, SIGTERM)
        let outcome = try await ended()
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome
    }

    /// Takes its life.
    func crash() async throws {
        kill(pid, SIGKILL)
        _ = try await ended()
    }

    /// A daemon that collects, with all that is its own in a folder, and whose records go to a URL.
    static func delivering(
        to url: String, in folder: String, _ more: [String] = [], environment: [String] = []
    ) async throws -> RunningSensord {
        let daemon = try RunningSensord(
            [
                "run", "--run-dir", folder + "/run", "--state-dir", folder + "/state", "--node", "n1",
                "--reconciler-url", url,
            ] + more, environment: environment)
        try await daemon.until { daemon.errorsSoFar.contains("collecting") }
        return daemon
    }

    /// What a command of the shell writes, which has to succeed.
    @discardableResult
    static func shell(_ command: String) async throws -> String {
        let outcome = try await RunningSensord([], wrapper: ["sh", "-c", command, "sh"]).ended()
        try #require(outcome.status == 0, "\(outcome.errors)")
        return outcome.output
    }
}

/// As the other, for conditions that must be waited for themselves.
func asyncEventually(_ condition: () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(120)
    while try await !condition() {
        if ContinuousClock.now >= deadline { throw Timeout() }
        try await Task.sleep(for: .milliseconds(5))
    }
}
