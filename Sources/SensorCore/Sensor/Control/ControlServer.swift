// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import Synchronization

/// Serves the tails that attach to the daemon, on a thread of its own.
///
/// A peer may send anything, stop reading, or vanish: it costs others nothing, and itself at most its connection.
package final class ControlServer: Sendable {
    package struct Limits: Sendable {
        /// Bytes of events that wait for one tail; all together are bounded by `SubscriberBudget`.
        package var queueBytes: Int
        package var tails: Int
        /// Nanoseconds that a peer may take to say what it wants, and to take what is left for it.
        package var patience: UInt64 = 5_000_000_000

        package init(queueBytes: Int = 1 << 20, tails: Int = 16) {
            self.queueBytes = queueBytes
            self.tails = tails
        }
    }

    fileprivate let stream: String
    fileprivate let hub: TailHub
    fileprivate let recent: RecentEvents
    fileprivate let controller: any StreamController
    fileprivate let resend: Resend?
    fileprivate let limits: Limits
    fileprivate let wakeUp: WakeUp
    fileprivate let isStopping = Atomic(false)
    private let worker = NIOLockedValueBox<Worker?>(nil)

    /// Sends again what is to be, and tells the closure what became of it, on whatever thread.
    package typealias Resend = @Sendable (@escaping @Sendable (ResendReport) -> Void) -> Void

    /// Begins to serve.
    ///
    /// - Parameters:
    ///   - stream: the first half of every event's id.
    ///   - hub: gets the events from the collecting thread.
    ///   - recent: gets them too, for those who ask about one.
    ///   - resend: nil: there is nobody to whom anything could be sent again.
    package init(
        listener: ControlListener, stream: String, hub: TailHub, recent: RecentEvents,
        controller: any StreamController, resend: Resend? = nil,
        limits: Limits = Limits()
    ) throws(SystemError) {
        self.stream = stream
        self.hub = hub
        self.recent = recent
        self.controller = controller
        self.resend = resend
        self.limits = limits
        wakeUp = try WakeUp()
        let thread = try Worker(name: "sensord-control") { [self] in
            var loop = ControlLoop(server: self, listener: listener)
            loop.run()
        }
        worker.withLockedValue { $0 = thread }
    }

    /// Ends all tails with their summary and returns; no later than two seconds from now. The collecting thread still
    /// has to run.
    package func stop() {
        isStopping.store(true, ordering: .relaxed)
        wakeUp.signal()
        _ = worker.withLockedValue { $0.take() }?.join(milliseconds: 2500)
    }
}

/// The control thread's own state.
private struct ControlLoop {
    private let server: ControlServer
    private let listener: ControlListener
    private let budget: SubscriberBudget
    private var connections: [Int: ControlConnection] = [:]
    private var nextNumber = 0
    /// Boot clock, ns: when it ends whatever is left.
    private var end: UInt64?

    init(server: ControlServer, listener: ControlListener) {
        self.server = server
        self.listener = listener
        budget = SubscriberBudget(tails: server.limits.tails)
    }

    mutating func run() {
        while true {
            if server.isStopping.load(ordering: .relaxed) {
                if end == nil { endAll() }
                if connections.isEmpty || KernelSession.bootTime() >= end ?? 0 { break }
            }
            let ready = wait()
            let now = KernelSession.bootTime()
            for number in ready { receive(from: number, now: now) }
            for number in connections.keys { advance(number, now: now) }
            if end == nil { acceptAll(now: now) }
        }
        for number in connections.keys { drop(number) }
    }

