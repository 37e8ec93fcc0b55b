// SPDX-License-Identifier: Apache-2.0

import Testing

/// The Python client on its own; what a daemon makes of it is in `ToolCallTests`.
@Suite(.enabled(if: AgentFixture.hasPython, "not installed: /usr/bin/python3"))
struct PythonClientTests {
    @Test func `it does what its own tests ask of it, whatever a daemon does`() throws {
        let fixture = try AgentFixture()
        let outcome = try fixture.start(["/usr/bin/python3", "-B", AgentFixture.agents + "/client.py"]).wait()
        #expect(outcome.status == 0, "\(outcome.errors)")
    }
}
