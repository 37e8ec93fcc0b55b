// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers
import SensorTestSupport
import Testing

@testable import SensorCore

/// A workload for whose tasks calls begin and end while it waits, and what came of it.
final class CalledWorkload {
    /// What the socket's server does, for all tests of this process: the kernel has one table.
    private static let scopes = NIOLockedValueBox<(scopes: CallScopes<KernelCalls>, nextNumber: UInt64)?>(nil)

    // Ended before its cgroup is removed.
    private let process: WorkloadProcess
    let directory: TestDirectory
    let cgroup: TestCgroup
    private let sensor: TestSensor
    private let subscription: TestSensor.Subscription
    private var open: Set<UInt64> = []

    /// Starts it, and waits until it says that it waits.
    init(_ activity: String, withDirectory: Bool = true, _ arguments: String...) throws {
        sensor = try TestSensor.shared.get()
        directory = try TestDirectory()
        cgroup = try TestCgroup("calls")
        process = try WorkloadProcess(
            [WorkloadProcess.program, activity] + (withDirectory ? [directory.path] : []) + arguments)
        try cgroup.take(process.pid)
        subscription = try sensor.subscribe(to: process.pid)
        try goOn()
    }

    deinit {
        for call in open { end(call) }
        sensor.unsubscribe(subscription)
    }

    var pid: UInt32 { process.pid }

    /// The number that it said after a word.
    func said(_ word: String) throws -> UInt32 {
        let line = try #require(process.lines.first { $0.hasPrefix(word + " ") })
        return try #require(UInt32(line.dropFirst(word.count + 1)))
    }

    /// Lets it go on until it waits again.
    func goOn() throws {
        try process.openGate()
        let isDone = try process.readLines()
        if let failure = process.lines.first(where: { $0.hasPrefix("failed ") }) { throw TestFailure(failure) }
        try #require(isDone, "the workload has ended: \(process.lines)")
    }

    /// Lets it end; all that it did has come then.
    func finish() throws {
        try process.finish()
        try eventually { events.contains { $0.kind == .processExit && $0.process?.pid == pid } }
    }

    var events: [Event] { subscription.collected.filter { !$0.isDoneMark } }

    /// What the making of a file was joined to: the one event that made it.
    func maker(of name: String) throws -> ToolCallReference? {
        let path = "\(directory.path)/\(name)"
        let found = events.filter { $0.kind == .fileCreate && $0.file?.path.text == path }
        try #require(found.count == 1, "\(name): \(found.map(\.summary)); all: \(events.map(\.summary))")
        return found[0].toolCall
    }

    /// What the daemon was not told of it for a reason.
    func losses(_ reason: LossReason) -> UInt64 { sensor.losses(reason, cgroup: cgroup.identifier) }

    // MARK: Calls

    private var kernel: KernelCalls { get throws { try sensor.collector.calls().calls } }

    /// The share of the kernel's entries that a thread which has announced a call takes part in.
    func share(of thread: UInt32) throws -> UInt32 { try #require(try kernel.entry(ofThread: thread)).share }

    func entries(ofShare share: UInt32) throws -> Int { try kernel.entries(ofShare: share) }

    /// A thread, or a process by its leader, as /proc has it.
    static func task(_ id: UInt32) throws -> CallTask {
        let text = try #require(ProcFile.text("/proc/\(id)/stat"))
        return CallTask(id: id, start: try #require(ProcessStat(Array(text.utf8))?.startTicks))
    }

    func begin(_ id: String, thread: UInt32) throws -> UInt64 {
        let (task, process) = (try Self.task(thread), try Self.task(pid))
        let workload = cgroup.identifier
        return try begin(id, .thread, thread: thread) { scopes, call, tell throws(SystemError) in
            try scopes.begin(call, of: workload, thread: task, in: process, tell: tell)
        }
    }

    func begin(_ id: String, _ scope: CallScope, processes: [CallTask]) throws -> UInt64 {
        let workload = cgroup.identifier
        return try begin(id, scope, thread: 0) { scopes, call, tell throws(SystemError) in
            try scopes.begin(call, of: workload, processes: processes, tell: tell)
        }
    }

    private func begin(
        _ id: String, _ scope: CallScope, thread: UInt32,
        _ bind: (inout CallScopes<KernelCalls>, UInt64, (CallChange) -> Void) throws(SystemError) -> Void
    ) throws -> UInt64 {
        let number = try Self.scopes.withLockedValue { shared in
            if shared == nil {
                shared = (CallScopes(marker: try sensor.collector.calls().calls), 1)
                sensor.collector.lookForCalls()
            }
            guard var current = shared else { return UInt64(0) }
            let number = current.nextNumber
            current.nextNumber += 1
            tell(
                .begun(
                    ToolCall(
                        number: number, id: id, name: "test", session: "s", scope: scope, process: pid, thread: thread,
                        cgroup: cgroup.identifier, time: KernelSession.bootTime())))
            try bind(&current.scopes, number, tell)
            shared = current
            return number
        }
        open.insert(number)
        return number
    }

    func end(_ call: UInt64) {
        open.remove(call)
        tell(.ended(CallEnd(number: call, status: "ok", time: KernelSession.bootTime())))
        Self.scopes.withLockedValue { $0?.scopes.end(call, tell: tell) }
    }

    private func tell(_ change: CallChange) {
        if sensor.calls.put(change) { sensor.collector.wake() }
        // Until the collecting thread knows of it: what acts for no call does not make it look.
        _ = sensor.collector.drained()
    }
}
