// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
internal import Glibc
import NIOConcurrencyHelpers
import Synchronization

/// Takes the messages of agents, on a thread of its own.
///
/// A client may send anything, stop reading, or vanish: it costs others nothing.
package final class ToolCallServer: Sendable {
    package struct Limits: Sendable {
        package var connections = 512
        /// Messages a second of one connection.
        package var rate = 2000

        package init() {}
    }

    fileprivate let limits: Limits
    fileprivate let wakeUp: WakeUp
    fileprivate let isStopping = Atomic(false)
    private let worker = NIOLockedValueBox<Worker?>(nil)

    /// - Parameters:
    ///   - marker: where the kernel looks for calls.
    ///   - tell: takes what is learned, in order, before any event could be joined to it. On the server's thread.
    package init(
        listener: ToolCallListener, marker: some CallMarker & Sendable, senders: CallSenders, limits: Limits = Limits(),
        tell: @escaping @Sendable (CallChange) -> Void
    ) throws(SystemError) {
        self.limits = limits
        wakeUp = try WakeUp()
        let thread = try Worker(name: "sensord-calls") { [self] in
            let book = CallBook(marker: marker, senders: senders, clock: { KernelSession.bootTime() }, tell: tell)
            var loop = ToolCallLoop(server: self, listener: listener, senders: senders, book: book)
            loop.run()
        }
        worker.withLockedValue { $0 = thread }
    }

    /// Ends all calls as abandoned and returns; no later than two seconds from now.
    package func stop() {
        isStopping.store(true, ordering: .relaxed)
        wakeUp.signal()
        _ = worker.withLockedValue { $0.take() }?.join(milliseconds: 2000)
    }
}

private struct ToolCallLoop<Marker: CallMarker> {
    private let server: ToolCallServer
    private let listener: ToolCallListener
    private let senders: CallSenders
    private var book: CallBook<Marker>
    private var connections: [Int: ToolCallConnection] = [:]
    private var nextNumber = 0
    private let decoder = JSONDecoder()

    init(server: ToolCallServer, listener: ToolCallListener, senders: CallSenders, book: CallBook<Marker>) {
        self.server = server
        self.listener = listener
        self.senders = senders
        self.book = book
    }

    mutating func run() {
        while !server.isStopping.load(ordering: .relaxed) {
            let ready = wait()
            let now = KernelSession.bootTime()
            for number in ready { receive(from: number, now: now) }
            acceptAll()
        }
        for number in connections.keys { drop(number) }
    }

    private func wait() -> [Int] {
        let numbers = Array(connections.keys)
        var entries = [
            pollfd(fd: server.wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        for number in numbers {
            guard let connection = connections[number] else { continue }
            let events =
                (connection.isListening ? Int16(POLLIN) : 0) | (connection.isBlocked ? Int16(POLLOUT) : 0)
            entries.append(pollfd(fd: connection.descriptor, events: events, revents: 0))
        }
        guard poll(&entries, nfds_t(entries.count), -1) > 0 else { return [] }
        server.wakeUp.take()
        return zip(numbers, entries.dropFirst(2)).filter { $0.1.revents != 0 }.map(\.0)
    }

    private mutating func acceptAll() {
        while connections.count < server.limits.connections, let descriptor = listener.accept() {
            nextNumber += 1
            connections[nextNumber] = ToolCallConnection(descriptor: descriptor)
        }
    }

    private mutating func receive(from number: Int, now: UInt64) {
        guard let connection = connections[number] else { return }
        var lines: [ToolCallConnection.Line] = []
        connection.receive { lines.append($0) }
        for line in lines { connection.answer(answer(to: line, number, connection, now)) }
        guard connection.flush(), !connection.isDone else { return drop(number) }
    }

    private mutating func answer(
        to line: ToolCallConnection.Line, _ number: Int, _ connection: ToolCallConnection, _ now: UInt64
    ) -> ToolCallAnswer {
        switch line {
        case .tooLarge:
            return .error(nil, .tooLarge, "a message has \(ToolCallConnection.lineLimit) bytes at most")
        case .mixed: return .error(nil, .malformed, "two processes have sent parts of this message")
        case .message(let bytes, let process):
            let message: ToolCallMessage
            do { message = try decoder.decode(ToolCallMessage.self, from: Data(bytes)) } catch {
                return .error(nil, .malformed, "not a message: \(Self.reason(error))")
            }
            if now &- connection.allowance.since >= 1_000_000_000 {
                connection.allowance = (server.limits.rate, now)
            }
            guard connection.allowance.left > 0 else {
                return .error(message.seq, .rateLimited, "more than \(server.limits.rate) messages in a second")
            }
            connection.allowance.left -= 1
            guard let sender = sender(process, connection) else {
                return .error(message.seq, .malformed, "the sender is gone, or its cgroup is not known")
            }
            return book.take(message, from: sender, on: number)
        }
    }

    /// The cgroup of a process is looked up once for each that sends.
    private func sender(_ process: UInt32, _ connection: ToolCallConnection) -> CallSender? {
        if let known = connection.known, known.process.id == process, senders.lives(known.process) { return known }
        connection.known = senders.sender(process)
        return connection.known
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "\(key.stringValue) is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "\(context.codingPath.map(\.stringValue).joined(separator: ".")) is of the wrong type"
        case DecodingError.dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "no JSON" : "\(context.codingPath.map(\.stringValue).joined(separator: ".")) is not known"
        default: "no JSON object"
        }
    }

    private mutating func drop(_ number: Int) {
        guard connections.removeValue(forKey: number) != nil else { return }
        book.leave(number)
    }
}
