// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import NIOConcurrencyHelpers

@testable import SensorCore

/// The kernel's tables, as a test reads them.
final class NotedMarker: CallMarker, Sendable {
    private struct State {
        var processes: [CallTask: UInt32] = [:]
        var threads: [CallTask: (set: UInt32, base: UInt32)] = [:]
        var sets: Set<UInt32> = []
        var isFull = false
    }

    private let state = NIOLockedValueBox(State())

    /// From now on there is no room.
    func fill() { state.withLockedValue { $0.isFull = true } }

    var openSets: Set<UInt32> { state.withLockedValue { $0.sets } }
    var isEmpty: Bool {
        state.withLockedValue { $0.processes.isEmpty && $0.threads.isEmpty && $0.sets.isEmpty }
    }

    func setsInUse() -> Set<UInt32>? {
        state.withLockedValue { Set($0.processes.values).union($0.threads.values.map(\.set)) }
    }

    func set(ofProcess process: CallTask) -> UInt32? { state.withLockedValue { $0.processes[process] } }
    func set(ofThread thread: CallTask) -> UInt32? { state.withLockedValue { $0.threads[thread]?.set } }

    func entry(ofProcess process: UInt32) -> KernelCalls.Entry? {
        state.withLockedValue { state in
            state.processes.first { $0.key.id == process }.map {
                KernelCalls.Entry(set: $0.value, base: 0, start: $0.key.start, share: 0)
            }
        }
    }

    func entry(ofThread thread: UInt32) -> KernelCalls.Entry? {
        state.withLockedValue { state in
            state.threads.first { $0.key.id == thread }.map {
                KernelCalls.Entry(set: $0.value.set, base: $0.value.base, start: $0.key.start, share: 0)
            }
        }
    }

    func mark(process: CallTask, set: UInt32?, over entry: KernelCalls.Entry?) throws(SystemError) {
        let isRefused = state.withLockedValue { state in
            if state.isFull, set != nil { return true }
            state.processes[process] = set
            return false
        }
        if isRefused { throw SystemError("mark", number: E2BIG) }
    }

    func mark(
        thread: CallTask, set: UInt32?, base: UInt32, over entry: KernelCalls.Entry?
    ) throws(SystemError) {
        let isRefused = state.withLockedValue { state in
            if state.isFull, set != nil { return true }
            state.threads[thread] = set.map { ($0, base) }
            return false
        }
        if isRefused { throw SystemError("mark", number: E2BIG) }
    }

    var setLimit: Int { Int(SENSOR_CALL_SETS) }
    var shareLimit: Int { Int(SENSOR_CALL_SHARES) }
    func entries(ofShare share: UInt32) -> Int { 0 }
    func open(set: UInt32, share: UInt32) { _ = state.withLockedValue { $0.sets.insert(set) } }
    func close(set: UInt32) { _ = state.withLockedValue { $0.sets.remove(set) } }
}

/// Threads and descendants of a made-up machine.
final class NamedTasks: CallTasks {
    var threads: [UInt32: CallTask] = [:]
    var descendants: [CallTask]? = []

    func thread(_ number: UInt32, of process: CallTask) -> CallTask? { threads[number] }
    /// What is forked while one looks: further descendants that each look finds.
    var forked: [[CallTask]] = []
    /// From the second look on there are too many.
    var becomesTooLarge = false

    func tree(_ root: CallSender, tasksLeft: inout Int) -> [CallTask]? {
        tasksLeft -= 1 + (descendants?.count ?? 0)
        if tasksLeft < 0 { return nil }
        defer { if !forked.isEmpty { descendants? += forked.removeFirst() } }
        defer { if becomesTooLarge { descendants = nil } }
        return descendants.map { [root.process] + $0 }
    }
}

/// A book of sessions on a made-up machine.
final class BookFixture {
    private final class Clock {
        // 2027-01-15T08:00:00Z
        var time = ClockReading(boot: 5_000_000_000_000, wallOffset: 1_799_995_000_000_000_000)
    }

    private final class Told {
        var changes: [CallChange] = []
    }

    /// Two workloads, and two processes of the first.
    static let alice = CallSender(process: CallTask(id: 100, start: 7), cgroup: 42, workload: 40)
    static let sibling = CallSender(process: CallTask(id: 101, start: 8), cgroup: 43, workload: 40)
    static let mallory = CallSender(process: CallTask(id: 200, start: 9), cgroup: 52, workload: 50)

    let marker = NotedMarker()
    let tasks = NamedTasks()
    let accounts: CallAccounts
    private let clock = Clock()
    private let told = Told()
    private var arrived: Set<Int> = []
    var book: CallBook<NotedMarker>

    init(digests: DigestKeys? = nil, _ change: (inout CallLimits) -> Void = { _ in }) {
        var limits = CallLimits()
        change(&limits)
        accounts = CallAccounts(limits: limits)
        book = CallBook(
            marker: marker, tasks: tasks, accounts: accounts, digests: digests, clock: { [clock] in clock.time },
            tell: { [told] in told.changes.append($0) })
    }

    var wall: UInt64 { clock.time.wall }

    /// A client connects: whoever has not is taken to do so before his first message.
    func arrive(_ connection: Int) {
        arrived.insert(connection)
        book.arrive(connection)
    }

    func pass(seconds: UInt64) { clock.time.boot += seconds * 1_000_000_000 }

    /// So long that nobody comes back to a session that is over.
    func forget() {
        clock.time.boot += PastSessions.life
        book.tick()
    }

    /// What the book answers to a line.
    @discardableResult
    func send(
        _ line: String, from sender: CallSender = alice, on connection: Int = 1
    ) throws(CallRefusal) -> ToolCallAnswer {
        let bytes = Array(line.utf8)
        if !arrived.contains(connection) { arrive(connection) }
        return book.take(try MessageBytes.decode(bytes), from: sender, on: connection, size: bytes.count)
    }

    @discardableResult
    func hello(
        _ session: String = "s1", from sender: CallSender = alice, on connection: Int = 1
    ) throws(CallRefusal) -> ToolCallAnswer {
        try send(#"{"type":"hello","protocol":1,"session":"\#(session)"}"#, from: sender, on: connection)
    }

    /// - Parameter more: further members of the message, with a comma before each.
    @discardableResult
    func begin(
        _ call: String, _ more: String = "", session: String = "s1", from sender: CallSender = alice,
        on connection: Int = 1
    ) throws(CallRefusal) -> ToolCallAnswer {
        try send(
            #"{"type":"begin","session":"\#(session)","call":{"id":"\#(call)","name":"read"}\#(more)}"#, from: sender,
            on: connection)
    }

    @discardableResult
    func end(
        _ call: String, session: String = "s1", from sender: CallSender = alice, on connection: Int = 1
    ) throws(CallRefusal) -> ToolCallAnswer {
        try send(
            #"{"type":"end","session":"\#(session)","call":{"id":"\#(call)"}}"#, from: sender, on: connection)
    }

    var changes: [CallChange] { told.changes }
    var begun: [ToolCall] { changes.compactMap { if case .begun(let call) = $0 { call } else { nil } } }
    var ended: [CallEnd] { changes.compactMap { if case .ended(let end) = $0 { end } else { nil } } }
    var anomalies: [AnomalyDetail] {
        changes.compactMap { if case .anomaly(let anomaly, _) = $0 { anomaly } else { nil } }
    }
    var rules: [AnomalyRule] { anomalies.map(\.rule) }
}
