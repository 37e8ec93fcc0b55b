// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
import Glibc

/// A command that has a pid already and has not yet begun: what watches it can be put in place first.
package struct GatedCommand: ~Copyable {
    /// As this process's pid namespace has it.
    package let pid: Int32
    private let gate: Int32
    private let report: Int32

    /// Forks it, and makes this process the one that inherits the orphans among its descendants, and that can wait for
    /// them: SIGCHLD has its default effect from then on. The command ignores it if this process did.
    ///
    /// - Parameters:
    ///   - arguments: the name, found in PATH, and what follows it; not empty.
    ///   - signalMask: what the command starts with.
    package init(arguments: [String], signalMask: SignalMask) throws(SystemError) {
        guard sensor_become_subreaper() == 0 else { throw SystemError("prctl") }
        var strings = arguments.map { strdup($0) }
        strings.append(nil)
        defer { for string in strings { free(string) } }
        var mask = signalMask.set
        var command = sensor_command()
        let error = sensor_command_fork(strings, &mask, &command)
        guard error == 0 else { throw SystemError("fork", number: -error) }
        // Ignored, as some parents leave it, it would have the kernel forget children as they end, and tell nobody.
        signal(SIGCHLD, SIG_DFL)
        pid = command.pid
        gate = command.gate
        report = command.report
    }

    deinit {
        close(gate)
        close(report)
    }

    /// Lets the command begin and waits until it has: 0, or the errno with which it could not be executed.
    package consuming func open() -> Int32 {
        var token: UInt8 = 1
        while write(gate, &token, 1) < 0, errno == EINTR {}
        var error: Int32 = 0
        var count = read(report, &error, MemoryLayout<Int32>.size)
        while count < 0, errno == EINTR { count = read(report, &error, MemoryLayout<Int32>.size) }
        return count == MemoryLayout<Int32>.size ? error : 0
    }
}
