// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

/// What the kernel says that tasks act for, and what becomes of it.
@Suite(.tags(.kernel), .needsKernel) struct ToolCallActivityTests {
    private static let ways = ["own", "thread", "fork", "vfork", "spawn", "double-fork"]

    @Test func `what a thread announced is joined to all that it does, exactly, and to all that it makes`() throws {
        let workload = try CalledWorkload("call-ways")
        let call = try workload.begin("a", thread: workload.pid)
        try workload.goOn()
        workload.end(call)
        try workload.finish()
        for way in Self.ways {
            let reference = try workload.maker(of: way)
            #expect(reference?.id == "a", "\(way)")
            // Threads, and processes of its own program, may be workers that do other things as well.
            #expect(reference?.method == (way == "own" ? .exact : .process), "\(way)")
            #expect(reference?.name == "test" && reference?.session == "s")
        }
        let forks = workload.events.filter { $0.kind == .processFork }
        #expect(forks.count == 5)
        // The second one of the double fork is its first child's.
        #expect(forks.filter { $0.toolCall?.method == .exact }.count == 4)
        #expect(forks.filter { $0.toolCall?.method == .process }.count == 1)
        let execs = workload.events.filter { $0.kind == .processExec && $0.process?.pid != workload.pid }
        #expect(execs.count == 2)
        #expect(execs.allSatisfy { $0.toolCall?.id == "a" })
    }

    @Test func `without a call nothing is joined`() throws {
        let workload = try CalledWorkload("call-ways")
        try workload.end(workload.begin("over", thread: workload.pid))
        try workload.goOn()
        try workload.finish()
        for way in Self.ways { #expect(try workload.maker(of: way) == nil, "\(way)") }
    }

    @Test func `what a process announced is its own, and what it makes is`() throws {
        let workload = try CalledWorkload("call-ways")
        let call = try workload.begin("a", .process, processes: [CalledWorkload.task(workload.pid)])
        try workload.goOn()
        workload.end(call)
        try workload.finish()
        for way in Self.ways {
            let reference = try workload.maker(of: way)
            #expect(reference?.id == "a", "\(way)")
            #expect(reference?.method == .process, "\(way)")
        }
    }

    @Test func `a child that outlives its call was made for it, and acts for it no more`() throws {
        let workload = try CalledWorkload("call-outliving")
        let call = try workload.begin("a", thread: workload.pid)
        try workload.goOn()
        workload.end(call)
        try workload.goOn()
        try workload.finish()
        let child = try workload.said("child")
        let fork = try #require(workload.events.first { $0.kind == .processFork && $0.process?.pid == child })
        #expect(fork.toolCall?.id == "a")
        #expect(try workload.maker(of: "during")?.id == "a")
        #expect(try workload.maker(of: "after") == nil)
        #expect(workload.events.first { $0.kind == .processExit && $0.process?.pid == child }?.toolCall == nil)
    }

    @Test func `a child that outlives its call acts for a later one of its parent at most`() throws {
        let workload = try CalledWorkload("call-outliving")
        let first = try workload.begin("a", thread: workload.pid)
        try workload.goOn()
        workload.end(first)
        let second = try workload.begin("b", thread: workload.pid)
        try workload.goOn()
        workload.end(second)
        try workload.finish()
        #expect(try workload.maker(of: "during")?.id == "a")
        // It may be a worker of its parent's, which is more than is known.
        #expect(try workload.maker(of: "after")?.candidates == ["b"])
        #expect(try workload.maker(of: "after")?.mayBeNone == true)
    }

    @Test func `a thread's call goes with it through an exec that makes it the leader`() throws {
        let workload = try CalledWorkload("call-exec")
        let thread = try workload.said("thread")
        #expect(thread != workload.pid)
        let call = try workload.begin("a", thread: thread)
        try workload.goOn()
        workload.end(call)
        try workload.finish()
        let exec = try #require(
            workload.events.last { $0.kind == .processExec && $0.process?.arguments.first == "after the exec" })
        #expect(exec.toolCall?.id == "a")
        #expect(try workload.maker(of: "after-exec")?.method == .exact)
        #expect(try workload.maker(of: "after-exec-thread")?.method == .exact)
    }

    @Test func `the leader's call ends with it when another thread executes`() throws {
        let workload = try CalledWorkload("call-exec")
        let call = try workload.begin("a", thread: workload.pid)
        try workload.goOn()
        workload.end(call)
        try workload.finish()
        #expect(try workload.maker(of: "after-exec")?.mayBeNone ?? true)
    }

    @Test func `two threads of a process, each with a call, stay apart`() throws {
        let workload = try CalledWorkload("call-threads")
        let calls = [
            try workload.begin("call-a", thread: workload.said("a")),
            try workload.begin("call-b", thread: workload.said("b")),
        ]
        try workload.goOn()
        for call in calls { workload.end(call) }
        try workload.finish()
        #expect(try workload.maker(of: "a")?.id == "call-a")
        #expect(try workload.maker(of: "a")?.method == .exact)
        #expect(try workload.maker(of: "b")?.id == "call-b")
        // Whoever acts for no call may have been asked to by any.
        #expect(try workload.maker(of: "leader")?.candidates == ["call-a", "call-b"])
    }

    @Test func `a thread's own call and its process's are both candidates`() throws {
        let workload = try CalledWorkload("call-threads")
        let calls = [
            try workload.begin("all", .process, processes: [CalledWorkload.task(workload.pid)]),
            try workload.begin("call-a", thread: workload.said("a")),
        ]
        try workload.goOn()
        for call in calls { workload.end(call) }
        try workload.finish()
        #expect(try workload.maker(of: "a")?.method == .candidates)
        #expect(try workload.maker(of: "a")?.candidates == ["all", "call-a"])
        // They may do what another thread asks of them.
        #expect(try workload.maker(of: "b")?.candidates == ["all", "call-a"])
        #expect(try workload.maker(of: "leader")?.candidates == ["all", "call-a"])
    }

    @Test func `a tree has those in it that live when the call begins`() throws {
        let workload = try CalledWorkload("call-child")
        let call = try workload.begin(
            "a", .tree, processes: [CalledWorkload.task(workload.pid), CalledWorkload.task(workload.said("child"))])
        try workload.goOn()
        workload.end(call)
        try workload.finish()
        #expect(try workload.maker(of: "by-parent")?.method == .process)
        #expect(try workload.maker(of: "by-child")?.id == "a")
        #expect(try workload.maker(of: "by-child")?.method == .process)
    }

    @Test func `a process's call may be that of a worker which was there before`() throws {
        let workload = try CalledWorkload("call-child")
        let call = try workload.begin("a", .process, processes: [CalledWorkload.task(workload.pid)])
        try workload.goOn()
        workload.end(call)
        try workload.finish()
        #expect(try workload.maker(of: "by-parent")?.id == "a")
        #expect(try workload.maker(of: "by-child")?.candidates == ["a"])
    }

    @Test(arguments: [-1, 1]) func `the calls of another task that had the same id mean nothing`(_ ticks: Int) throws {
        let workload = try CalledWorkload("call-child")
        var other = try CalledWorkload.task(workload.pid)
        other.start = UInt64(Int(other.start) + ticks)
        let call = try workload.begin("a", .process, processes: [other])
        try workload.goOn()
        workload.end(call)
        try workload.finish()
        #expect(try workload.maker(of: "by-parent")?.mayBeNone ?? true)
    }

    @Test func `where the daemon does not know of a thread yet all calls are candidates, and when one has just ended`()
        throws
    {
        let workload = try CalledWorkload("call-helper")
        let first = try workload.begin("thread", thread: workload.pid)
        try workload.goOn()
        let second = try workload.begin("process", .process, processes: [CalledWorkload.task(workload.pid)])
        try workload.goOn()
        workload.end(second)
        try workload.goOn()
        workload.end(first)
        try workload.finish()
        for name in ["both", "both-child"] {
            #expect(try workload.maker(of: name)?.method == .candidates)
            #expect(try workload.maker(of: name)?.candidates == ["thread", "process"])
        }
        for name in ["one", "one-child"] {
            // What the other has begun may go on for a while.
            #expect(try workload.maker(of: name)?.candidates == ["thread", "process"], "\(name)")
        }
    }

    @Test func `whoever makes a crowd within a call takes no other's room for it, and gives all of it back`() throws {
        let crowd = try CalledWorkload("call-crowd", String(SENSOR_CALL_SHARE + 10))
        let call = try crowd.begin("a", thread: crowd.pid)
        let share = try crowd.share(of: crowd.pid)
        #expect(try crowd.entries(ofShare: share) == 1)
        try crowd.goOn()
        // What others have lowers it a little.
        let entries = try crowd.entries(ofShare: share)
        #expect(entries <= Int(SENSOR_CALL_SHARE) && entries > Int(SENSOR_CALL_SHARE) - 64)
        let other = try CalledWorkload("call-threads")
        let calls = [
            try other.begin("call-a", thread: other.said("a")), try other.begin("call-b", thread: other.said("b")),
        ]
        try other.goOn()
        for call in calls { other.end(call) }
        try other.finish()
        #expect(try other.maker(of: "a")?.id == "call-a")
        #expect(try crowd.maker(of: "one-more")?.mayBeNone == true)
        #expect(crowd.losses(.callsFull) == UInt64(Int(SENSOR_CALL_SHARE) + 12 - entries))
        try crowd.goOn()
        crowd.end(call)
        try crowd.finish()
        let left = try crowd.entries(ofShare: share)
        #expect(left == 0)
    }

    @Test func `a connection that was made within a call is closed for it, whenever that is`() throws {
        let workload = try CalledWorkload("call-socket", withDirectory: false)
        let call = try workload.begin("a", thread: workload.pid)
        try workload.goOn()
        workload.end(call)
        try workload.goOn()
        try workload.finish()
        let connect = try #require(
            workload.events.first { $0.kind == .networkConnect && $0.network?.transport == .tcp })
        #expect(connect.toolCall?.id == "a")
        let close = try #require(
            workload.events.first { $0.kind == .networkClose && $0.network?.direction == .egress })
        #expect(close.network?.bytesSent == 5)
        #expect(close.toolCall?.id == "a")
        #expect(close.toolCall?.method == .exact)
        let accepted = try #require(workload.events.first { $0.kind == .networkAccept })
        #expect(accepted.toolCall == nil)
    }

    @Test func `what a worker of io_uring does is joined to the call of the thread that asked for it`() throws {
        let workload = try CalledWorkload("uring-make")
        let call = try workload.begin("a", thread: workload.pid)
        try workload.goOn()
        workload.end(call)
        try workload.finish()
        let reference = try workload.maker(of: "own")
        #expect(reference?.id == "a" && reference?.method == .exact)
        // Of another thread, which had no call.
        #expect(try workload.maker(of: "other")?.candidates == ["a"])
    }

    @Test(arguments: [false, true])
    func `what is completed later is its submitter's call's, whatever that does by then`(_ isOver: Bool) throws {
        let workload = try CalledWorkload("uring-deferred")
        if try workload.said("deferred") == 0 { return }
        let first = try workload.begin("a", thread: workload.pid)
        try workload.goOn()
        if isOver { workload.end(first) }
        let second = try workload.begin("b", thread: workload.pid)
        try workload.goOn()
        for call in [first, second] { workload.end(call) }
        try workload.finish()
        let reference = try workload.maker(of: "deferred")
        #expect(reference?.id == (isOver ? nil : "a"))
        #expect(reference?.method == (isOver ? nil : .exact))
    }

    @Test func `workers that were made within a call, and what they start, may act for any`() throws {
        let workload = try CalledWorkload("call-pool")
        var calls = [try workload.begin("a", thread: workload.pid)]
        try workload.goOn()
        calls.append(try workload.begin("b", thread: workload.said("other")))
        try workload.goOn()
        for call in calls { workload.end(call) }
        try workload.finish()
        for name in ["thread", "forked", "worker", "forked-by-worker"] {
            for file in [name, name + "-program"] {
                #expect(try workload.maker(of: file)?.candidates == ["a", "b"], "\(file)")
            }
        }
        #expect(try workload.maker(of: "own")?.method == .exact)
        #expect(try workload.maker(of: "own")?.id == "a")
    }

    @Test func `names that a connected socket asks for are no single call's once another one was open`() throws {
        let workload = try CalledWorkload("dns-calls", withDirectory: false)
        var calls = [try workload.begin("a", thread: workload.pid)]
        try workload.goOn()
        workload.end(calls.removeLast())
        calls = [try workload.begin("b", thread: workload.pid)]
        try workload.goOn()
        workload.end(calls[0])
        try workload.goOn()
        try workload.finish()
        func answer(_ name: String) throws -> ToolCallReference? {
            try #require(
                workload.events.first { if case .dns(let dns) = $0.detail { dns.name == name } else { false } }
            ).toolCall
        }
        #expect(try answer("one.test")?.method == .process)
        #expect(try answer("one.test")?.id == "a")
        #expect(try answer("two.test")?.candidates == ["a", "b"])
        #expect(try answer("three.test")?.id ?? "" == "")
    }
}
