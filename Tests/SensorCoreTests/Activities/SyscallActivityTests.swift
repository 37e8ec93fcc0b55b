// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// System calls as such.
@Suite(.tags(.kernel), .needsKernel) struct SyscallActivityTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    @Test func `notable calls are told with their result, also those that fail`() throws {
        let seen = try Observation.of("syscall-notable", directory.path)
        let notable = seen.events(.syscallNotable).compactMap(\.syscall)
        for line in seen.all("call") {
            let isTold = notable.contains { "\($0.name) \($0.result ?? 0)" == line }
            #expect(isTold, "\(line) is not among \(notable.map { "\($0.name) \($0.result ?? 0)" })")
        }
    }

    @Test func `a notable call says what it was about, and another target is another first sight`() throws {
        let cgroup = try TestCgroup()
        let seen = try Observation.of("syscall-strings", directory.path, cgroup: cgroup)
        let events = seen.events(.syscallNotable)
        func said(_ name: String) -> [[String]] {
            events.filter { $0.syscall?.name == name }.map { event in
                (event.syscall?.strings ?? []).map { "\($0.name)=\($0.value.text)" }
                    + (event.errorNumber == 0 ? [] : [ErrorName.of(event.errorNumber)])
            }
        }
        func mount(_ target: String) -> [String] { ["source=none", "target=\(target)", "type=tmpfs"] }
        // Before these there is one that makes the namespace's mounts its own.
        #expect(said("mount").first == ["source=none", "target=/"])
        let mounts = said("mount").dropFirst()
        #expect(Array(mounts) == [mount("point"), mount("point"), mount("other"), mount("missing") + ["ENOENT"]])
        let isFirst = events.filter { $0.syscall?.name == "mount" }.dropFirst().map(\.isFirstSeen)
        #expect(isFirst == [true, false, true, true])
        #expect(said("chroot") == [["path=/none-such", "ENOENT"]])
        #expect(said("sethostname") == [["name=host"]])
        #expect(said("fsopen") == [["type=tmpfs"]])
        #expect(
            said("fsconfig") == [["key=size", "value=1M"], ["key=password", "value=[redacted]", "EINVAL"]])
        #expect(said("execve").map { $0.first } == ["path=module"])
        let memory = try seen.only(events.filter { $0.syscall?.name == "memfd_create" })
        #expect(memory.syscall?.strings.first?.value == ByteString(Array("odd".utf8) + [0xff]))
        let module = try seen.only(events.filter { $0.syscall?.name == "finit_module" }).syscall
        #expect(module?.path?.text == directory.path + "/module")
        #expect(module?.strings.map(\.value.text) == ["answer=42 password=[redacted]"])
    }

    @Test func `a call that is done to another process is another first sight`() throws {
        let seen = try Observation.of("syscall-targets", cgroup: TestCgroup())
        let children = try seen.all("child").map { try #require(UInt64($0)) }
        let traced = seen.events(.syscallNotable).filter { $0.syscall?.name == "ptrace" }
        // The second attempt fails: the process is traced by then.
        #expect(traced.map { $0.syscall?.arguments[1] } == children.flatMap { [$0, $0] })
        #expect(traced.count { !$0.isFirstSeen } == 0)
        let taken = seen.events(.syscallNotable).filter { $0.syscall?.name == "pidfd_getfd" }
        #expect(taken.map(\.isFirstSeen) == [true, false, true, false, true, false])
    }

    @Test func `a call that is new to a workload is told once, however often it is made`() throws {
        let cgroup = try TestCgroup()
        let first = try Observation.of("syscall-rare", "100", cgroup: cgroup)
        let rare: Set = ["sched_get_priority_max", "getitimer", "timer_getoverrun"]
        let names = first.events(.syscallFirst).compactMap { $0.syscall?.name }
        #expect(names.count == Set(names).count)
        #expect(rare.isSubset(of: names))
        let second = try Observation.of("syscall-rare", "100", cgroup: cgroup)
        #expect(rare.isDisjoint(with: second.events(.syscallFirst).compactMap { $0.syscall?.name }))
        let other = try TestCgroup()
        let elsewhere = try Observation.of("syscall-rare", "1", cgroup: other)
        #expect(rare.isSubset(of: elsewhere.events(.syscallFirst).compactMap { $0.syscall?.name }))
    }

    @Test func `a call that seccomp refuses is told as failed with its error`() throws {
        let seen = try Observation.of("seccomp-openat", directory.path, "errno")
        let path = ByteString(try seen.said("path"))
        let event = try seen.only(seen.events(.fileOpen).filter { $0.errorNumber != 0 && $0.file?.path == path })
        #expect(event.errorNumber == EPERM)
        #expect(try seen.said("result") == "-\(EPERM)")
    }

    @Test(arguments: ["kill", "kill-thread", "trap"])
    func `a call that seccomp kills never happened, and its number passes for no descriptor`(_ way: String) throws {
        let seen = try Observation.of("seccomp-openat", directory.path, way)
        let path = ByteString(try seen.said("path"))
        let other = ByteString(try seen.said("other"))
        // Each was made once; nothing was opened after that. Where a handler takes the signal, it could be the process's own.
        let events = seen.files(under: directory.path, .fileOpen, .fileCreate)
        let contested = events.filter { $0.file?.pathSource == .contested }
        #expect(contested.map { $0.file?.path } == (way == "trap" ? [other] : []))
        #expect(contested.allSatisfy { $0.file?.argumentPath == path })
        let certain = events.filter { $0.file?.pathSource == .dentry }
        #expect(certain.map { $0.file?.path } == [path, other])
        #expect(certain.allSatisfy { $0.kind == .fileCreate })
        #expect(certain.count + contested.count == events.count)
        if way != "trap" {
            let child = try UInt32(seen.said("child", as: UInt64.self))
            let exit = try seen.only(seen.events(.processExit).filter { $0.process?.pid == child }).exit
            #expect(exit?.signal == SIGSYS)
        }
    }

    @Test(arguments: ["plain", "filter", "traced", "deadly"])
    func `seccomp's signal from elsewhere hides no open whose descriptor is the call's number`(
        _ way: String
    ) throws {
        let seen = try Observation.of("sigsys-number", directory.path, way)
        let path = ByteString(try seen.said("path"))
        let event = try seen.only(seen.events(.fileOpen).filter { $0.file?.path == path })
        #expect(event.file?.pathSource == .dentry)
        #expect(event.file?.access == .read)
        #if arch(x86_64)
            // openat's number, if it lived to say so.
            #expect(try way == "deadly" ? seen.said("signal") == "\(SIGSYS)" : seen.said("descriptor") == "257")
        #endif
    }

    @Test func `an open that a seccomp filter only makes look done is contested`() throws {
        let seen = try Observation.of("seccomp-faked", directory.path, "open")
        #expect(try seen.said("result") == "0")
        let path = ByteString(try seen.said("path"))
        #expect(seen.events(.fileOpen).allSatisfy { $0.file?.path != path })
        let event = try seen.only(seen.events(.fileOpen).filter { $0.file?.argumentPath == path })
        #expect(event.file?.pathSource == .contested)
    }

    @Test func `a name that a seccomp filter only makes look gone is told as unverified`() throws {
        let seen = try Observation.of("seccomp-faked", directory.path, "delete")
        #expect(try seen.said("result") == "0")
        let event = try seen.only(seen.files(under: directory.path, .fileDelete))
        #expect(try event.file?.path.text == seen.said("path"))
        #expect(event.file?.pathSource == .unverified)
    }

    @Test func `a true open that returns 0 under a filter is no contest`() throws {
        let seen = try Observation.of("seccomp-true", directory.path)
        #expect(try seen.said("result") == "0")
        let path = ByteString(try seen.said("path"))
        let event = try seen.only(seen.events(.fileOpen).filter { $0.file?.path == path })
        // By a fresh link: it may not be followed without a note of the access.
        #expect(event.file?.pathSource == .dentry || event.file?.pathSource == .unverified)
    }

    @Test func `a 32-bit call is not taken for what its number means to others`() throws {
        let cgroup = try TestCgroup()
        let sensor = try TestSensor.shared.get()
        let seen = try Observation.of("compat-calls", directory.path, cgroup: cgroup)
        // A kernel without 32-bit calls has nothing to mistake.
        guard try Int(seen.said("opened")) ?? -1 >= 0 else { return }
        let path = directory.path + "/compat"
        #expect(seen.files(under: path, .fileOpen, .fileDelete, .fileExecmap).isEmpty)
        #expect(seen.events(.fileExecmap).allSatisfy { !($0.file?.access.contains(.protect) ?? false) })
        // The socket's file is told of once, by the bind that was one.
        #expect(seen.files(under: directory.path + "/socket").map(\.kind) == [.fileCreate])
        #expect(sensor.losses(.compat, cgroup: cgroup.identifier) == 3)
    }
}
