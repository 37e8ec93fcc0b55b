// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport
import Synchronization
import Testing

@testable import SensorCore

@Suite struct LiveHostViewTests {
    private let pid = UInt32(getpid())

    /// A directory with a file, links to it and links that lead out.
    private final class Tree {
        private let directory: TestDirectory
        var path: String { directory.path }

        init() throws {
            directory = try TestDirectory()
            mkdir("\(path)/real", 0o755)
            close(open("\(path)/real/file", O_CREAT | O_WRONLY, 0o644))
            symlink("real", "\(path)/link")
            symlink("/etc", "\(path)/absolute")
            symlink("../../../../../..", "\(path)/up")
            // A link that nobody has followed has to note the first access on disk, which cached lookups refuse.
            let times = [timespec(tv_sec: time(nil) + 3600, tv_nsec: 0), timespec(tv_sec: 0, tv_nsec: 0)]
            for name in ["link", "absolute", "up"] {
                utimensat(AT_FDCWD, "\(path)/\(name)", times, AT_SYMLINK_NOFOLLOW)
            }
        }
    }

    private func resolve(_ host: LiveHostView, _ path: String, pid: UInt32, isItself: Bool = true) -> String? {
        host.answer(.resolve(pid: pid, path: ByteString(path), isItself: isItself)).bytes
            .map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func `links are followed to where they lead`() throws {
        let tree = try Tree()
        let host = LiveHostView(cgroupRoot: nil)
        #expect(resolve(host, "\(tree.path)/link/file", pid: pid) == "\(tree.path)/real/file")
        #expect(resolve(host, "\(tree.path)/link", pid: pid) == "\(tree.path)/real")
        #expect(resolve(host, "\(tree.path)/link/../real/./file", pid: pid) == "\(tree.path)/real/file")
        #expect(resolve(host, "\(tree.path)/nothing", pid: pid) == nil)
        #expect(resolve(host, "/", pid: pid) == "/")
        #expect(host.answer(.resolve(pid: pid, path: "/a\0b", isItself: true)) == .failure(EINVAL))
    }

    @Test func `a name that ends as procfs shows what is gone is a name`() throws {
        let tree = try Tree()
        let path = "\(tree.path)/real (deleted)"
        mkdir(path, 0o755)
        defer { rmdir(path) }
        #expect(resolve(LiveHostView(cgroupRoot: nil), path, pid: pid) == path)
    }

    @Test func `what goes while it is looked up has no path, or the one that it had`() throws {
        let tree = try Tree()
        let path = "\(tree.path)/gone"
        let isDone = Mutex(false)
        let worker = try Worker(name: "test-goes") {
            while !isDone.withLock({ $0 }) {
                mkdir(path, 0o755)
                rmdir(path)
            }
        }
        let host = LiveHostView(cgroupRoot: nil)
        var found: Set<String?> = []
        for _ in 0..<20_000 { found.insert(resolve(host, path, pid: pid)) }
        isDone.withLock { $0 = true }
        let hasEnded = worker.join(milliseconds: 60_000)
        #expect(hasEnded)
        #expect(found.isSubset(of: [path, nil]))
    }

    @Test func `a link that nobody has followed is looked up from the caches or not at all`() throws {
        let tree = try Tree()
        symlink("real", "\(tree.path)/fresh")
        defer { remove("\(tree.path)/fresh") }
        // Its first access would have to be noted on disk, if the file system notes that at all.
        let answer = LiveHostView(cgroupRoot: nil).answer(
            .resolve(pid: pid, path: ByteString("\(tree.path)/fresh/file"), isItself: true))
        #expect([.failure(EAGAIN), .bytes(Array("\(tree.path)/real/file".utf8))].contains(answer))
    }

    @Test(.enabled(if: getuid() == 0, "only root may change a root"))
    func `nothing leads out of a process's own root`() throws {
        let tree = try Tree()
        mkdir("\(tree.path)/etc", 0o755)
        defer { rmdir("\(tree.path)/etc") }
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let child = try Child([
            "/usr/bin/env", "python3", "-c",
            "import os,sys,time\nos.chroot(sys.argv[1]); os.chdir('/'); os.write(int(sys.argv[2]), b'x'); time.sleep(60)",
            tree.path, "\(ends[1])",
        ])
        defer {
            kill(child.pid, SIGKILL)
            child.wait()
        }
        close(ends[1])
        var byte: UInt8 = 0
        let count = read(ends[0], &byte, 1)
        close(ends[0])
        try #require(count == 1)
        let host = LiveHostView(cgroupRoot: nil)
        let inside = UInt32(child.pid)
        #expect(resolve(host, "/link/file", pid: inside) == "/real/file")
        #expect(resolve(host, "/up/real/file", pid: inside) == "/real/file")
        #expect(resolve(host, "/up", pid: inside) == "/")
        #expect(resolve(host, "/absolute", pid: inside) == "/etc")
        #expect(resolve(host, "/absolute/passwd", pid: inside) == nil)
        withExtendedLifetime(tree) {}
    }

    /// A process that has a file open as its standard input and its directory there, and tells the number it goes by.
    private func standing(in tree: Tree, _ wrapper: [String] = []) throws -> (child: Child, number: UInt32, pid: UInt32)
    {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let script = """
            import os,sys,time
            os.chdir(sys.argv[1]); os.dup2(os.open('file', os.O_RDONLY), 0)
            outer = os.readlink(sys.argv[3] + '/self') if len(sys.argv) > 3 else os.getpid()
            os.write(int(sys.argv[2]), b'%d %s' % (os.getpid(), str(outer).encode())); time.sleep(60)
            """
        let child = try Child(
            ["/usr/bin/env"] + wrapper + ["python3", "-c", script, tree.path + "/real", "\(ends[1])"]
                + (wrapper.isEmpty ? [] : [tree.path + "/proc"]))
        close(ends[1])
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(ends[0], &bytes, bytes.count)
        close(ends[0])
        try #require(count > 0)
        let numbers = String(decoding: bytes[..<count], as: UTF8.self).split(separator: " ").compactMap { UInt32($0) }
        try #require(numbers.count == 2)
        return (child, numbers[0], numbers[1])
    }

    @Test func `what proc has for whoever looks is that of the process`() throws {
        let tree = try Tree()
        let host = LiveHostView(cgroupRoot: nil)
        let (child, number, inside) = try standing(in: tree)
        defer {
            kill(child.pid, SIGKILL)
            child.wait()
        }
        #expect(number == inside)
        #expect(resolve(host, "/proc/self/status", pid: inside) == "/proc/\(inside)/status")
        #expect(resolve(host, "/proc/self/../mounts", pid: inside) == "/proc/\(inside)/mounts")
        #expect(resolve(host, "/proc/self/fd/0", pid: inside) == "\(tree.path)/real/file")
        #expect(resolve(host, "/proc/self/cwd/../link/file", pid: inside) == "\(tree.path)/real/file")
        #expect(resolve(host, "/proc/\(inside)/root/etc", pid: inside) == "/etc")
        #expect(resolve(host, "/proc/\(getpid())/status", pid: inside) == "/proc/\(getpid())/status")
        // Nobody can say which thread it was, or what an ancestor's descriptors have to do with it.
        for (path, isItself) in [
            ("/proc/thread-self/status", true), ("/proc/self/status", false), ("/proc/self/exe/x", true),
        ] {
            #expect(resolve(host, path, pid: inside, isItself: isItself) == nil)
        }
        withExtendedLifetime(tree) {}
    }

    @Test func `proc tells of this process`() throws {
        let host = LiveHostView(cgroupRoot: nil)
        let stat = try #require(ProcessStat(host.answer(.file(pid: pid, .stat)).bytes ?? []))
        #expect(stat.parent == UInt32(getppid()))
        #expect(ProcessStatus(host.answer(.file(pid: pid, .status)).bytes ?? [])?.identity.user.real == getuid())
        let pids = try #require(host.answer(.processes).bytes)
        #expect(pids.count % 4 == 0)
        #expect(pids.count >= 8)
        #expect(host.answer(.file(pid: 0, .stat)) == .failure(ENOENT))
    }

    @Test(.enabled(if: CgroupHierarchy.current().tracked != nil, "no cgroups here"))
    func `the id of a cgroup is found by its path, and its path by its id`() throws {
        let host = LiveHostView(cgroupRoot: CgroupHierarchy.current().tracked)
        let id = try #require(host.answer(.cgroupID(path: "/")).bytes)
        let number = id.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        var table = CgroupTable(host: host)
        table.scan()
        #expect(table.path(of: number) == "/")
        #expect(table.workload(of: number, pid: 0).description.kind == "Host")
    }

    @Test func `cgroups with names that are no text are found like others, and what cannot be read is counted`() throws
    {
        let tree = try TestDirectory()
        let odd = ByteString(Array("/\u{e9}".utf8) + [0xff, 0xfe])
        func full(_ path: ByteString) -> [CChar] {
            (Array(tree.path.utf8) + path.bytes).map { CChar(bitPattern: $0) } + [0]
        }
        let below = ByteString(odd.bytes + Array("/below".utf8))
        for path in [odd, below] { try #require(mkdir(full(path), 0o755) == 0) }
        defer { for path in [below, odd] { rmdir(full(path)) } }
        var status = stat()
        try #require(stat(full(below), &status) == 0)

        let host = LiveHostView(cgroupRoot: tree.path)
        var table = CgroupTable(host: host)
        table.scan()
        #expect(table.path(of: UInt64(status.st_ino)) == below)
        #expect(table.unread == 0)
        let id = try #require(host.answer(.cgroupID(path: below)).bytes)
        #expect(id.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) } == UInt64(status.st_ino))
    }

    @Test func `a cgroup that a scan could not read is counted and no workload`() {
        let host = FakeHost()
        host.setCgroups([(1, "/"), (0, "/deep"), (2, "/system.slice/cron.service")])
        var table = CgroupTable(host: host)
        table.scan()
        #expect(table.unread == 1)
        #expect(table.path(of: 0) == nil)
        #expect(table.path(of: 2) == "/system.slice/cron.service")
    }
}
