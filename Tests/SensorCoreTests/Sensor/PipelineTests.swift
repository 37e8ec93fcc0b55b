// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import Testing

@testable import SensorCore

@Suite struct PipelineTests {
    private let host = FakeHost()

    private func events(_ records: [[UInt8]], _ change: (inout PipelineConfiguration) -> Void = { _ in }) -> [Event] {
        var configuration = PipelineConfiguration()
        change(&configuration)
        var pipeline = Pipeline(session: Records.session, host: host, configuration: configuration)
        for record in records { pipeline.record(record) }
        return pipeline.takeEvents()
    }

    // MARK: Processes

    @Test func `an exec tells who runs what, where`() throws {
        let event = try #require(events([Records.exec(script: "./run.sh")]).first)
        #expect(event.kind == .processExec)
        #expect(event.via == .processExec)
        #expect(event.sequence == 1)
        #expect(event.bootTime == 10)
        #expect(event.time == 1_700_000_000_000_000_010)
        #expect(event.isFirstSeen)
        let process = try #require(event.process)
        #expect(process.id == "b00t-100-7")
        #expect(process.parentID == "b00t-1-1")
        #expect(process.executable == "/usr/bin/cat")
        #expect(process.arguments == ["cat", "/etc/passwd"])
        #expect(process.workingDirectory == "/home")
        #expect(process.script == "/home/run.sh")
        #expect(process.executableInode == 77)
        #expect(process.executableDevice?.description == "8:1")
        #expect(process.uid == 0)
    }

