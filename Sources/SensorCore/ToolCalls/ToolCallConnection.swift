// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import Glibc

/// A client of the tool-call socket: lines in, answers out. For one thread.
final class ToolCallConnection {
    /// A line, and who sent all of it.
    enum Line {
        case message([UInt8], from: UInt32)
        /// It is longer than a line may be.
        case tooLarge
        /// Two processes sent parts of it.
        case mixed
    }

    /// Bytes of a message, newline included.
    static let lineLimit = 64 << 10
    /// Answers that a client does not take: it is not read any further until it does.
    private static let answerLimit = 64 << 10

    let descriptor: Int32
    private var incoming: [UInt8] = []
    private var isSkipping = false
    private var isMixed = false
    private var sender: UInt32 = 0
    private var outgoing: [UInt8] = []
    private(set) var isBlocked = false
    /// The peer will send nothing more.
    private(set) var hasEnded = false
    /// Messages that it may still send in this second, and when that began (boot clock, ns).
    var allowance: (left: Int, since: UInt64) = (0, 0)
    /// The sender that was looked up last.
    var known: CallSender?

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Whether to look for more from it.
    var isListening: Bool { !hasEnded && outgoing.count < Self.answerLimit }

    /// Reads what there is, a bounded amount of it, and hands on whole lines.
    func receive(_ handle: (Line) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { buffer in
            for _ in 0..<8 where isListening {
                var process: pid_t = 0
                var (user, group): (uid_t, gid_t) = (0, 0)
                let count = sensor_receive_from(
                    descriptor, buffer.baseAddress, buffer.count, &process, &user, &group)
                if count < 0, errno == EINTR { continue }
                if count < 0, errno == EAGAIN { return }
                guard count > 0 else {
                    hasEnded = true
                    return
                }
                take(UnsafeRawBufferPointer(rebasing: buffer[..<count]), from: UInt32(max(process, 0)), handle)
            }
        }
    }

    private func take(_ bytes: UnsafeRawBufferPointer, from process: UInt32, _ handle: (Line) -> Void) {
        var rest = bytes[...]
        while !rest.isEmpty {
            if incoming.isEmpty, !isSkipping { (sender, isMixed) = (process, false) }
            if process != sender { isMixed = true }
            let end = rest.firstIndex(of: UInt8(ascii: "\n"))
            let piece = rest[..<(end ?? rest.endIndex)]
            if incoming.count + piece.count >= Self.lineLimit {
                isSkipping = true
                incoming = []
            }
            if !isSkipping { incoming.append(contentsOf: piece) }
            guard let end else { return }
            rest = rest[(end + 1)...]
            if isSkipping {
                handle(.tooLarge)
            } else if isMixed {
                handle(.mixed)
            } else if !incoming.isEmpty {
                handle(.message(incoming, from: sender))
            }
            isSkipping = false
            incoming.removeAll(keepingCapacity: incoming.capacity <= 4096)
        }
    }

    func answer(_ answer: ToolCallAnswer) { outgoing += answer.line }

    /// Sends what waits. False: the peer is gone.
    func flush() -> Bool {
        isBlocked = false
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

    var isDone: Bool { hasEnded && outgoing.isEmpty }
}
