// SPDX-License-Identifier: Apache-2.0

/// Who said something on the tool-call socket, and when.
package struct CallOrigin: Sendable, Equatable, Codable {
    /// As the initial pid namespace has it.
    package var process: UInt32
    /// Id of the process's cgroup in the tracked hierarchy.
    package var cgroup: UInt64
    /// Boot clock, ns.
    package var time: UInt64

    package init(process: UInt32, cgroup: UInt64, time: UInt64) {
        self.process = process
        self.cgroup = cgroup
        self.time = time
    }
}
