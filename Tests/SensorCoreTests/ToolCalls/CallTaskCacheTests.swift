// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite struct CallTaskCacheTests {
    private let senders = CallSenders(hierarchy: .current())
    private let second: UInt64 = 1_000_000_000

    /// A process that does nothing until it is killed.
    private func idle() throws -> UInt32 {
        var pid: pid_t = 0
        let words = ["sleep", "600"]
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        let error = posix_spawn(&pid, "/bin/sleep", nil, nil, &arguments, nil)
        guard error == 0 else { throw SystemError("spawn sleep", number: error) }
        return UInt32(pid)
    }

    private func kill(_ process: UInt32) { _ = Glibc.kill(pid_t(process), SIGKILL) }

    private func reap(_ process: UInt32) {
        var status: Int32 = 0
        while waitpid(pid_t(process), &status, 0) < 0, errno == EINTR {}
    }

    @Test func `a process that is known is held on to, and is the same the next time`() throws {
        let cache = CallTaskCache(senders)
        let own = UInt32(getpid())
        let known = try #require(cache.sender(own, last: nil, at: 1))
        #expect(known.sender == senders.sender(own))
        #expect(cache.sender(own, last: nil, at: 2) === known)
        #expect(cache.count == 1)
        #expect(cache.lives(known.sender.process))
    }

    @Test func `one that has ended is who it was for what it has sent, and for nobody else`() throws {
        let cache = CallTaskCache(senders)
        let child = try idle()
        let known = try #require(cache.sender(child, last: nil, at: 1))
        kill(child)
        // In the turn in which it was seen alive it is not asked again.
        #expect(cache.sender(child, last: nil, at: 1) === known)
        var turn: UInt64 = 1
        try eventually {
            turn += 1
            return cache.sender(child, last: nil, at: turn) !== known
        }
        #expect(cache.sender(child, last: known, at: turn + 1)?.sender == known.sender)
        reap(child)
        #expect(cache.sender(child, last: known, at: turn + 2) === known)
        #expect(cache.sender(child, last: nil, at: turn + 3) == nil)
        #expect(!cache.lives(known.sender.process))
        #expect(cache.count == 0)
    }

    @Test func `an id that was another's is not taken for it`() throws {
        let cache = CallTaskCache(senders)
        let child = try idle()
        defer { reap(child) }
        defer { kill(child) }
        let known = try #require(cache.sender(child, last: nil, at: 1))
        let before = try #require(cache.sender(UInt32(getpid()), last: nil, at: 1))
        // As if the parent's connection had been the child's: ids differ, so nothing of it counts.
        #expect(cache.sender(child, last: before, at: 2)?.sender == known.sender)
    }

    @Test(.enabled(if: geteuid() == 0, "to move a process to another cgroup takes root"))
    func `a process that moves to another cgroup is there for what it says next`() throws {
        let cache = CallTaskCache(senders)
        let cgroup = try TestCgroup("moves")
        let child = try idle()
        defer { reap(child) }
        defer { kill(child) }
        let first = try #require(cache.sender(child, last: nil, at: second)?.sender)
        try cgroup.take(child)
        let next = try #require(cache.sender(child, last: nil, at: second + second / 10)?.sender)
        #expect(next.process == first.process)
        #expect(next.cgroup == cgroup.identifier && first.cgroup != cgroup.identifier)
    }

    @Test func `a thread is looked for once, and once more when another has its number`() throws {
        let cache = CallTaskCache(senders)
        let process = try #require(cache.sender(UInt32(getpid()), last: nil, at: 1)).sender.process
        let own = UInt32(sensor_thread_id())
        let found = try #require(cache.thread(own, of: process))
        #expect(found == senders.thread(own, of: process))
        #expect(cache.thread(own, of: process) == found)
        #expect(cache.count == 2)
        #expect(cache.thread(1, of: process) == nil && cache.thread(.max, of: process) == nil)
        #expect(cache.count == 2)
    }

    @Test func `a thread that has ended is nobody's any more`() throws {
        let cache = CallTaskCache(senders)
        let process = try #require(cache.sender(UInt32(getpid()), last: nil, at: 1)).sender.process
        let (ready, done) = (try WakeUp(), try WakeUp())
        let id = Slot()
        let worker = try Worker(name: "short") {
            id.value = UInt32(sensor_thread_id())
            ready.signal()
            done.wait(milliseconds: -1)
        }
        ready.wait(milliseconds: -1)
        #expect(cache.thread(id.value, of: process)?.id == id.value)
        done.signal()
        #expect(worker.join(milliseconds: -1))
        try eventually { cache.thread(id.value, of: process) == nil }
        #expect(cache.count == 1)
    }

    @Test func `so many are held on to, and who says nothing for long is let go of`() throws {
        let cache = CallTaskCache(senders)
        let known = try #require(cache.sender(UInt32(getpid()), last: nil, at: 1))
        _ = cache.thread(UInt32(sensor_thread_id()), of: known.sender.process)
        cache.prune(at: 2)
        #expect(cache.count == 2)
        cache.prune(at: 11 * second)
        #expect(cache.count == 0)
        let again = try #require(cache.sender(UInt32(getpid()), last: known, at: 12 * second))
        #expect(again !== known && again.sender == known.sender)
    }

    @Test func `a thread is held on to without a pidfd too`() throws {
        let (ready, done) = (try WakeUp(), try WakeUp())
        let id = Slot()
        let worker = try Worker(name: "short") {
            id.value = UInt32(sensor_thread_id())
            ready.signal()
            done.wait(milliseconds: -1)
        }
        ready.wait(milliseconds: -1)
        guard let handle = TaskHandle(thread: id.value), let file = TaskHandle(file: id.value) else {
            Issue.record("the thread cannot be held on to")
            return
        }
        let areAlive = [handle.isAlive, file.isAlive]
        #expect(areAlive == [true, true])
        done.signal()
        #expect(worker.join(milliseconds: -1))
        try eventually { senders.task(id.value, of: CallTask(id: UInt32(getpid()), start: 0)) == nil }
        let areAliveLater = [handle.isAlive, file.isAlive]
        #expect(areAliveLater == [false, false])
    }
}

/// A number that one thread writes before another reads it.
private final class Slot: @unchecked Sendable {
    // Written before a signal that the reader has waited for.
    var value: UInt32 = 0
}
