// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import SensorTestSupport
import Testing

/// Processes that come, become others, and go.
@Suite(.tags(.kernel), .needsKernel) struct ProcessActivityTests {
    private let directory: TestDirectory

    init() throws { directory = try TestDirectory() }

    private func child(_ seen: Observation) throws -> UInt32 {
        try UInt32(seen.said("child", as: UInt64.self))
    }

    private func exec(of pid: UInt32, in seen: Observation) throws -> Event {
        try seen.only(seen.events(.processExec).filter { $0.process?.pid == pid })
    }

    private func exit(of pid: UInt32, in seen: Observation) throws -> ExitDetail {
        let event = try seen.only(seen.events(.processExit).filter { $0.process?.pid == pid })
        return try #require(event.exit)
    }

    @Test func `an exec is told with its arguments, directory and file`() throws {
        let seen = try Observation.of("exec-arguments", directory.path, "100")
        let process = try #require(exec(of: child(seen), in: seen).process)
        let long = String(repeating: "x", count: 100)
        #expect(process.arguments == ["another name", "quit", "0", "", "two words", "\u{fffd}\u{fffd}", long])
        #expect(!process.argumentsAreCut)
        #expect(process.workingDirectory?.text == directory.path)
        #expect(try process.executable.text == seen.said("path"))
        #expect(try process.executableInode == seen.said("inode", as: UInt64.self))
        #expect(try process.executableDevice?.description == seen.said("device"))
        #expect(process.uid == 0)
        #expect(process.script == nil)
    }

    @Test func `arguments that are too long are cut, and that is said`() throws {
        let sensor = try TestSensor.shared.get()
        let before = sensor.losses(.argumentsTooLong)
        let seen = try Observation.of("exec-arguments", directory.path, "6000")
        let process = try #require(exec(of: child(seen), in: seen).process)
        #expect(process.argumentsAreCut)
        #expect(process.arguments.prefix(5) == ["another name", "quit", "0", "", "two words"])
        #expect(process.arguments.last?.allSatisfy { $0 == "x" } == true)
        #expect(process.arguments.joined().utf8.count > 3900)
        #expect(sensor.losses(.argumentsTooLong) > before)
    }

    @Test func `a script is told beside the interpreter that runs it`() throws {
        let seen = try Observation.of("exec-script", directory.path)
        let pid = try child(seen)
        let process = try #require(exec(of: pid, in: seen).process)
        #expect(process.script?.text == directory.path + "/script")
        #expect(
            process.executable.text == WorkloadProcess.program || process.executable.text.hasSuffix("/sensor-workload"))
        #expect(process.arguments.suffix(3) == ["quit", "./script", "7"])
    }

    @Test func `an exec that fails is none`() throws {
        let seen = try Observation.of("exec-failing", directory.path)
        let pid = try child(seen)
        #expect(seen.events(.processExec).allSatisfy { $0.process?.pid != pid })
        #expect(try exit(of: pid, in: seen).code == 126)
    }

    @Test func `a program that is only in memory is told by its memory's name`() throws {
        let seen = try Observation.of("exec-memory")
        let process = try #require(exec(of: child(seen), in: seen).process)
        #expect(process.executable.text.contains("memfd:no-file"))
        #expect(try process.executableInode == seen.said("inode", as: UInt64.self))
        #expect(process.arguments == ["in memory", "quit", "9"])
        #expect(try exit(of: child(seen), in: seen).code == 9)
    }

    @Test func `a thread that executes leaves one process, and one end`() throws {
        let seen = try Observation.of("exec-thread")
        let pid = try child(seen)
        let event = try exec(of: pid, in: seen)
        #expect(event.process?.arguments == ["from a thread", "quit", "3"])
        #expect(try exit(of: pid, in: seen).code == 3)
        let thread = try UInt32(seen.said("thread", as: UInt64.self))
        #expect(seen.events(.processExit, .processFork).allSatisfy { $0.process?.pid != thread })
    }

    @Test func `a set-id program makes another of who executes it`() throws {
        let seen = try Observation.of("exec-set-id", directory.path, "65534", "65533", "12345")
        let pid = try child(seen)
        #expect(try exec(of: pid, in: seen).process?.uid == 65534)
        let event = try seen.only(
            seen.events(.identityChange).filter { $0.process?.pid == pid && $0.identity?.change == "exec" })
        let change = try #require(event.identity)
        #expect(change.from?.user.effective == 12345)
        #expect(change.from?.group.effective == 12345)
        #expect(change.to.user.real == 12345)
        #expect(change.to.user.effective == 65534)
        #expect(change.to.user.saved == 65534)
        #expect(change.to.group.effective == 65533)
    }

    @Test(arguments: ["fork", "vfork", "clone", "clone3", "spawn"])
    func `a child is told with its parent, however it is made`(_ way: String) throws {
        let seen = try Observation.of("fork-by", way)
        let pid = try child(seen)
        let fork = try seen.only(seen.events(.processFork))
        let parent = try #require(seen.events(.processExec).first?.process)
        #expect(fork.process?.pid == pid)
        #expect(fork.process?.parentID == parent.id)
        #expect(fork.process?.executable == parent.executable)
        let execs = seen.events(.processExec).filter { $0.process?.pid == pid }
        #expect(execs.count == (way == "vfork" || way == "spawn" ? 1 : 0))
        #expect(execs.allSatisfy { $0.process?.id == fork.process?.id && $0.process?.arguments.first == "child" })
        #expect(try exit(of: pid, in: seen).code == 5)
        #expect(try exit(of: pid, in: seen).signal == 0)
    }

    @Test func `a child cloned for the caller's parent is that one's child, and runs what the caller runs`() throws {
        let seen = try Observation.of("fork-sibling", directory.path)
        let creator = try #require(exec(of: child(seen), in: seen).process)
        #expect(creator.executable.text == directory.path + "/creator")
        let sibling = try UInt32(seen.said("sibling", as: UInt64.self))
        let parent = try #require(seen.events(.processExec).first?.process)
        let fork = try seen.only(seen.events(.processFork).filter { $0.process?.pid == sibling })
        let file = try seen.only(
            seen.files(under: directory.path, .fileCreate).filter {
                $0.file?.path.text.hasSuffix("/by-sibling") == true
            })
        for event in [fork, file] {
            let process = try #require(event.process)
            #expect(process.pid == sibling)
            #expect(process.parentID == parent.id)
            #expect(process.executable == creator.executable)
            #expect(process.arguments == creator.arguments)
            #expect(process.arguments.first == "the creator")
            #expect(process.workingDirectory == nil)
        }
        #expect(try exit(of: sibling, in: seen).code == 4)
    }

    @Test(arguments: [SIGKILL, SIGTERM, SIGSEGV, SIGABRT])
    func `an end by a signal is told as such`(_ signal: Int32) throws {
        let seen = try Observation.of("end-by", "\(signal)", directory.path)
        let exit = try exit(of: child(seen), in: seen)
        #expect(exit.signal == signal)
        let ended = try seen.said("ended").split(separator: " ")
        #expect(exit.dumpedCore == (ended.last == "1"))
        #expect(exit.code == 0)
    }

    @Test func `a process ends with its last thread, not with its leader`() throws {
        let seen = try Observation.of("end-leader-first")
        let pid = try child(seen)
        #expect(try exit(of: pid, in: seen).code == 6)
        let between = try #require(seen.events.lastIndex { $0.file?.path == "/dev/null" })
        let end = try #require(seen.events.firstIndex { $0.kind == .processExit && $0.process?.pid == pid })
        #expect(between < end)
    }

    @Test func `short-lived processes by the thousand are all told from fork to exit`() throws {
        let seen = try Observation.of("process-many", "3000")
        let forks = seen.events(.processFork)
        let execs = seen.events(.processExec).filter { $0.process?.arguments.first == "one of many" }
        let exits = seen.events(.processExit).filter { $0.process?.pid != seen.pid }
        #expect(forks.count == 3000)
        #expect(execs.count == 3000)
        #expect(exits.count == 3000)
        let identities = Set(forks.compactMap { $0.process?.id })
        #expect(identities.count == 3000)
        #expect(Set(execs.compactMap { $0.process?.id }) == identities)
        #expect(Set(exits.compactMap { $0.process?.id }) == identities)
        let parents = Set(forks.compactMap { $0.process?.parentID })
        #expect(parents.count == 1)
    }

    @Test func `a pid that comes back is another process, with children of its own`() throws {
        let seen = try Observation.of("process-recycled")
        let pid = try UInt32(seen.said("recycled", as: UInt64.self))
        let execs = seen.events(.processExec).filter { $0.process?.pid == pid }
        #expect(execs.compactMap { $0.process?.arguments.first } == ["the first", "the second"])
        let first = try #require(execs.first?.process)
        let second = try #require(execs.last?.process)
        #expect(first.id != second.id)
        let grandchild = try UInt32(seen.said("grandchild", as: UInt64.self))
        let fork = try seen.only(seen.events(.processFork).filter { $0.process?.pid == grandchild })
        #expect(fork.process?.parentID == second.id)
        let exits = seen.events(.processExit).filter { $0.process?.pid == pid }
        #expect(exits.map { $0.process?.id } == [first.id, second.id])
        #expect(exits.map { $0.exit?.code } == [1, 2])
    }

    @Test func `lineage outlives the parent`() throws {
        let seen = try Observation.of("process-orphan", directory.path)
        let orphan = try UInt32(seen.said("orphan", as: UInt64.self))
        let parent = try #require(
            seen.events(.processFork).first { try $0.process?.pid == child(seen) }?.process)
        let event = try seen.only(seen.files(under: directory.path, .fileCreate))
        #expect(event.process?.pid == orphan)
        #expect(event.process?.parentID == parent.id)
    }
}
