// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import Testing

@Suite struct CgroupHierarchyTests {
    @Test func `on a unified host its one tree is tracked`() {
        let hierarchy = CgroupHierarchy(
            mountinfo: """
                24 1 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw
                31 24 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
                """)
        #expect(hierarchy.unified == "/sys/fs/cgroup")
        #expect(hierarchy.tracked == "/sys/fs/cgroup")
        #expect(hierarchy.controller == nil)
    }

    @Test func `on a hybrid host the v1 tree of memory is tracked, and programs go to the unified one`() {
        let hierarchy = CgroupHierarchy(
            mountinfo: """
                32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
                35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
                40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
                41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
                """)
        #expect(hierarchy.unified == "/sys/fs/cgroup/unified")
        #expect(hierarchy.tracked == "/sys/fs/cgroup/memory")
        #expect(hierarchy.controller == "memory")
    }

    @Test func `controllers mounted together are told apart, and the surest one there is gets tracked`() {
        let hierarchy = CgroupHierarchy(
            mountinfo: "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct")
        #expect(hierarchy.unified == nil)
        #expect(hierarchy.tracked == "/sys/fs/cgroup/cpu,cpuacct")
        #expect(hierarchy.controller == "cpu")
    }

    @Test func `a bind mount of a part of a tree is not its root`() {
        let hierarchy = CgroupHierarchy(
            mountinfo: """
                50 1 0:27 /system.slice /mnt/part rw - cgroup2 cgroup2 rw
                31 24 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
                """)
        #expect(hierarchy.unified == "/sys/fs/cgroup")
    }

    /// As a container with a cgroup namespace of its own sees it: the runtime's mount of its part and one of the host's.
    private static let inNamespace = """
        31 24 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
        32 24 0:27 /../../.. /host/sys/fs/cgroup rw - cgroup2 cgroup2 rw
        33 24 0:27 /../../../system.slice /mnt/part rw - cgroup2 cgroup2 rw
        """

    @Test func `a mount that only seems to be the root of a tree is none`() {
        let hierarchy = CgroupHierarchy(mountinfo: Self.inNamespace) { $0 == "/host/sys/fs/cgroup" }
        #expect(hierarchy.unified == "/host/sys/fs/cgroup")
        #expect(hierarchy.tracked == "/host/sys/fs/cgroup")
        #expect(CgroupHierarchy(mountinfo: Self.inNamespace) { _ in false }.tracked == nil)
    }

    @Test func `the mounts of another process are below its root`() {
        let text = "31 24 0:27 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
        let hierarchy = CgroupHierarchy(mountinfo: text, root: "/proc/1/root") { $0 == "/proc/1/root/sys/fs/cgroup" }
        #expect(hierarchy.tracked == "/proc/1/root/sys/fs/cgroup")
        #expect(hierarchy.unified == "/proc/1/root/sys/fs/cgroup")
        #expect(hierarchy.controller == nil)
    }

    @Test func `the tree that is tracked here is whole, or is known not to be`() throws {
        let current = CgroupHierarchy.current()
        guard let tracked = current.tracked else { return }
        var status = stat()
        try #require(stat(tracked, &status) == 0)
        #expect((status.st_ino == 1) == !current.isPartial)
    }

    @Test func `escapes in a mount point are undone`() {
        let hierarchy = CgroupHierarchy(mountinfo: #"31 24 0:27 / /mnt/c\040group\134 rw - cgroup2 cgroup2 rw"#)
        #expect(hierarchy.unified == #"/mnt/c group\"#)
    }

    @Test(arguments: ["", "\n\n", "31 24 - cgroup2", "garbage - ", "1 2 3 / /x\\ rw - cgroup2 a b"])
    func `text that is no mount table gives nothing, or what can be read of it`(_ text: String) {
        #expect(CgroupHierarchy(mountinfo: text).controller == nil)
    }
}
