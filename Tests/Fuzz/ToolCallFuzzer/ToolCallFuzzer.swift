// SPDX-License-Identifier: Apache-2.0

import FuzzDriver

@testable import SensorCore

@main
struct ToolCallFuzzer {
    static func main() { FuzzDriver.run(testOneInput) }
}

/// Takes the fuzzer's bytes for lines of several clients of two workloads: whatever they say is answered, and nothing is left
/// when they have gone.
private func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeBufferPointer(start: start, count: count)
    let marker = CountingMarker()
    let accounts = CallAccounts()
    let clock = ClockReading(boot: 5_000_000_000_000, wallOffset: 1_800_000_000_000_000_000)
    var (begun, ended) = (0, 0)
    var book = CallBook(marker: marker, tasks: NoTasks(), accounts: accounts, clock: { clock }) { change in
        switch change {
        case .begun: begun += 1
        case .ended: ended += 1
        default: break
        }
    }
    for (index, line) in bytes.split(separator: UInt8(ascii: "\n")).enumerated() {
        let connection = index % 3
        let workload = UInt64(connection / 2 + 1)
        let sender = CallSender(
            process: CallTask(id: UInt32(connection + 1), start: 7), cgroup: workload, workload: workload)
        let answer: ToolCallAnswer
        do throws(CallRefusal) {
            let message = try MessageBytes.decode(Array(line))
            answer = book.take(message, from: sender, on: connection, size: line.count)
        } catch {
            answer = .error(MessageBytes.sequence(Array(line)), error.code, error.message)
        }
        precondition(answer.line.last == UInt8(ascii: "\n") && JSONValue(answer.line) != nil)
    }
    for connection in 0..<3 { book.leave(connection) }
    precondition(begun == ended && book.open.isEmpty && book.sessions.isEmpty && marker.isEmpty)
    precondition([1, 2].allSatisfy { accounts.of($0).bytes == 0 && accounts.of($0).calls == 0 })
    return 0
}

/// The kernel's tables, as far as it matters whether anything is left in them.
private final class CountingMarker: CallMarker {
    private var processes: [CallTask: UInt32] = [:]
    private var sets: Set<UInt32> = []

    var isEmpty: Bool { processes.isEmpty && sets.isEmpty }

    var setLimit: Int { .max }
    var shareLimit: Int { 4096 }
    func entry(ofProcess process: UInt32) -> KernelCalls.Entry? {
        processes.first { $0.key.id == process }.map {
            KernelCalls.Entry(set: $0.value, base: 0, start: $0.key.start, share: 0)
        }
    }
    func entry(ofThread thread: UInt32) -> KernelCalls.Entry? { entry(ofProcess: thread) }
    func entries(ofShare share: UInt32) -> Int { 0 }
    func mark(process: CallTask, set: UInt32?, over entry: KernelCalls.Entry?) throws(SystemError) {
        processes[process] = set
    }
    func mark(thread: CallTask, set: UInt32?, base: UInt32, over entry: KernelCalls.Entry?) throws(SystemError) {
        processes[thread] = set
    }
    func open(set: UInt32, share: UInt32) -> Bool { sets.insert(set).inserted }
    func close(set: UInt32) { sets.remove(set) }
    func setsInUse() -> Set<UInt32>? { Set(processes.values) }
}

private struct NoTasks: CallTasks {
    func thread(_ number: UInt32, of process: CallTask) -> CallTask? {
        number < 8 ? CallTask(id: 100 * process.id + number, start: 8) : nil
    }

    func tree(_ root: CallSender) -> [CallTask]? { [root.process, CallTask(id: root.process.id + 10, start: 9)] }
}