    @Test func `a secret in a command line or path does not get into events`() throws {
        host.addProcess(1, parent: 0, start: 1, executable: "/sbin/init", arguments: ["init", "--token", "hunter2"])
        let token = "ghp_0123456789abcdefABCDEF0123456789abcd"
        let events = events([
            Records.exec(arguments: ["app", "--password=hunter2"]), Records.open("/tmp/\(token)"),
            Records.open("/etc/passwd", pid: 1, start: 1),
        ])
        try #require(events.count == 3)
        #expect(events[0].process?.arguments == ["app", "--password=[redacted]"])
        guard case .file(let file) = events[1].detail else { return #expect(Bool(false)) }
        #expect(file.path == "/tmp/[redacted]")
        #expect(events[2].process?.arguments == ["init", "--token", "[redacted]"])
    }

    @Test func `a fork has what its parent has until it execs`() throws {
        let events = events([
            Records.exec(), Records.fork(pid: 101, start: 8, parent: (100, 7)),
            Records.exec(pid: 101, start: 8, parent: (100, 7), executable: "/bin/true", arguments: ["true"]),
            Records.exit(pid: 101, start: 8, code: 3),
        ])
        #expect(events.map(\.kind) == [.processExec, .processFork, .processExec, .processExit])
        let fork = try #require(events[1].process)
        #expect(fork.id == "b00t-101-8")
        #expect(fork.parentID == "b00t-100-7")
        #expect(fork.executable == "/usr/bin/cat")
        #expect(fork.arguments == ["cat", "/etc/passwd"])
        // Since its exec the parent may have gone elsewhere.
        #expect(fork.workingDirectory == nil)
        let exit = try #require(events[3].process)
        #expect(exit.executable == "/bin/true")
        #expect(exit.parentID == "b00t-100-7")
        guard case .exit(let detail) = events[3].detail else { return #expect(Bool(false)) }
        #expect(detail.code == 3)
    }

    @Test func `a fork by another than the parent has what that one has`() throws {
        let family = [
            Records.exec(),
            Records.exec(pid: 50, start: 3, executable: "/bin/sh", arguments: ["sh"], directory: "/srv"),
            Records.fork(pid: 101, start: 8, parent: (100, 7), creator: 50),
        ]
        let fork = try #require(events(family).last?.process)
        #expect(fork.parentID == "b00t-100-7")
        #expect(fork.executable == "/bin/sh")
        #expect(fork.arguments == ["sh"])
        #expect(fork.workingDirectory == nil)
    }

    @Test func `a creator that is not known is looked up in proc, and has its exact start from its next event`() throws
    {
        host.addProcess(50, parent: 1, start: 30_000_000, executable: "/bin/sh", arguments: ["sh"])
        let told = events([
            Records.exec(), Records.fork(pid: 101, start: 40_000_000, parent: (100, 7), creator: 50),
            Records.exit(pid: 50, start: 30_000_007),
        ])
        #expect(told[1].process?.arguments == ["sh"])
        #expect(told[1].process?.parentID == "b00t-100-7")
        #expect(told[2].process?.id == "b00t-50-30000007")
        #expect(host.asked.filter { $0 == .file(pid: 50, .stat) }.count == 1)
    }

    @Test func `an event that names an unknown process gets what proc tells of it`() throws {
        host.addProcess(1, parent: 0, start: 10_000_000, executable: "/sbin/init", arguments: ["init"])
        host.addProcess(
            100, parent: 1, start: 7, executable: "/usr/bin/python3", arguments: ["python3", "a.py"], uid: 5)
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.record(Records.open("/etc/passwd"))
        pipeline.record(Records.open("/etc/group"))
        let process = try #require(pipeline.takeEvents().first?.process)
        #expect(process.executable == "/usr/bin/python3")
        #expect(process.arguments == ["python3", "a.py"])
        #expect(process.uid == 5)
        #expect(pipeline.statistics.unknownProcesses == 1)
        #expect(pipeline.statistics.sketchedProcesses == 1)
    }

    @Test func `a pid that proc gives to another process by now tells nothing`() throws {
        host.addProcess(100, parent: 1, start: 500_000_000, executable: "/usr/bin/other", arguments: ["other"])
        let process = try #require(events([Records.open("/etc/passwd")]).first?.process)
        #expect(process.id == "b00t-100-7")
        #expect(process.executable == "")
    }

    @Test func `an unknown process that has ended is let go of again`() {
        var configuration = PipelineConfiguration()
        configuration.processes.live = 100
        configuration.processes.endedLife = 1
        var pipeline = Pipeline(session: Records.session, host: host, configuration: configuration)
        for pid in UInt32(100)..<1000 {
            pipeline.record(Records.open("/a", time: UInt64(pid), pid: pid))
            pipeline.tick(ClockReading(boot: UInt64(pid), wallOffset: 0))
        }
        #expect(pipeline.statistics.evictedProcesses == 0)
        #expect(pipeline.takeEvents().count == 900)
    }

    @Test func `a process ends once, however many of its threads tell it`() {
        let exits = [Records.exit(), Records.exit(time: 21)]
        #expect(events([Records.exec()] + exits).map(\.kind) == [.processExec, .processExit])
        // One that was never heard of before has ended by the time that it is looked up.
        #expect(events(exits).map(\.kind) == [.processExit])
    }

    @Test func `a process that had ended when it was looked up still has its exec and its exit`() throws {
        // Its fork went by unseen, and /proc has nothing of it any more when its first call is read.
        var configuration = PipelineConfiguration()
        configuration.processes.endedLife = 1
        var pipeline = Pipeline(session: Records.session, host: host, configuration: configuration)
        pipeline.record(Records.open("/etc/passwd", time: 9))
        pipeline.record(Records.exec())
        pipeline.tick(ClockReading(boot: 15, wallOffset: 0))
        pipeline.record(Records.exit(code: 7))
        pipeline.record(Records.exit(time: 21))
        let events = pipeline.takeEvents()
        #expect(events.map(\.kind) == [.fileOpen, .processExec, .processExit])
        #expect(events.last?.process?.executable == "/usr/bin/cat")
        #expect(pipeline.statistics.unknownProcesses == 1)
    }

    @Test func `a process that ran before the sensor gets its arguments from proc, and causes no event`() throws {
        host.set(.file(pid: 100, .cmdline), "nginx: worker\0")
        let events = events([
            Records.seen(pid: 100, start: 7, executable: "/usr/sbin/nginx"), Records.open("/etc/passwd"),
        ])
        #expect(events.map(\.kind) == [.fileOpen])
        let process = try #require(events[0].process)
        #expect(process.executable == "/usr/sbin/nginx")
        #expect(process.arguments == ["nginx: worker"])
    }

    @Test func `seeding does not overwrite what a live record told`() throws {
        let events = events([
            Records.exec(time: 30), Records.seen(pid: 100, start: 7, executable: "/old/program", time: 20),
            Records.open("/etc/passwd"),
        ])
        #expect(try #require(events.last?.process).executable == "/usr/bin/cat")
    }

    @Test func `a process that turns out to run another program had its exec lost, and gets a new description`() throws
    {
        host.set(.file(pid: 100, .cmdline), "nginx\0-t\0")
        let events = events([
            Records.exec(time: 10), Records.seen(pid: 100, start: 7, executable: "/usr/sbin/nginx", time: 30),
            Records.open("/etc/passwd", time: 40),
        ])
        let process = try #require(events.last?.process)
        #expect(process.executable == "/usr/sbin/nginx")
        #expect(process.arguments == ["nginx", "-t"])
    }

    @Test func `where only proc can be asked, the exact start is taken from the first event`() throws {
        host.answers[.processes] = .bytes([1, 0, 0, 0, 100, 0, 0, 0])
        host.addProcess(1, parent: 0, start: 10_000_000, executable: "/sbin/init", arguments: ["init"])
        host.addProcess(100, parent: 1, start: 120_000_000, executable: "/bin/agent", arguments: ["agent"])
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.consume(.scanProcesses)
        pipeline.record(Records.open("/etc/passwd", start: 123_456_789))
        pipeline.record(Records.open("/etc/passwd", start: 130_000_001))
        let events = pipeline.takeEvents()
        #expect(events[0].process?.id == "b00t-100-123456789")
        #expect(events[0].process?.executable == "/bin/agent")
        #expect(events[0].process?.parentID == "b00t-1-10000000")
        // Another tick: another process with the same pid.
        #expect(events[1].process?.executable != "/bin/agent")
    }

    // MARK: Files

    @Test func `a file is shown by its true path`() throws {
        let event = try #require(events([Records.exec(), Records.open("/etc/ssl/openssl.cnf")]).last)
        #expect(event.kind == .fileOpen)
        let file = try #require(event.fileDetail)
        #expect(file.path == "/etc/ssl/openssl.cnf")
        #expect(file.pathSource == .dentry)
        #expect(file.access == .read)
        #expect(file.inode == 5)
        #expect(file.device?.description == "8:1")
    }

    @Test func `a name that differs by a symbolic link is no contest, one that leads elsewhere is`() throws {
        host.set(.resolve(pid: 100, path: "/lib/libz.so", isItself: true), "/usr/lib/libz.so.1.2")
        let events = events([
            Records.open("/usr/lib/libz.so.1.2", fileFlags: SENSOR_FILE_COMPARE, argument: "/lib/libz.so"),
            Records.open("/etc/shadow", fileFlags: SENSOR_FILE_COMPARE, argument: "/lib/libz.so"),
            Records.open("/etc/shadow", fileFlags: SENSOR_FILE_SHARED_TABLE, argument: "/lib/libz.so"),
        ])
        #expect(events.map { $0.fileDetail?.pathSource } == [.dentry, .contested, .dentry])
        #expect(events[1].fileDetail?.path == "/etc/shadow")
        #expect(events[1].fileDetail?.argumentPath == "/lib/libz.so")
    }

    @Test(arguments: [EAGAIN, EACCES, ENOENT, EXDEV, HostQuestion.noProcess])
    func `a name that could not be looked up is told as such, and not as contested`(_ error: Int32) throws {
        host.answers[.resolve(pid: 100, path: "/lib/libz.so", isItself: true)] = .failure(error)
        let open = Records.open(
            "/usr/lib/libz.so.1.2", fileFlags: SENSOR_FILE_SHARED_TABLE | SENSOR_FILE_COMPARE, argument: "/lib/libz.so")
        let file = try #require(events([Records.exec(), open]).last?.fileDetail)
        #expect(file.pathSource == .unverified)
        #expect(file.path == "/usr/lib/libz.so.1.2")
        #expect(file.argumentPath == "/lib/libz.so")
    }

    @Test func `what proc has for whoever looks is the process's own, without a look`() throws {
        func source(_ path: String, _ argument: String) throws -> PathSource? {
            let open = Records.open(path, fileFlags: SENSOR_FILE_COMPARE, argument: argument)
            return try #require(events([Records.exec(), open]).last?.fileDetail).pathSource
        }
        #expect(try source("/proc/100/status", "/proc/self/status") == .dentry)
        #expect(try source("/proc/100/task/100/status", "/proc/thread-self/status") == .dentry)
        #expect(try source("/proc/100", "/proc/self") == .dentry)
        #expect(!host.asked.contains { if case .resolve = $0 { true } else { false } })
        #expect(try source("/proc/101/status", "/proc/self/status") == .unverified)
        #expect(try source("/proc/100/status", "/proc/selfish/status") == .unverified)
    }

    @Test func `where a link is followed, what it leads to is told, and a link that leads nowhere as the string`()
        throws
    {
        host.set(.resolve(pid: 100, path: "/data/link", isItself: true), "/etc/target")
        let change = Records.named(SENSOR_FILE_ATTRIBUTE, base: "/data", argument: "link", flags: SENSOR_FILE_FOLLOWED)
        let gone = Records.named(SENSOR_FILE_ATTRIBUTE, base: "/data", argument: "gone", flags: SENSOR_FILE_FOLLOWED)
        let files = events([Records.exec(), change, gone]).suffix(2).map { $0.fileDetail }
        #expect(files.map { $0?.path } == ["/etc/target", "/data/gone"])
        #expect(files.map { $0?.pathSource } == [.resolved, .argument])
    }

    @Test func `without looks left, a name that differs is not verified`() throws {
        let open = Records.open(
            "/usr/lib/libz.so.1.2", fileFlags: SENSOR_FILE_SHARED_TABLE | SENSOR_FILE_COMPARE, argument: "/lib/libz.so")
        let event = events([Records.exec(), open]) { $0.resolutions = 0 }.last
        #expect(event?.fileDetail?.pathSource == .unverified)
    }

    @Test func `a name in a directory that the kernel named needs no look`() throws {
        let event = try #require(
            events([Records.exec(), Records.named(SENSOR_FILE_DELETE, base: "/tmp/work", argument: "a.txt")]).last)
        #expect(event.fileDetail?.path == "/tmp/work/a.txt")
        #expect(event.fileDetail?.pathSource == .resolved)
        #expect(!host.asked.contains { if case .resolve = $0 { true } else { false } })
    }

    @Test func `directories on the way are looked up in the process's root`() throws {
        host.set(.resolve(pid: 100, path: "/link/", isItself: true), "/data")
        let events = events([
            Records.named(SENSOR_FILE_DELETE, base: nil, argument: "/link/a.txt"),
            Records.named(SENSOR_FILE_DELETE, base: nil, argument: "/nowhere/../b//c.txt"),
            Records.named(
                SENSOR_FILE_RENAME, base: nil, argument: "/link/a.txt", newBase: "/srv", newArgument: "b.txt"),
        ])
        #expect(events[0].fileDetail?.path == "/data/a.txt")
        #expect(events[0].fileDetail?.pathSource == .resolved)
        #expect(events[1].fileDetail?.path == "/b/c.txt")
        #expect(events[1].fileDetail?.pathSource == .argument)
        #expect(events[2].fileDetail?.path == "/data/a.txt")
        #expect(events[2].fileDetail?.newPath == "/srv/b.txt")
    }

    @Test func `for a process that is gone, the closest ancestor with the same root stands in`() throws {
        let gone = HostAnswer.failure(HostQuestion.noProcess)
        host.answers[.resolve(pid: 100, path: "/link/", isItself: true)] = gone
        host.set(.resolve(pid: 50, path: "/link/", isItself: false), "/data")
        let delete = Records.named(SENSOR_FILE_DELETE, base: nil, argument: "/link/a.txt")
        let family = [
            Records.exec(pid: 50, start: 1, credentials: Records.credentials()),
            Records.fork(pid: 60, start: 2, parent: (50, 1)), Records.fork(pid: 100, start: 7, parent: (60, 2)),
            Records.exit(pid: 60, start: 2),
        ]
        let same = try #require(events(family + [delete]).last?.fileDetail)
        #expect(same.path == "/data/a.txt")
        #expect(same.pathSource == .resolved)

        let chroot: UInt32
        #if arch(x86_64)
            chroot = 161
        #else
            chroot = 51
        #endif
        let another = [
            Records.exec(pid: 50, start: 1), Records.exec(pid: 70, start: 3),
            Records.fork(pid: 100, start: 7, parent: (50, 1), creator: 70),
        ]
        // It has the root of who cloned it, which need not be its parent's.
        #expect(events(another + [delete]).last?.fileDetail?.pathSource == .argument)

        let changed = try #require(events(family + [Records.syscall(chroot), delete]).last?.fileDetail)
        #expect(changed.path == "/link/a.txt")
        #expect(changed.pathSource == .argument)
    }

    @Test func `a failed open is told by its string, without a look`() throws {
        let event = try #require(
            events([Records.named(SENSOR_FILE_OPEN, base: "/app", argument: "lib/../x.py", error: 2)]).last)
        #expect(event.fileDetail?.path == "/app/x.py")
        #expect(event.fileDetail?.pathSource == .argument)
        #expect(event.errorNumber == 2)
    }

