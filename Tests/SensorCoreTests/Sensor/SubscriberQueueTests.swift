// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorCore
import Synchronization
import Testing

/// A connection that the test reads when it likes.
private final class Peer {
    /// Non-blocking.
    let near: Int32
    private let far: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw SystemError("socketpair") }
        (near, far) = (ends[0], ends[1])
    }

    deinit {
        close(near)
        close(far)
    }

    /// All that is there, at most so much.
    func read(_ limit: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while bytes.count < limit {
            let count = recv(far, &buffer, min(buffer.count, limit - bytes.count), 0)
            if count <= 0 { break }
            bytes += buffer.prefix(count)
        }
        return bytes
    }
}

@Suite struct SubscriberQueueTests {
    private let wakeUp: WakeUp

    init() throws { wakeUp = try WakeUp() }

    private func queue(_ capacity: Int, _ budget: SubscriberBudget = SubscriberBudget(tails: 1)) -> SubscriberQueue {
        SubscriberQueue(capacity: capacity, budget: budget, wakeUp: wakeUp)
    }

    /// Puts in what there is room for. How many frames that were.
    private func fill(_ queue: SubscriberQueue, with payload: [UInt8]) -> Int {
        var frames = 0
        while queue.append(payload, lines: 1) { frames += 1 }
        return frames
    }

    @Test func `a queue that is full stays closed until half of it is gone`() throws {
        let peer = try Peer()
        let queue = queue(1 << 20)
        let payload = [UInt8](repeating: 1, count: 995)
        #expect(fill(queue, with: payload) == (1 << 20) / 1000)
        #expect(!queue.hasRoom)
        #expect(queue.dropped == 1)
        queue.drop(lines: 4)
        // Though this would fit.
        #expect(!queue.append([1], lines: 2))
        #expect(queue.dropped == 7)

        while queue.waiting > 512 << 10 {
            #expect(queue.send(to: peer.near) == .blocked)
            #expect(queue.hasRoom == (queue.waiting <= 1_048_000 / 2))
            #expect(!peer.read().isEmpty)
        }
        _ = queue.send(to: peer.near)
        #expect(queue.hasRoom)
        #expect(queue.append(payload, lines: 1))
    }

    @Test func `frames come whole and in order, however they are read and whatever joins meanwhile`() throws {
        let peer = try Peer()
        let queue = queue(1 << 20)
        var reader = ControlFrameReader(limit: 1 << 20)
        var expected: [ControlFrame] = []
        var found: [ControlFrame] = []
        var outcome = SubscriberQueue.Sending.done
        for round in 0..<400 {
            // Shorter and longer than what is sent together.
            let payload = [UInt8](repeating: UInt8(round % 251), count: round % 40 == 0 ? 80 << 10 : 1 + round * 13)
            if round % 7 == 0 {
                let frame = ControlFrame(.summary, payload)
                queue.append(frame)
                expected.append(frame)
            } else if queue.append(payload, lines: 1) {
                expected.append(ControlFrame(.events, payload))
            }
            outcome = queue.send(to: peer.near)
            reader.append(peer.read(4999))
            while let frame = try reader.next() { found.append(frame) }
        }
        while outcome != .done || found.count < expected.count {
            outcome = queue.send(to: peer.near)
            let bytes = peer.read()
            try #require(!bytes.isEmpty)
            reader.append(bytes)
            while let frame = try reader.next() { found.append(frame) }
        }
        #expect(found == expected)
        #expect(queue.waiting == 0)
        #expect(reader.isEmpty)
    }

    @Test func `one frame longer than the queue goes when nothing else waits`() throws {
        let queue = queue(1000)
        #expect(queue.append([UInt8](repeating: 1, count: 2000), lines: 1))
        #expect(!queue.append([1], lines: 1))
    }

    @Test func `a peer that has gone is told apart from one that is slow`() throws {
        let queue = queue(1 << 20)
        _ = queue.append([1], lines: 1)
        #expect(queue.send(to: -1) == .gone)
    }

