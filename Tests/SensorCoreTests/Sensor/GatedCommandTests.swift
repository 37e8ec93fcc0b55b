// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import Testing

@Suite(.serialized) struct GatedCommandTests {
    private func start(_ arguments: [String]) throws -> GatedCommand {
        // The threads that tests run on block signals.
        try GatedCommand(arguments: arguments, signalMask: .none)
    }

    /// Waits for one child only: other tests have children too.
    private func status(of pid: Int32) throws -> Int32 {
        var status: Int32 = 0
        guard waitpid(pid, &status, 0) == pid else { throw SystemError("waitpid") }
        return status
    }

    private func name(of pid: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 64)
        let descriptor = open("/proc/\(pid)/comm", O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        let count = read(descriptor, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(count - 1, 0)), as: UTF8.self)
    }

    @Test func `nothing of the command runs before the gate opens`() throws {
        let command = try start(["sleep", "100"])
        let pid = command.pid
        #expect(name(of: pid) != "sleep")
        #expect(command.open() == 0)
        #expect(name(of: pid) == "sleep")
        kill(pid, SIGKILL)
        #expect(try status(of: pid) == SIGKILL)
    }

    @Test(arguments: [("/nonexistent/x", ENOENT, 127), ("/etc/passwd", EACCES, 126), ("/", EACCES, 126)])
    func `what cannot be executed is told`(_ path: String, _ error: Int32, _ exit: Int32) throws {
        let command = try start([path])
        let pid = command.pid
        #expect(command.open() == error)
        #expect(try status(of: pid) >> 8 == exit)
    }

    @Test func `a gate that nobody opens ends the command`() throws {
        let pid: Int32
        do {
            let command = try start(["sleep", "100"])
            pid = command.pid
        }
        #expect(try status(of: pid) >> 8 == 125)
    }

    @Test func `the command does not inherit what is blocked here`() throws {
        let command = try start(["sh", "-c", "kill -USR2 $$"])
        let pid = command.pid
        #expect(command.open() == 0)
        #expect(try status(of: pid) & 0x7f == SIGUSR2)
    }
}
