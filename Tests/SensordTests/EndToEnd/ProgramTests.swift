// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import Testing

@testable import sensord

/// The built program where it needs no permission.
@Suite(.serialized) struct ProgramTests {
    @Test(arguments: ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    func `with closed standard descriptors no file gets what is meant for them`(_ closed: String) throws {
        let file = "/tmp/sensord-closed-\(getpid())"
        defer { unlink(file) }
        let wrapper = ["sh", "-c", "exec \"$@\" \(closed)", "sh"]
        // No recording, so the only words are those for standard error.
        let outcome = try sensord("replay", "--output", file, "/dev/null", wrapper: wrapper)
        #expect(outcome.status == 1)
        var status = stat()
        #expect(stat(file, &status) == 0)
        #expect(status.st_size == 0)
    }

    @Test func `a variable that is no setting is warned of by name`() throws {
        let outcome = try sensord("replay", "/dev/null", environment: ["SENSORD_TICKS=1"])
        #expect(outcome.errors.hasPrefix("sensord: SENSORD_TICKS: unknown setting, not used\n"), "\(outcome.errors)")
    }

    @Test func `an output that cannot be opened is sensord's own failure where there is a command`() throws {
        let path = "/nonexistent/events"
        let command = try sensord("--tail", "--output", path, "--", "true")
        #expect(command.status == 125)
        #expect(command.errors == "sensord: open \(path): no such file or directory\n")
        #expect(try sensord("--tail", "--output", path).status == 1)
    }
}
