// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers

/// Writes whole lines to a file or a pipe on a thread of its own, so that whoever makes the lines never waits.
///
/// Lines are kept, in a bounded queue, while the destination is slow or refuses them (a full disk); what does not fit
/// is dropped and counted. What is refused is tried again every second, from the byte where it stopped, so that no line
/// is torn while there is hope. A reader that went away (EPIPE) ends the writing for good.
package final class LineWriter: Sendable {
    /// What became of the lines, so far.
    package struct Counters: Sendable, Equatable {
        /// Lines that the kernel has taken to the last byte.
        package var written: UInt64 = 0
        /// Lines that had no room in the queue, or were still in it when writing ended.
        package var dropped: UInt64 = 0
        /// Writes that failed, other than for a reader that went away.
        package var errors: UInt64 = 0

        package init(written: UInt64 = 0, dropped: UInt64 = 0, errors: UInt64 = 0) {
            self.written = written
            self.dropped = dropped
            self.errors = errors
        }
    }

    /// What the owner may want to say or do, told from the writing thread.
    package enum Trouble: Sendable, Equatable {
        /// The destination refuses lines; told once until it takes some again.
        case failing(SystemError)
        /// It takes lines again: all that had waited is written.
        case recovered(dropped: UInt64)
        /// The reader went away: nothing will be written any more.
        case readerGone
        /// The file cannot be put aside, or no other begun: lines go on into this one. Told once until it can be again.
        case notRotated(SystemError)
    }

    private struct State {
        /// Whole lines, the oldest first.
        var chunks: [[UInt8]] = []
        var queuedBytes = 0
        /// Empty memory of lines that were written, for the next ones: new memory costs more than what is put into it.
        var spares: [[UInt8]] = []
        var queuedLines: UInt64 = 0
        var acceptedLines: UInt64 = 0
        /// Bytes that the thread has taken out of the queue and not yet written: they count for the bound.
        var inFlight = 0
        var isWaiting = false
        var isEnding = false
        var isGivingUp = false
        var isBroken = false
        var counters = Counters()

        /// Bytes that count for the bound.
        var waiting: Int { queuedBytes + inFlight }

        mutating func queue(_ bytes: [UInt8]) {
            if chunks.isEmpty || chunks[chunks.count - 1].count + bytes.count > LineWriter.chunkBytes {
                var chunk = spares.popLast() ?? []
                chunk.reserveCapacity(max(LineWriter.chunkBytes, bytes.count))
                chunks.append(chunk)
            }
            chunks[chunks.count - 1].append(contentsOf: bytes)
            queuedBytes += bytes.count
        }
    }

    /// Below what malloc maps anew for each: that would be faulted in again each time.
    private static let chunkBytes = 96 << 10
    /// What a burst needed more is not kept.
    private static let spareChunks = 16

    /// Where it writes.
    package let destination: LineDestination
    /// Bytes that may wait.
    package let capacity: Int
    private let rotation: FileRotation?
    private let state = NIOLockedValueBox(State())
    private let wakeUp: WakeUp
    private let worker = NIOLockedValueBox<Worker?>(nil)
    private let trouble: @Sendable (Trouble) -> Void

    /// - Parameters:
    ///   - capacity: bytes of lines that may wait.
    ///   - rotation: of a destination that is a file; nil: it is written to as it is.
    ///   - trouble: called on the writing thread.
    package init(
        _ destination: LineDestination, capacity: Int = 16 << 20, rotation: FileRotation? = nil,
        trouble: @escaping @Sendable (Trouble) -> Void
    ) throws(SystemError) {
        self.destination = destination
        self.capacity = capacity
        self.rotation = rotation
        self.trouble = trouble
        wakeUp = try WakeUp()
        let thread = try Worker(name: "sensord-writer") { [self] in
            Privileges.keepForFiles()
            run()
        }
        worker.withLockedValue { $0 = thread }
    }

    /// Queues lines, each ended by a newline. Never waits for the destination.
    ///
    /// - Returns: false if there was no room, or no reader any more; the lines are then counted as dropped.
    @discardableResult
    package func append(_ bytes: [UInt8], lines: Int) -> Bool {
        if offer(bytes, lines: lines) { return true }
        drop(lines: lines)
        return false
    }

    /// As `append`, but lines that find no room are not counted as dropped: the caller keeps them.
    func offer(_ bytes: [UInt8], lines: Int) -> Bool {
        if lines == 0 { return true }
        let (accepted, wake) = state.withLockedValue { state in
            // A batch longer than the whole queue still goes when nothing else waits.
            guard !state.isBroken, !state.isEnding, state.waiting == 0 || state.waiting + bytes.count <= capacity else {
                return (false, false)
            }
            state.queue(bytes)
            state.queuedLines += UInt64(lines)
            state.acceptedLines += UInt64(lines)
            defer { state.isWaiting = false }
            return (true, state.isWaiting)
        }
        if wake { wakeUp.signal() }
        return accepted
    }

    /// Lines that were queued until now: as soon as `Counters.written` has come so far, the last of them is written.
    var accepted: UInt64 { state.withLockedValue { $0.acceptedLines } }

    package var hasRoom: Bool {
        state.withLockedValue { !$0.isBroken && !$0.isEnding && $0.waiting < capacity }
    }

    package func drop(lines: Int) { state.withLockedValue { $0.counters.dropped += UInt64(lines) } }

    /// At least half of the queue is free.
    var hasMuchRoom: Bool {
        state.withLockedValue { !$0.isBroken && !$0.isEnding && $0.waiting <= capacity / 2 }
    }

    /// Waits until half of the queue is free, for callers that have the time.
    package func waitForRoom() {
        while state.withLockedValue({ $0.waiting > capacity / 2 && !$0.isBroken }) { usleep(1000) }
    }

    /// The counters as they stand.
    package var counters: Counters { state.withLockedValue { $0.counters } }

    /// Bytes that wait to be written.
    package var waiting: Int { state.withLockedValue { $0.waiting } }

    /// True once the reader has gone away.
    package var isBroken: Bool { state.withLockedValue { $0.isBroken } }

    /// Writes what waits, for at most `milliseconds`, and ends. What could not be written counts as dropped.
    package func finish(milliseconds: Int32 = 5000) -> Counters {
        state.withLockedValue { $0.isEnding = true }
        wakeUp.signal()
        guard let worker = worker.withLockedValue({ $0.take() }) else { return counters }
        destination.expectNoReader()
        if !worker.join(milliseconds: milliseconds) {
            state.withLockedValue { $0.isGivingUp = true }
            wakeUp.signal()
            // A thread that sits in a blocking write cannot be called back; the process ends with it.
            if !worker.join(milliseconds: 100) {
                return state.withLockedValue { state in
                    state.counters.dropped += state.queuedLines
                    state.queuedLines = 0
                    return state.counters
                }
            }
        }
        return counters
    }
}