    @Test func `all queues together are bounded, and each has its share`() throws {
        let budget = SubscriberBudget(bytes: 8 << 20, tails: 16)
        let payload = [UInt8](repeating: 1, count: 32 << 10)
        var stuck = (0..<15).map { _ in queue(1 << 20, budget) }
        for queue in stuck { _ = fill(queue, with: payload) }
        #expect(stuck.allSatisfy { $0.waiting <= 1 << 20 })
        #expect(stuck.contains { $0.waiting > 900 << 10 })
        #expect(stuck.map(\.waiting).reduce(0, +) <= (8 << 20) - (256 << 10))

        // The one that comes last.
        let peer = try Peer()
        let quick = queue(1 << 20, budget)
        for _ in 0..<1000 {
            for _ in 0..<4 { #expect(quick.append(payload, lines: 1)) }
            while quick.send(to: peer.near) == .blocked { _ = peer.read() }
            _ = peer.read()
        }
        #expect(quick.dropped == 0)

        // What they had is there again once they have gone.
        stuck = []
        #expect(fill(quick, with: payload) == (1 << 20) / payload.count - 1)
    }
}

@Suite struct StuckTailTests {
    /// Counts what it encodes.
    private final class Encodings: EventFormatter {
        let count = Atomic(0)

        func append(_ event: borrowing Event, to bytes: inout [UInt8]) {
            count.add(1, ordering: .relaxed)
            EventEncoder(stream: "s").append(event, to: &bytes)
        }
    }

    private struct Tail {
        let sink: TailSink
        let queue: SubscriberQueue
        let encodings = Encodings()

        init(_ filter: EventFilter, _ budget: SubscriberBudget, _ wakeUp: WakeUp) throws {
            queue = SubscriberQueue(capacity: 1 << 20, budget: budget, wakeUp: wakeUp)
            sink = TailSink(
                filter: try CompiledFilter(filter), isStreaming: true, formatter: encodings, output: queue,
                completion: wakeUp)
        }
    }

    @Test func `fifteen tails that do not read cost no other tail an event, little memory, and soon no work`() throws {
        let wakeUp = try WakeUp()
        let budget = SubscriberBudget(tails: 16)
        let hub = TailHub()
        var filter = EventFilter()
        filter.pids = [7]
        let demand = StreamDemand(filter: filter, compiled: try CompiledFilter(filter))
        var stuck: [Tail] = []
        for number in 0..<15 {
            let tail = try Tail(filter, budget, wakeUp)
            hub.add(tail.sink, demand: demand, as: number)
            stuck.append(tail)
        }
        let quick = try Tail(filter, budget, wakeUp)
        hub.add(quick.sink, demand: demand, as: 15)

        let peer = try Peer()
        var reader = ControlFrameReader(limit: 1 << 20)
        var received = 0
        var encoded: [Int] = []
        for round in 0..<200 {
            // Two of three events are the tails'.
            hub.receive(
                (0..<150).map { number in
                    event(UInt64(round * 150 + number), pid: number % 3 == 0 ? 8 : 7)
                })
            while quick.queue.waiting > 0 {
                _ = quick.queue.send(to: peer.near)
                reader.append(peer.read())
            }
            while let frame = try reader.next() { received += frame.payload.count { $0 == UInt8(ascii: "\n") } }
            if round == 99 { encoded = stuck.map { $0.encodings.count.load(ordering: .relaxed) } }
        }
        #expect(quick.queue.dropped == 0)
        #expect(received == 20_000)
        #expect(stuck.map(\.queue.waiting).reduce(0, +) <= 8 << 20)
        #expect(stuck.map { $0.encodings.count.load(ordering: .relaxed) } == encoded)
        for tail in stuck {
            #expect(!tail.queue.hasRoom)
            #expect(tail.sink.progress.shown == 20_000)
            #expect(tail.queue.dropped > 10_000)
            // What is encoded is queued, but for the one batch that was refused.
            let queued = 20_000 - Int(tail.queue.dropped)
            let batch = 100
            #expect(tail.encodings.count.load(ordering: .relaxed) - queued <= batch)
        }
    }

    private func event(_ sequence: UInt64, pid: UInt32) -> Event {
        let path = ByteString("/" + String(repeating: "x", count: 200))
        let process = ProcessDescription(id: "b-\(pid)-1", pid: pid, parentID: "b-1-1", executable: "/bin/true")
        return Event(
            sequence: sequence, time: 1, bootTime: 1, kind: .fileOpen, isStreamed: true, process: process,
            workload: .unknown(), detail: .file(FileDetail(path: path)), via: .sysExit)
    }
}
