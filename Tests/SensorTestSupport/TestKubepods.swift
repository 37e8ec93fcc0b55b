// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore

/// A kubelet's tree of cgroups, somewhere below the root.
package final class TestKubepods {
    private let cgroup: TestCgroup
    package let path: String
    /// Below the root of the hierarchy, as events have it.
    package let shown: String

    package init() throws {
        guard let tracked = CgroupHierarchy.current().tracked else { throw SystemError("cgroups", number: ENOENT) }
        cgroup = try TestCgroup("pods")
        path = cgroup.path + "/kubepods"
        shown = String(path.dropFirst(tracked.count))
        guard mkdir(path, 0o755) == 0 else { throw SystemError("make \(path)") }
    }

    deinit { rmdir(path) }

    /// UID of the pod of that number, as `sensor-workload containers` names them.
    package static func uid(_ number: Int) -> String { "00000000-0000-4000-8000-" + padded(number, 12, radix: 10) }

    /// Id of its one container.
    package static func container(_ number: Int) -> String { padded(number, 64, radix: 16) }

    private static func padded(_ number: Int, _ width: Int, radix: Int) -> String {
        let digits = String(number, radix: radix)
        return String(repeating: "0", count: width - digits.count) + digits
    }
}
