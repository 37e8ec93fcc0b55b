// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import FuzzDriver
import Glibc

@testable import SensorCore

@main
struct ToolCallFuzzer {
    static func main() { FuzzDriver.run(testOneInput) }
}

/// Takes the fuzzer's bytes for what several clients of two workloads send, in pieces: each line is told from the others
/// whatever the pieces are, whatever it says is answered, and nothing is left some time after the clients have gone.
private func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = UnsafeBufferPointer(start: start, count: count)
    let marker = CountingMarker()
    let accounts = CallAccounts()
    var clock = ClockReading(boot: 5_000_000_000_000, wallOffset: 1_800_000_000_000_000_000)
    var (begun, ended) = (0, 0)
    var book = CallBook(marker: marker, tasks: NoTasks(), accounts: accounts, clock: { clock }) { change in
        switch change {
        case .begun: begun += 1
        case .ended: ended += 1
        default: break
        }
    }
    var clients = [1, 1, 2].map { Client(accounts.of($0)) }
    for connection in clients.indices { book.arrive(connection) }
    for (index, line) in bytes.dropFirst().split(separator: UInt8(ascii: "\n")).enumerated() {
        clients[index % 3].sent += line + [UInt8(ascii: "\n")]
    }
    let size = Int(bytes.first ?? 0) * 8 + 1
    for from in stride(from: 0, to: clients.map(\.sent.count).max() ?? 0, by: size) {
        for (number, client) in clients.enumerated() {
            let sender = CallSender(
                process: CallTask(id: UInt32(number + 1), start: 7), cgroup: client.workload, workload: client.workload)
            client.send(from: from, size) { line in
                do throws(CallRefusal) {
                    return book.take(try MessageBytes.decode(line), from: sender, on: number, size: line.count)
                } catch {
                    return .error(MessageBytes.sequence(line), error.code, error.message)
                }
            }
        }
    }
    for client in clients {
        precondition(client.taken == client.sent)
        precondition(client.answers.count == client.sent.count { $0 == UInt8(ascii: "\n") })
        precondition(client.answers.allSatisfy { JSONValue(Array($0)) != nil })
    }
    clients = []
    for connection in 0..<3 { book.leave(connection) }
    clock.boot += PastSessions.life
    book.tick()
    precondition(begun == ended && book.open.isEmpty && book.sessions.isEmpty && marker.isEmpty)
    precondition(
        [1, 2].allSatisfy {
            accounts.of($0).bytes == 0 && accounts.of($0).calls == 0 && accounts.of($0).connections == 0
        })
    return 0
}

/// One end of a connection whose other end is the sensor's.
private final class Client {
    private let connection: ToolCallConnection
    private let descriptor: Int32
    /// What it has to say, and what has been taken of that.
    var sent: [UInt8] = []
    private(set) var taken: [UInt8] = []
    private var received: [UInt8] = []

    init(_ account: CallAccount) {
        var ends: [Int32] = [0, 0]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0, sensor_pass_credentials(ends[0]) == 0 else {
            fatalError("\(SystemError("socketpair"))")
        }
        connection = ToolCallConnection(descriptor: ends[0], account: account)
        descriptor = ends[1]
    }

    deinit { close(descriptor) }

    var workload: UInt64 { connection.account.workload }

    /// - Parameter take: answers one line.
    func send(from: Int, _ size: Int, _ take: ([UInt8]) -> ToolCallAnswer) {
        let piece = sent.dropFirst(from).prefix(size)
        precondition(piece.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == piece.count)
        connection.receive { line in
            guard case .message(let bytes, from: UInt32(getpid())) = line else { fatalError("\(line)") }
            taken += bytes + [UInt8(ascii: "\n")]
            connection.answer(take(bytes))
        }
        precondition(connection.flush() && !connection.isDone)
        read()
    }

    /// The lines of what was answered.
    var answers: [ArraySlice<UInt8>] {
        precondition(received.isEmpty || received.last == UInt8(ascii: "\n"))
        return received.split(separator: UInt8(ascii: "\n"))
    }

    private func read() {
        withUnsafeTemporaryAllocation(byteCount: 8192, alignment: 1) { buffer in
            while case let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count), count > 0 {
                received += buffer[..<count]
            }
        }
    }
}

/// The kernel's tables, as far as it matters whether anything is left in them.
private final class CountingMarker: CallMarker {
    private var processes: [CallTask: UInt32] = [:]
    private var sets: Set<UInt32> = []

    var isEmpty: Bool { processes.isEmpty && sets.isEmpty }

    var setLimit: Int { Int(SENSOR_CALL_SETS) }
    var shareLimit: Int { Int(SENSOR_CALL_SHARES) }
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
    func open(set: UInt32, share: UInt32) { precondition(sets.insert(set).inserted) }
    func close(set: UInt32) { sets.remove(set) }
    func setsInUse() -> Set<UInt32>? { Set(processes.values) }
}

private struct NoTasks: CallTasks {
    func thread(_ number: UInt32, of process: CallTask) -> CallTask? {
        number < 8 ? CallTask(id: 100 * process.id + number, start: 8) : nil
    }

    func tree(_ root: CallSender, tasksLeft: inout Int) -> [CallTask]? {
        tasksLeft -= 2
        return [root.process, CallTask(id: root.process.id + 10, start: 9)]
    }
}