    /// Waits for peers, the collecting thread, or the next deadline. The connections that have something to say.
    private mutating func wait() -> [Int] {
        let numbers = Array(connections.keys)
        var entries = [pollfd(fd: server.wakeUp.descriptor, events: Int16(POLLIN), revents: 0)]
        entries.append(pollfd(fd: end == nil ? listener.descriptor : -1, events: Int16(POLLIN), revents: 0))
        var patience: Int32 = 10_000
        for number in numbers {
            guard let connection = connections[number] else { continue }
            // What the collecting thread adds to a queue that is not blocked comes with a wake-up.
            let events = Int16(POLLIN) | (connection.isBlocked ? Int16(POLLOUT) : 0)
            entries.append(pollfd(fd: connection.descriptor, events: events, revents: 0))
            switch connection.phase {
            // The last sockets are looked for rather than waited for.
            case .ending: patience = min(patience, 20)
            case .silent, .asking, .leaving: patience = min(patience, 500)
            case .watching: break
            }
        }
        if end != nil { patience = min(patience, 20) }
        guard poll(&entries, nfds_t(entries.count), patience) > 0 else { return [] }
        server.wakeUp.take()
        for (number, entry) in zip(numbers, entries.dropFirst(2)) where entry.revents & ~Int16(POLLIN) != 0 {
            connections[number]?.isBlocked = false
        }
        return zip(numbers, entries.dropFirst(2)).filter { $0.1.revents & ~Int16(POLLOUT) != 0 }.map(\.0)
    }

    private mutating func acceptAll(now: UInt64) {
        // A descriptor more than there may be tails, so that the one too many is told.
        while connections.count <= server.limits.tails, let descriptor = listener.accept() {
            nextNumber += 1
            let queue = SubscriberQueue(
                capacity: server.limits.queueBytes, budget: budget, wakeUp: server.wakeUp)
            let connection = ControlConnection(
                descriptor: descriptor, queue: queue, deadline: now + server.limits.patience)
            connections[nextNumber] = connection
            if connections.count > server.limits.tails { refuse(connection, "too many tails are attached already") }
        }
    }

    // MARK: What peers say

    private mutating func receive(from number: Int, now: UInt64) {
        guard let connection = connections[number] else { return }
        guard connection.receive() else { return drop(number) }
        do throws(ControlFrameReader.Fault) {
            while let frame = try connection.reader.next() {
                take(frame, from: number, connection, now: now)
            }
        } catch {
            drop(number)
        }
    }

    private mutating func take(_ frame: ControlFrame, from number: Int, _ connection: ControlConnection, now: UInt64) {
        switch (frame.kind, connection.phase) {
        case (.explain, .silent): explain(frame.payload, connection)
        case (.resend, .silent): resend(connection)
        case (.request, .silent): begin(frame.payload, number, connection)
        case (.finish, .watching(let subscription)): finish(subscription, connection, waiting: 1_000_000_000, now: now)
        case (_, .leaving), (_, .asking), (.finish, .ending): break
        case (_, .watching(let subscription)), (_, .ending(let subscription)):
            forget(number, subscription.sink)
            refuse(connection, "unexpected message")
        case (_, .silent): refuse(connection, "unexpected message")
        }
    }

    private func explain(_ identifier: [UInt8], _ connection: ControlConnection) {
        let line = server.recent.line(of: String(decoding: identifier, as: UTF8.self)) ?? []
        connection.queue.append(ControlFrame(.explanation, line))
        leave(connection)
    }

    private func resend(_ connection: ControlConnection) {
        guard let resend = server.resend else {
            return refuse(connection, "this daemon sends its records to nobody, or keeps no state")
        }
        connection.phase = .asking
        connection.deadline = KernelSession.bootTime() + Self.resendingTime
        let queue = connection.queue
        resend { queue.append(ControlFrame(.resent, ControlJSON.encode($0))) }
    }

    /// Disks take their time (ns).
    private static let resendingTime: UInt64 = 30_000_000_000

    private func refuse(_ connection: ControlConnection, _ reason: String) {
        connection.queue.append(ControlFrame(.refused, Array(reason.utf8)))
        leave(connection)
    }

    private func leave(_ connection: ControlConnection) {
        connection.phase = .leaving
        connection.deadline = KernelSession.bootTime() + server.limits.patience
    }

