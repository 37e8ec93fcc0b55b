// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// The Python that has the packages of Tests/Agents/requirements.txt: `make test-agents` makes one.
enum AgentPython {
    static let path = getenv("SENSORD_TEST_PYTHON").map { String(cString: $0) }
}

extension Trait where Self == ConditionTrait {
    /// Skips, with the reason, where no such Python is named.
    static var needsAgentPython: Self {
        .enabled(
            if: AgentPython.path != nil, "SENSORD_TEST_PYTHON names no Python with packages of PyPI: make test-agents")
    }
}