    @Test func `deleted, cut and nameless files say so`() throws {
        let events = events([
            Records.open("/tmp/x", pathFlags: SENSOR_PATH_DELETED),
            Records.open("/deep/x", pathFlags: SENSOR_PATH_TRUNCATED),
            Records.open("/", pathFlags: SENSOR_PATH_PSEUDO, mode: 0o010600), Records.open("/"),
        ])
        #expect(events[0].fileDetail?.isDeleted == true)
        #expect(events[1].fileDetail?.path == "/…/deep/x")
        #expect(events[2].fileDetail?.path == "pipe:[5]")
        #expect(events[3].fileDetail?.path == "/")
    }

    // MARK: Counts

    @Test func `a count becomes an event like its first sight`() throws {
        var pipeline = Pipeline(session: Records.session, host: host)
        let open = Records.open("/etc/passwd")
        pipeline.record(Records.exec())
        pipeline.record(open)
        pipeline.tick(ClockReading(boot: 9_000, wallOffset: 5))
        pipeline.count(CountDelta(key: key(of: open), count: 41))
        let events = pipeline.takeEvents()
        let (first, count) = (events[1], try #require(events.last))
        #expect(count.kind == .fileOpen)
        #expect(count.count == 41)
        #expect(!count.isFirstSeen)
        #expect(count.bootTime == 9_000)
        #expect(count.time == 9_005)
        #expect(count.fileDetail == first.fileDetail)
        #expect(count.process === first.process)
        #expect(count.sequence == 3)
    }

    @Test
    func `counts of changes by way of a link have the name that was given, and a repeat that is told has its own path`()
        throws
    {
        var pipeline = Pipeline(session: Records.session, host: host)
        func change(_ name: String, object: UInt64, flags: Int32) -> [UInt8] {
            Records.named(
                SENSOR_FILE_ATTRIBUTE, base: "/data", argument: name, flags: SENSOR_FILE_FOLLOWED, record: flags,
                object: object)
        }
        let first = SENSOR_FIRST_SEEN | SENSOR_REMEMBERED
        host.set(.resolve(pid: 100, path: "/data/link", isItself: true), "/real/a")
        host.set(.resolve(pid: 100, path: "/data/plain", isItself: true), "/data/plain")
        pipeline.record(Records.exec())
        let (link, plain) = (change("link", object: 1, flags: first), change("plain", object: 2, flags: first))
        for record in [link, plain] { pipeline.record(record) }
        host.set(.resolve(pid: 100, path: "/data/link", isItself: true), "/real/b")
        pipeline.record(change("link", object: 1, flags: SENSOR_REPEATED | SENSOR_STREAMED))
        for record in [link, plain] { pipeline.count(CountDelta(key: key(of: record), count: 7)) }
        let events = pipeline.takeEvents().dropFirst()
        #expect(
            events.map { $0.fileDetail?.path } == ["/real/a", "/data/plain", "/real/b", "/data/link", "/data/plain"])
        #expect(
            events.map { $0.fileDetail?.pathSource } == [.resolved, .resolved, .resolved, .argument, .resolved])
        #expect(events.map(\.isFirstSeen) == [true, true, false, false, false])
        #expect(events.map(\.count) == [1, 1, 1, 7, 7])
        #expect(events.allSatisfy { !$0.isCopy })
    }

    @Test func `a network count has the bytes since the last`() throws {
        var pipeline = Pipeline(session: Records.session, host: host)
        let send = Records.network(
            SENSOR_NETWORK_SEND, peer: (10, 0, 0, 7), port: 53, sent: 10, flags: SENSOR_FIRST_SEEN | SENSOR_REMEMBERED)
        pipeline.record(send)
        pipeline.count(CountDelta(key: key(of: send), count: 2, sent: 300))
        let events = pipeline.takeEvents()
        #expect(events[0].networkDetail?.bytesSent == 10)
        #expect(events[1].networkDetail?.bytesSent == 300)
        #expect(events[1].count == 2)
    }

    @Test func `what a first sight has no room for any more is counted until the kernel has forgotten it`() throws {
        var configuration = PipelineConfiguration()
        configuration.templates = 2
        configuration.bytesPerTemplate = 10_000
        var pipeline = Pipeline(session: Records.session, host: host, configuration: configuration)
        let opens = (1...3).map { Records.open("/f\($0)", object: UInt64($0)) }
        for open in opens { pipeline.record(open) }
        _ = pipeline.takeEvents()
        #expect(pipeline.statistics.evictedTemplates == 1)
        let unforgotten = pipeline.takeUnforgotten()
        #expect(unforgotten.map(\.object) == [1])
        for open in opens { pipeline.count(CountDelta(key: key(of: open), count: 5)) }
        #expect(pipeline.takeEvents().map { $0.fileDetail?.path } == ["/f1", "/f2", "/f3"])
        for key in unforgotten { pipeline.forget(key) }
        let isForgotten = !pipeline.hasUnforgotten
        #expect(isForgotten)
        #expect(pipeline.ledger.lost == 0)
    }

    @Test func `what was done for calls that have ended is forgotten, once no program tells of it any more`() {
        var pipeline = Pipeline(session: Records.session, host: host)
        for set in [UInt32(0), 8, 9] {
            pipeline.record(Records.open("/a", object: UInt64(set), calls: set))
        }
        pipeline.call(.closed(8))
        pipeline.tick(ClockReading(boot: 9_000, wallOffset: 5))
        #expect(pipeline.takeUnforgotten().isEmpty)
        pipeline.tick(ClockReading(boot: 10_000, wallOffset: 5))
        #expect(pipeline.takeUnforgotten().map(\.calls) == [8])
        pipeline.tick(ClockReading(boot: 11_000, wallOffset: 5))
        #expect(pipeline.takeUnforgotten().isEmpty)
    }

    @Test func `a count of what is not known is lost, and the kernel is to forget it`() {
        var pipeline = Pipeline(session: Records.session, host: host)
        let open = key(of: Records.open("/a", object: 7))
        pipeline.count(CountDelta(key: open, count: 5))
        #expect(pipeline.takeEvents().isEmpty)
        #expect(pipeline.ledger.lost == 5)
        let unforgotten = pipeline.takeUnforgotten()
        #expect(unforgotten.map(\.object) == [7])
        #expect(unforgotten.first?.kind == open.kind && unforgotten.first?.hook == open.hook)
    }

    @Test func `a workload with many first sights does not take the room of another's`() {
        var configuration = PipelineConfiguration()
        configuration.templates = 100
        configuration.bytesPerTemplate = 10_000
        var pipeline = Pipeline(session: Records.session, host: host, configuration: configuration)
        for object in 0..<20 { pipeline.record(Records.open("/a", object: UInt64(object), cgroup: 42)) }
        for object in 0..<1000 { pipeline.record(Records.open("/a", object: UInt64(object), cgroup: 43)) }
        #expect(Set(pipeline.takeUnforgotten().map(\.cgroup)) == [43])
        #expect(pipeline.statistics.evictedTemplates == 920)
    }

    @Test func `bytes of first sights are bounded too`() {
        var configuration = PipelineConfiguration()
        configuration.templates = 1000
        configuration.bytesPerTemplate = 64
        var pipeline = Pipeline(session: Records.session, host: host, configuration: configuration)
        for number in 1...1000 { pipeline.record(Records.open("/some/longer/path/\(number)", object: UInt64(number))) }
        #expect(pipeline.statistics.evictedTemplates > 700)
    }

    // MARK: Network and names

    @Test func `a peer has the names that its workload was told`() throws {
        host.setCgroups([(42, "/system.slice/a.service"), (43, "/system.slice/b.service")])
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.consume(.scanCgroups)
        let message = DNSMessages("api.test").alias(nil, to: "edge.test").address("edge.test", [10, 0, 0, 7])
        pipeline.record(Records.dns(message.bytes))
        pipeline.record(Records.network(SENSOR_NETWORK_CONNECT, peer: (10, 0, 0, 7), port: 443, error: 111))
        pipeline.record(Records.network(SENSOR_NETWORK_CONNECT, peer: (10, 0, 0, 7), port: 443, cgroup: 43))
        let events = pipeline.takeEvents()
        #expect(events[0].kind == .dnsAnswer)
        #expect(events[0].dnsDetail?.name == "api.test")
        #expect(events[0].dnsDetail?.type == "A")
        #expect(events[1].networkDetail?.peer?.names == ["api.test"])
        #expect(events[1].networkDetail?.peer?.port == 443)
        #expect(events[1].networkDetail?.transport == .tcp)
        #expect(events[1].networkDetail?.direction == .egress)
        #expect(events[1].errorNumber == 111)
        #expect(events[2].networkDetail?.peer?.names == [])
    }

    @Test func `the end of a connection is of the same peer as its beginning, whatever names there are by then`() {
        host.setCgroups([(42, "/system.slice/a.service")])
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.consume(.scanCgroups)
        func answer(_ name: String, _ address: [UInt8], at second: UInt64) {
            let message = DNSMessages(name).address(nil, address, ttl: 60)
            pipeline.record(Records.dns(message.bytes, time: second * 1_000_000_000))
        }
        func connection(_ kind: sensor_kind, _ last: UInt8, at second: UInt64) {
            pipeline.record(
                Records.network(
                    kind, peer: (10, 0, 0, last), port: 443, object: UInt64(last), time: second * 1_000_000_000))
        }
        answer("api.test", [10, 0, 0, 7], at: 1)
        for last in [7, 8] as [UInt8] { connection(SENSOR_NETWORK_CONNECT, last, at: 2) }
        // One name has expired by then, another one was told since, and an address has got one.
        answer("other.test", [10, 0, 0, 7], at: 3000)
        answer("late.test", [10, 0, 0, 8], at: 3000)
        for last in [7, 8, 9] as [UInt8] { connection(SENSOR_NETWORK_CLOSE, last, at: 3001) }
        answer("late.test", [10, 0, 0, 9], at: 3002)
        connection(SENSOR_NETWORK_CLOSE, 9, at: 3003)
        let events = pipeline.takeEvents().filter { $0.kind == .networkClose }
        #expect(events.map { $0.networkDetail?.peer?.names } == [["api.test"], [], [], ["late.test"]])
        #expect(events[0].statements().map(\.key) == [FactKey(.egress, "api.test", "443", "TCP")])
    }

    @Test func `a close has the bytes and how long it took`() throws {
        let event = try #require(
            events([
                Records.network(
                    SENSOR_NETWORK_CLOSE, peer: (10, 0, 0, 7), port: 80, sent: 0, received: 900, duration: 1_000)
            ]).first)
        #expect(event.networkDetail?.bytesSent == 0)
        #expect(event.networkDetail?.bytesReceived == 900)
        #expect(event.networkDetail?.duration == 1_000)
    }

    @Test func `an empty name leads nowhere, not to where it would have been looked for`() throws {
        let events = events([
            Records.named(SENSOR_FILE_OPEN, base: "/home", argument: "", error: UInt16(ENOENT)),
            Records.named(SENSOR_FILE_ATTRIBUTE, base: "/home", argument: "", error: UInt16(EPERM)),
        ])
        #expect(events.map { $0.fileDetail?.path } == ["", "/home"])
        #expect(events.map { $0.fileDetail?.pathSource } == [.argument, .argument])
    }

    @Test func `a token in a socket's address does not get into events`() {
        let token = "ghp_0123456789abcdefABCDEF0123456789abcd"
        let events = events([
            Records.unix(SENSOR_NETWORK_LISTEN, path: "/run/\(token)/s"),
            Records.unix(SENSOR_NETWORK_CONNECT, name: "\0\(token)"),
        ])
        #expect(events.first?.networkDetail?.local?.path == "/run/[redacted]/s")
        #expect(events.last?.networkDetail?.peer?.path == "@[redacted]")
    }

    // MARK: Identity

    @Test func `an identity change tells from what to what, and changes the process`() throws {
        let setuid: UInt32
        #if arch(x86_64)
            setuid = 105
        #else
            setuid = 146
        #endif
        let events = events([
            Records.exec(), Records.identity(number: setuid, credentials: Records.credentials(uid: 1000)),
            Records.open("/etc/passwd"),
        ])
        let identity = try #require(events[1].identityDetail)
        #expect(identity.change == "setuid")
        #expect(identity.from?.user.effective == 0)
        #expect(identity.to.user.effective == 1000)
        #expect(events[2].process?.uid == 1000)
    }

    @Test func `each event shows the user that acts, also where the change itself was only counted`() throws {
        func acting(as uid: UInt32, _ gid: UInt32) -> [UInt8] {
            var header = sensor_header()
            var bytes = Records.open("/etc/passwd")
            bytes.withUnsafeBytes { header = $0.loadUnaligned(as: sensor_header.self) }
            (header.uid, header.gid) = (uid, gid)
            withUnsafeBytes(of: header) { bytes.replaceSubrange(..<$0.count, with: $0) }
            return bytes
        }
        let events = events([Records.exec(), acting(as: 1000, 100), acting(as: 0, 0), acting(as: .max, .max)])
        #expect(events.map { $0.process?.uid } == [0, 1000, 0, 0])
        #expect(events.map { $0.process?.gid } == [0, 100, 0, 0])
        #expect(Set(events.map { $0.process?.id }).count == 1)
    }

    @Test func `a set-uid exec is an identity change, another exec is none`() throws {
        let user = Records.credentials(uid: 1000)
        let events = events([
            Records.exec(credentials: user), Records.exec(executable: "/bin/sh", credentials: user),
            Records.exec(
                executable: "/usr/bin/su", credentials: Records.credentials(uid: 1000, effective: 0),
                flags: SENSOR_EXEC_SECURE),
        ])
        #expect(events.map(\.kind) == [.processExec, .processExec, .processExec, .identityChange])
        let identity = try #require(events.last?.identityDetail)
        #expect(identity.change == "exec")
        #expect(identity.from?.user.effective == 1000)
        #expect(identity.to.user.effective == 0)
        #expect(identity.to.user.real == 1000)
    }

    // MARK: Workloads

    @Test func `a workload is known from its cgroup's creation on, and after its removal`() throws {
        let id = String(repeating: "c0", count: 32)
        let events = events([
            Records.cgroup(SENSOR_CGROUP_CREATED, id: 50, path: "/docker/\(id)"), Records.open("/a", cgroup: 50),
            Records.cgroup(SENSOR_CGROUP_REMOVED, id: 50, path: "/docker/\(id)"), Records.open("/b", cgroup: 50),
            Records.open("/c", cgroup: 51),
        ])
        #expect(events.map(\.workload.kind) == ["Container", "Container", "Unknown"])
        #expect(events[0].workload.container?.id == id)
        #expect(events[0].workload.container?.runtime == "docker")
        #expect(events[2].workload.cgroup == "51")
    }

    @Test func `an unknown cgroup is looked for through the process`() throws {
        host.set(.file(pid: 100, .cgroup), "0::/elsewhere\n4:memory:/system.slice/a.service\n")
        host.answers[.cgroupID(path: "/system.slice/a.service")] = .bytes([60, 0, 0, 0, 0, 0, 0, 0])
        let events = events([Records.open("/a", cgroup: 60), Records.open("/b", cgroup: 60)])
        #expect(events.map(\.workload.name) == ["a.service", "a.service"])
        #expect(host.asked.filter { $0 == .file(pid: 100, .cgroup) }.count == 1)
    }

    @Test func `a cgroup that could not be found is looked for again, but not for ever`() {
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.record(Records.open("/a", cgroup: 60))
        host.set(.file(pid: 100, .cgroup), "4:memory:/system.slice/a.service\n")
        host.answers[.cgroupID(path: "/system.slice/a.service")] = .bytes([60, 0, 0, 0, 0, 0, 0, 0])
        pipeline.record(Records.open("/a", cgroup: 60))
        for _ in 0..<100 { pipeline.record(Records.open("/a", cgroup: 61)) }
        let kinds = pipeline.takeEvents().map(\.workload.kind)
        #expect(kinds.prefix(2) == ["Unknown", "SystemdUnit"])
        #expect(host.asked.filter { $0 == .file(pid: 100, .cgroup) }.count == 6)
    }

    @Test func `a cgroup whose creation was lost is found by a scan, and so are the counts of its first sights`() {
        var pipeline = Pipeline(session: Records.session, host: host)
        let open = Records.open("/a", cgroup: 60)
        for _ in 0..<10 { pipeline.record(open) }
        pipeline.record(Records.open("/b", cgroup: 61))
        let looks = { host.asked.filter { $0 == .file(pid: 100, .cgroup) }.count }
        #expect(looks() == 5)
        #expect(Set(pipeline.takeEvents().map(\.workload.kind)) == ["Unknown"])
        host.setCgroups([(60, "/system.slice/a.service")])
        pipeline.consume(.scanCgroups)
        pipeline.record(Records.open("/c", cgroup: 60))
        pipeline.count(CountDelta(key: key(of: open), count: 5))
        #expect(pipeline.takeEvents().map(\.workload.name) == ["a.service", "a.service"])
        #expect(looks() == 5)
        for _ in 0..<10 { pipeline.record(Records.open("/b", cgroup: 61)) }
        #expect(looks() == 9)
    }

    @Test func `what there is is counted by kind, and by the source of whose it is`() {
        host.setCgroups([(60, "/system.slice/a.service")])
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.consume(.scanCgroups)
        let open = Records.open("/a", cgroup: 60)
        for record in [Records.exec(), open, Records.open("/b", cgroup: 60)] { pipeline.record(record) }
        pipeline.count(CountDelta(key: key(of: open), count: 5))
        let statistics = pipeline.statistics
        #expect(statistics.events == 4)
        #expect(EventKind.told.reduce(0) { $0 + statistics.tally.events(of: $1) } == statistics.events)
        #expect(statistics.tally.events(of: .processExec) == 1 && statistics.tally.events(of: .fileOpen) == 3)
        #expect(statistics.tally.attributed(by: .cgroupPath) == 7)
        // Nobody announces calls.
        #expect(statistics.tally.withoutCall == 0)
    }

    @Test(
        arguments: [
            (["cgroup": "proc"], AttributionMethod.cgroupPath), (["container": "cgroup_path"], .cgroupPath),
            (["container": "runtime_state"], .runtimeState),
            (["pod": "api_watch", "owner": "api_get", "container": "runtime_state"], .apiGet),
            (["pod": "cache", "owner": "cache"], .cache), (["owner": "owner_reference"], .ownerReference),
            (["pod": "api_watch"], .apiWatch), (["owner": "workload_map"], .workloadMap),
        ] as [([String: String], AttributionMethod)])
    func `a workload is known by the source that says most`(_ sources: [String: String], _ method: AttributionMethod) {
        var identity = WorkloadIdentity(kind: "Deployment")
        identity.sources = sources
        #expect(WorkloadDescription(identity).attribution == method)
        #expect(WorkloadDescription.unknown().attribution == .none)
    }

    @Test func `what cannot be told whose it is is counted, repeats too, and a tail's copies once`() {
        var pipeline = Pipeline(session: Records.session, host: host)
        let open = Records.open("/a", cgroup: 60)
        pipeline.record(open)
        pipeline.record(Records.open("/a", flags: SENSOR_STREAMED, cgroup: 60))
        pipeline.count(CountDelta(key: key(of: open), count: 5))
        #expect(pipeline.takeEvents().count == 3)
        let tally = pipeline.statistics.tally
        #expect(tally.attributed(by: .none) == 6 && tally.events(of: .fileOpen) == 3)
    }

    // MARK: Losses

    @Test func `bytes that are no record are counted, and nothing else happens`() {
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.record([UInt8](repeating: 1, count: 80))
        pipeline.record([])
        pipeline.record(Array(Records.open("/a").dropLast(8)))
        #expect(pipeline.takeEvents().isEmpty)
        #expect(pipeline.ledger.lost == 3)
    }

    @Test func `losses of the kernel add up by hook`() {
        var pipeline = Pipeline(session: Records.session, host: host)
        let key = LossLedger.Key(cgroup: 1, hook: 1, reason: LossReason.ringFull.rawValue, kind: 10)
        pipeline.consume(.loss(key, count: 3))
        pipeline.consume(.loss(key, count: 4))
        #expect(pipeline.ledger.lostByHook == [1: 7])
    }

    @Test func `a tick tells what was lost since the last one, workload by workload`() throws {
        var pipeline = Pipeline(session: Records.session, host: host)
        pipeline.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 9, path: "/system.slice/cron.service"))
        let early = pipeline.takeLossReport()
        #expect(early == nil)
        let full = LossReason.ringFull.rawValue
        pipeline.consume(.loss(LossLedger.Key(cgroup: 9, hook: 1, reason: full, kind: 10), count: 3))
        _ = pipeline.takeLossReport()
        pipeline.consume(.tick(ClockReading(boot: 11_000_000_000, wallOffset: 1_700_000_000_000_000_000)))
        pipeline.consume(.loss(LossLedger.Key(cgroup: 9, hook: 1, reason: full, kind: 10), count: 4))
        pipeline.consume(.loss(LossLedger.Key(cgroup: 9, hook: 1, reason: full, kind: 11), count: 1))
        pipeline.consume(.loss(LossLedger.Key(cgroup: 0, hook: 2, reason: full, kind: 0), count: 2))
        let incomplete = LossReason.pathTooLong.rawValue
        pipeline.consume(.loss(LossLedger.Key(cgroup: 9, hook: 1, reason: incomplete, kind: 10), count: 1))
        let copy = LossReason.stream.rawValue
        pipeline.consume(.loss(LossLedger.Key(cgroup: 9, hook: 1, reason: copy, kind: 10), count: 1))
        pipeline.consume(.uring(sensor_uring_key(cgroup: 9, opcode: 36, reserved: 0), count: 6))
        let taken = pipeline.takeLossReport()
        let report = try #require(taken)
        #expect(report.subjects.map(\.workload?.name) == ["cron.service", nil])
        #expect(report.subjects.map(\.lostCount) == [5, 2])
        #expect(report.subjects.first?.blind == ["io_uring unlinkat": 6])
        let (bytes, count) = report.lines()
        #expect(count == 2)
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        let workload = String(decoding: try #require(report.subjects[0].workload).fragment, as: UTF8.self)
        let times = "\"from\":\"2023-11-14T22:13:21.000000000Z\",\"to\":\"2023-11-14T22:13:31.000000000Z\""
        #expect(
            lines.first?.contains(
                "{\(workload),\(times),\"kind\":\"file.create\",\"state\":\"lossy\",\"lost\":"
                    + "[{\"hook\":\"sys_exit\",\"reason\":\"ring_full\",\"count\":\"1\"}]}") ?? false, "\(lines)")
        #expect(lines.first?.contains("\"operations\":[{\"name\":\"io_uring unlinkat\",\"count\":\"6\"}]") ?? false)
        #expect(lines.last?.hasPrefix("{\"coverage\":[{\"from\":") ?? false)
        let late = pipeline.takeLossReport()
        #expect(late == nil)
    }

    @Test func `what was lost in a cgroup that is gone counts for the node, and is told once`() throws {
        var pipeline = Pipeline(session: Records.session, host: host)
        let key = LossLedger.Key(cgroup: 9, hook: 1, reason: LossReason.ringFull.rawValue, kind: 10)
        let operation = sensor_uring_key(cgroup: 9, opcode: 36, reserved: 0)
        pipeline.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 9, path: "/system.slice/cron.service"))
        pipeline.consume(.loss(key, count: 3))
        pipeline.consume(.uring(operation, count: 6))
        _ = pipeline.takeLossReport()
        pipeline.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 9, path: "/system.slice/cron.service"))
        func tick(_ boot: UInt64) { pipeline.consume(.tick(ClockReading(boot: boot, wallOffset: 0))) }
        for number: UInt64 in 1...2 {
            tick(number)
            pipeline.consume(.loss(key, count: 1))
            let report = pipeline.takeLossReport()
            #expect(report?.subjects.map(\.workload?.name) == ["cron.service"])
            #expect(report?.subjects.map(\.lostCount) == [1])
        }
        tick(3)
        #expect(
            pipeline.ledger.counts == [LossLedger.Key(cgroup: 0, hook: key.hook, reason: key.reason, kind: key.kind): 5]
        )
        #expect(pipeline.uringOperations == [.init(cgroup: 0, opcode: 36): 6])
        let last = pipeline.takeLossReport()
        #expect(last == nil)
    }

    @Test func `what is kept for the counts of a cgroup goes by the third tick after it`() {
        var pipeline = Pipeline(session: Records.session, host: host)
        let open = Records.open("/a", cgroup: 9)
        pipeline.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: 9, path: "/system.slice/cron.service"))
        pipeline.record(open)
        pipeline.record(Records.cgroup(SENSOR_CGROUP_REMOVED, id: 9, path: "/system.slice/cron.service"))
        for number: UInt64 in 1...3 {
            pipeline.count(CountDelta(key: key(of: open), count: 1))
            pipeline.consume(.tick(ClockReading(boot: number, wallOffset: 0)))
        }
        #expect(pipeline.takeEvents().map(\.count) == [1, 1, 1, 1])
        #expect(pipeline.ledger.lost == 0)
        pipeline.count(CountDelta(key: key(of: open), count: 1))
        #expect(pipeline.takeEvents().isEmpty)
        #expect(pipeline.ledger.lost == 1)
    }

    @Test func `an operation that the kernel had no room to tell apart is blind all the same`() throws {
        var pipeline = Pipeline(session: Records.session, host: host)
        let key = LossLedger.Key(
            cgroup: 9, hook: Via.uringSubmit.rawValue, reason: LossReason.memoryFull.rawValue, kind: 0)
        pipeline.consume(.loss(key, count: 4))
        let report = pipeline.takeLossReport()
        #expect(report?.subjects.map(\.blind) == [["io_uring others": 4]])
        #expect(pipeline.ledger.lost == 0)
    }

    @Test func `a process that had to go stands in the ledger`() {
        var configuration = PipelineConfiguration()
        configuration.processes.live = 8
        var pipeline = Pipeline(session: Records.session, host: host, configuration: configuration)
        for pid in UInt32(1)...9 { pipeline.record(Records.exec(pid: pid, start: UInt64(pid))) }
        pipeline.tick(ClockReading(boot: 100, wallOffset: 0))
        #expect(pipeline.ledger.counts.values.reduce(0, +) == 1)
        #expect(pipeline.ledger.counts.first?.key.reason == LossReason.daemonLimit.rawValue)
        #expect(pipeline.statistics.evictedProcesses == 1)
    }

    // MARK: Foreign bytes

    /// One record of each shape.
    private static let shapes: [[UInt8]] = [
        Records.exec(script: "./a.sh"), Records.fork(pid: 101, start: 8, parent: (100, 7)), Records.exit(),
        Records.seen(pid: 102, start: 9, executable: "/bin/x"), Records.open("/a/b/c", argument: "c"),
        Records.named(SENSOR_FILE_RENAME, base: "/a", argument: "../b", newBase: "/c", newArgument: "d/./e"),
        Records.network(SENSOR_NETWORK_CLOSE, peer: (10, 0, 0, 7), port: 443),
        Records.dns(DNSMessages("a.test").alias(nil, to: "b.test").address("b.test", [10, 0, 0, 7]).bytes),
        Records.identity(number: 105, credentials: Records.credentials(uid: 5)), Records.syscall(101),
        Records.cgroup(SENSOR_CGROUP_CREATED, id: 9, path: "/docker/x"),
        Records.cgroup(SENSOR_CGROUP_REMOVED, id: 9, path: "/docker/x"),
    ]

    @Test func `whatever a record holds, nothing breaks`() {
        var random = SplitMix(seed: 11)
        var pipeline = Pipeline(session: Records.session, host: host)
        let encoder = EventEncoder(stream: Records.session.streamID)
        var lines: [UInt8] = []
        for round in UInt64(0)..<20_000 {
            var record = Self.shapes[Int(random.next() % UInt64(Self.shapes.count))]
            // The size stays true now and then, so that damage gets past the first check.
            let first = random.next() % 4 == 0 ? 0 : 6
            for _ in 0..<(1 + random.next() % 6) {
                let place = first + Int(random.next() % UInt64(record.count - first))
                record[place] = UInt8(truncatingIfNeeded: random.next())
            }
            pipeline.record(record)
            if random.next() % 8 == 0 {
                let keys = key(of: record)
                pipeline.count(
                    CountDelta(key: keys, count: random.next(), sent: random.next(), received: random.next()))
            }
            if round % 100 == 0 { pipeline.tick(ClockReading(boot: random.next(), wallOffset: Int64.min)) }
            for event in pipeline.takeEvents() { encoder.encode(event, into: &lines) }
            lines.removeAll(keepingCapacity: true)
        }
        #expect(pipeline.statistics.records > 10_000)
    }
}