    private mutating func begin(_ payload: [UInt8], _ number: Int, _ connection: ControlConnection) {
        guard let request = ControlJSON.decode(payload, as: TailRequest.self) else {
            return refuse(connection, "malformed request")
        }
        guard request.version == TailRequest.currentVersion else {
            return refuse(connection, "the daemon speaks version \(TailRequest.currentVersion) of the protocol")
        }
        let filter: CompiledFilter
        do throws(FilterError) { filter = try CompiledFilter(request.filter) } catch {
            return refuse(connection, "\(error)")
        }
        let scope = request.root.map {
            ProcessScope(root: $0, reaper: ControlSocket.process(at: connection.descriptor))
        }
        let sink = TailSink(
            filter: filter, scope: scope, isStreaming: !request.filter.firstSeenOnly, limit: request.limit,
            formatter: EventEncoder(stream: server.stream), output: connection.queue, completion: server.wakeUp)
        let demand = StreamDemand(filter: request.filter, compiled: filter, root: request.root)
        server.hub.add(sink, demand: demand, as: number)
        do throws(KernelError) { try server.controller.setStream(server.hub.plan, leaving: []) } catch {
            forget(number, sink)
            return refuse(connection, "\(error)")
        }
        let subscription = TailSubscription(
            sink: sink, queue: connection.queue, start: server.controller.drained())
        connection.queue.append(ControlFrame(.accepted, ControlJSON.encode(TailAcceptance())))
        connection.phase = .watching(subscription)
        connection.deadline = nil
    }

    // MARK: The end of a tail

    private func finish(
        _ subscription: TailSubscription, _ connection: ControlConnection, waiting: UInt64, now: UInt64
    ) {
        // What has happened until now is on its way; what is still open then is waited for.
        _ = server.controller.drained()
        connection.phase = .ending(subscription)
        connection.deadline = now + waiting
    }

    private mutating func endAll() {
        let now = KernelSession.bootTime()
        end = now + 2_000_000_000
        listener.withdraw()
        for connection in connections.values {
            switch connection.phase {
            case .silent: refuse(connection, "the daemon stops")
            case .watching(let subscription): finish(subscription, connection, waiting: 0, now: now)
            case .asking, .ending, .leaving: break
            }
        }
    }

    /// Does what the connection's phase asks for, and sends what waits.
    private mutating func advance(_ number: Int, now: UInt64) {
        guard let connection = connections[number] else { return }
        let isLate = connection.deadline.map { now >= $0 } ?? false
        switch connection.phase {
        case .silent where isLate: refuse(connection, "no request came")
        case .watching(let subscription) where subscription.sink.progress.isComplete:
            finish(subscription, connection, waiting: 0, now: now)
        case .ending(let subscription):
            guard isLate || !subscription.sink.progress.hasOpenSockets else { break }
            subscription.summarise(server.controller.drained())
            forget(number, subscription.sink)
            leave(connection)
        case .asking where !connection.queue.isEmpty: leave(connection)
        case .asking where isLate: refuse(connection, "the disk takes its time: what is marked is sent again later")
        case .leaving where isLate: return drop(number)
        default: break
        }
        guard connection.send() else { return drop(number) }
        if case .leaving = connection.phase, connection.queue.isEmpty { drop(number) }
    }

    /// Takes the tail out of the stream, and what only it wanted out of the kernel.
    private func forget(_ number: Int, _ sink: TailSink) {
        server.hub.remove(number)
        let leaving = sink.livingProcesses.subtracting(server.hub.livingProcesses)
        // What cannot be taken out costs some events that nobody looks at, until its process ends.
        try? server.controller.setStream(server.hub.plan, leaving: leaving)
    }

    private mutating func drop(_ number: Int) {
        guard let connection = connections.removeValue(forKey: number) else { return }
        switch connection.phase {
        case .watching(let subscription), .ending(let subscription): forget(number, subscription.sink)
        case .silent, .asking, .leaving: break
        }
    }
}
