// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// A client of the tool-call socket: lines in, answers out. For one thread.
final class ToolCallConnection {
    /// A line, and who sent all of it.
    enum Line: Equatable {
        case message([UInt8], from: UInt32)
        /// It is longer than a line may be.
        case tooLarge
        /// Two processes sent parts of it.
        case mixed
        /// The workload has no more memory for a part of one.
        case refused
        /// There is nothing in it, and nothing to answer.
        case empty

        /// Bytes that it takes, about.
        fileprivate var size: Int {
            if case .message(let bytes, _) = self { bytes.count } else { 0 }
        }
    }

    /// Bytes of a message, newline included.
    static let lineLimit = 64 << 10
    /// Bytes that are read at once, so that no client keeps others waiting for long.
    static let readLimit = 8 << 10
    /// Bytes of answers that a client does not take: it is not read any further until it does.
    static let answerLimit = 64 << 10

    let descriptor: Int32
    /// Of the workload that connected.
    let account: CallAccount
    private var incoming: [UInt8] = []
    private var skipping: Line?
    private var isMixed = false
    private var sender: UInt32 = 0
    private var outgoing: [UInt8] = []
    private var charged = 0
    /// Bytes that were read and are in the socket still.
    ///
    /// To take them out would wake a client that waits for its answer, only for it to find none.
    private var undiscarded = 0
    private(set) var isBlocked = false
    /// Lines that were read and have not been looked at, since they would have kept others waiting for too long.
    private var left: ArraySlice<Line> = []
    /// The peer will send nothing more.
    private(set) var hasEnded = false
    /// Who connected; nil: it was gone before it could be looked at.
    let peer: CallSender?
    /// Who has sent the last message.
    var known: KnownSender?
    /// What is waited for.
    var interest = ConnectionPoll.Interest.read
    /// Nothing is read from it before (boot clock, ns).
    var pausedUntil: UInt64 = 0

    /// - Parameter descriptor: non-blocking, and closed with this object.
    init(descriptor: Int32, account: CallAccount, peer: KnownSender? = nil) {
        self.descriptor = descriptor
        self.account = account
        self.peer = peer?.sender
        known = peer
        account.connections += 1
    }

    deinit {
        account.connections -= 1
        account.bytes -= charged
        close(descriptor)
    }

    /// Whether a connection is the sender's to speak on: whoever connected may have moved since, and its workload's others have
    /// it from there. With the right to name any process as the sender one may claim to be another, but not to have connected.
    func admits(_ sender: CallSender) -> Bool {
        sender.workload == peer?.workload || sender.process == peer?.process
    }

    /// Those in whose calls it may have a say.
    var workloads: [UInt64] {
        guard let known = known?.sender, known.workload != account.workload, admits(known) else {
            return [account.workload]
        }
        return [account.workload, known.workload]
    }

    /// Whether to look for more from it.
    func isListening(at now: UInt64) -> Bool {
        !hasEnded && outgoing.count < Self.answerLimit && now >= pausedUntil
    }

    /// Bytes that have come and are not read.
    var waitingBytes: Int {
        var count: Int32 = 0
        return ioctl(descriptor, UInt(FIONREAD), &count) == 0 ? Int(count) : .max
    }

    /// Reads once, a bounded amount, and hands on whole lines. What it reads counts with the workload's messages, and is gone
    /// from the socket after `flush`.
    ///
    /// - Parameter space: of `readLimit` bytes, which any connection may use.
    /// - Returns: how many bytes it has read.
    @discardableResult
    func receive(in space: inout [UInt8], _ handle: (Line) -> Void) -> Int {
        guard !hasEnded, outgoing.count < Self.answerLimit else { return 0 }
        discard()
        return space.withUnsafeMutableBytes { buffer in
            while true {
                var process: pid_t = 0
                var (user, group): (uid_t, gid_t) = (0, 0)
                let count = sensor_peek_from(
                    descriptor, buffer.baseAddress, buffer.count, &process, &user, &group)
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN { return 0 }
                guard count > 0 else {
                    hasEnded = true
                    // Many end the last line with the connection. One that was cut off is no message.
                    if count == 0, skipping != nil || !incoming.isEmpty { finishLine(handle) }
                    charge()
                    return 0
                }
                undiscarded = count
                account.charge(count / CallAccount.messageBytes)
                take(UnsafeRawBufferPointer(rebasing: buffer[..<count]), from: UInt32(max(process, 0)), handle)
                charge()
                return count
            }
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer, from process: UInt32, _ handle: (Line) -> Void) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if incoming.isEmpty, skipping == nil { (sender, isMixed) = (process, false) }
            if process != sender { isMixed = true }
            let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            let piece = rest[..<(end ?? rest.endIndex)]
            if skipping == nil, incoming.count + piece.count >= Self.lineLimit { skip(.tooLarge) }
            if skipping == nil, end == nil, !account.allows(.bytes) { skip(.refused) }
            if skipping == nil { incoming.append(contentsOf: piece) }
            guard let end else { return }
            rest = rest[(end + 1)...]
            finishLine(handle)
        }
    }

    private func finishLine(_ handle: (Line) -> Void) {
        if let skipped = skipping {
            handle(skipped)
        } else if isMixed {
            handle(.mixed)
        } else {
            handle(incoming.isEmpty ? .empty : .message(incoming, from: sender))
        }
        skipping = nil
        incoming.removeAll(keepingCapacity: incoming.capacity <= 4096)
    }

    private func skip(_ line: Line) {
        skipping = line
        incoming = []
    }

    func answer(_ answer: ToolCallAnswer) { outgoing += answer.line }

    /// Sends what waits. False: the peer is gone.
    func flush() -> Bool {
        isBlocked = false
        defer {
            discard()
            charge()
        }
        while !outgoing.isEmpty {
            let sent = outgoing.withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent < 0 {
                if errno == EINTR { continue }
                isBlocked = errno == EAGAIN
                return isBlocked
            }
            outgoing.removeFirst(sent)
        }
        return true
    }

    private func discard() {
        sensor_discard(descriptor, undiscarded)
        undiscarded = 0
    }

    var isDone: Bool { hasEnded && outgoing.isEmpty && left.isEmpty }

    // MARK: Lines that wait

    var hasLinesLeft: Bool { !left.isEmpty }

    /// Keeps what has been received for another turn. Nothing is received before it has been taken again.
    func leave(_ lines: ArraySlice<Line>) {
        left = lines
        charge()
    }

    func takeLinesLeft() -> [Line] {
        if left.isEmpty { return [] }
        defer {
            left = []
            charge()
        }
        return Array(left)
    }

    private func charge() {
        let held = incoming.count + outgoing.count + left.reduce(0) { $0 + $1.size }
        account.bytes += held - charged
        charged = held
    }
}