// The writing thread.
extension LineWriter {
    private enum Step {
        case write([[UInt8]])
        case wait
        case end
    }

    private func run() {
        if destination.startsWithinLine { _ = write([UInt8(ascii: "\n")], countingLines: false) }
        var file = rotation.flatMap { RotatedFile(destination, $0) }
        var isStuck = false
        while true {
            let step: Step = state.withLockedValue { state in
                if state.isBroken || state.isGivingUp { return .end }
                if state.chunks.isEmpty {
                    state.isWaiting = !state.isEnding
                    return state.isEnding ? .end : .wait
                }
                var taken: [[UInt8]] = []
                swap(&taken, &state.chunks)
                state.inFlight = state.queuedBytes
                state.queuedBytes = 0
                return .write(taken)
            }
            switch consume step {
            case .wait: wakeUp.wait(milliseconds: -1)
            case .end: return endQueue()
            case .write(var chunks):
                for index in chunks.indices {
                    prepare(&file, for: chunks[index].count, &isStuck)
                    guard write(chunks[index], countingLines: true) else { break }
                    var written: [UInt8] = []
                    swap(&written, &chunks[index])
                    keep(written)
                }
                state.withLockedValue { $0.inFlight = 0 }
            }
        }
    }

    private func prepare(_ file: inout RotatedFile?, for count: Int, _ isStuck: inout Bool) {
        do throws(SystemError) {
            try file?.prepare(for: count)
            isStuck = false
        } catch {
            if !isStuck { trouble(.notRotated(error)) }
            isStuck = true
        }
    }

    /// The queue's memory goes back and forth.
    private func keep(_ written: consuming [UInt8]) {
        guard written.capacity <= 2 * Self.chunkBytes else { return }
        written.removeAll(keepingCapacity: true)
        let spare = written
        state.withLockedValue { state in
            if state.spares.count < Self.spareChunks { state.spares.append(spare) }
        }
    }

    private func endQueue() {
        state.withLockedValue { state in
            state.counters.dropped += state.queuedLines
            state.queuedLines = 0
            state.chunks = []
            state.queuedBytes = 0
        }
    }

    /// Writes all of it, however often that takes. False: given up.
    private func write(_ bytes: [UInt8], countingLines: Bool) -> Bool {
        var offset = 0
        var isFailing = false
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Glibc.write(destination.descriptor, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
            }
            if count > 0 {
                let lines = countingLines ? newlines(in: bytes, from: offset, to: offset + count) : 0
                offset += count
                state.withLockedValue { state in
                    state.counters.written += lines
                    state.queuedLines -= min(lines, state.queuedLines)
                    if countingLines { state.inFlight -= count }
                }
                continue
            }
            let number = errno
            switch number {
            case EINTR: continue
            case EAGAIN: waitUntilWritable()
            case EPIPE:
                state.withLockedValue { $0.isBroken = true }
                trouble(.readerGone)
                return false
            default:
                state.withLockedValue { $0.counters.errors += 1 }
                if !isFailing {
                    isFailing = true
                    trouble(.failing(SystemError("write \(destination.name)", number: number)))
                }
                // At the end of the process one more try is all there is time for.
                if state.withLockedValue({ $0.isEnding }) {
                    state.withLockedValue { $0.isGivingUp = true }
                    return false
                }
                wakeUp.wait(milliseconds: 1000)
            }
            if state.withLockedValue({ $0.isGivingUp }) { return false }
        }
        // Not at the first byte: a disk that is nearly full takes some and refuses the rest.
        if isFailing { trouble(.recovered(dropped: counters.dropped)) }
        return true
    }

    /// For a descriptor that someone else has made non-blocking.
    private func waitUntilWritable() {
        var entries = [
            pollfd(fd: destination.descriptor, events: Int16(POLLOUT), revents: 0),
            pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&entries, 2, 1000)
        wakeUp.take()
    }

    /// By memchr: looking at each byte was a fifth of all that an event costs the daemon.
    private func newlines(in bytes: [UInt8], from start: Int, to end: Int) -> UInt64 {
        bytes.withUnsafeBytes { buffer in
            guard let base = buffer.baseAddress else { return 0 }
            var count: UInt64 = 0
            var next = start
            while next < end, let found = memchr(base + next, Int32(UInt8(ascii: "\n")), end - next) {
                count += 1
                next = UnsafeRawPointer(found) - base + 1
            }
            return count
        }
    }
}
