// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The tail's end of the control socket. For one thread; waits only where it says so.
package final class ControlClient {
    /// What the daemon said.
    package enum Answer: Equatable {
        /// From now on every event that was asked for is seen.
        case accepted
        /// Events as JSON lines.
        case events([UInt8])
        case summary(TailSummary)
        /// The event as a JSON line; empty if the daemon does not keep it.
        case explanation([UInt8])
        case resent(ResendReport)
    }

    /// Why there will be nothing more.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// Readable when the daemon has said something.
    package let descriptor: Int32
    private var reader = ControlFrameReader(limit: 16 << 20)

    /// - Parameter descriptor: a connected socket, which this object closes.
    package init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Asks for events.
    package func request(_ request: TailRequest) throws(Failure) {
        let payload = ControlJSON.encode(request)
        guard payload.count <= TailRequest.maximumBytes else {
            throw Failure(description: "the filters are too long for the daemon")
        }
        try send(ControlFrame(.request, payload))
    }

    /// Asks for what is left, and the summary.
    package func finish() throws(Failure) { try send(ControlFrame(.finish)) }

    /// Asks who acted in an event.
    package func explain(_ identifier: String) throws(Failure) {
        try send(ControlFrame(.explain, Array(identifier.utf8)))
    }

    /// Asks for what was set aside and is marked to be sent again.
    package func resend() throws(Failure) { try send(ControlFrame(.resend)) }

    private func send(_ frame: ControlFrame) throws(Failure) {
        var rest = frame.bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count > 0 {
                rest.removeFirst(count)
            } else if errno != EINTR {
                throw Failure(description: "the daemon has gone")
            }
        }
    }

    /// The next message; waits until there is one, or for so many milliseconds (below 0: for ever).
    ///
    /// - Parameter interruption: a descriptor that ends the waiting when it is readable; -1: none does.
    /// - Returns: `nil` if the time was up, or the waiting was ended.
    package func receive(milliseconds: Int32, interruption: Int32 = -1) throws(Failure) -> Answer? {
        while true {
            if let message = try next() { return message }
            var entries = [descriptor, interruption].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            let ready = poll(&entries, nfds_t(entries.count), milliseconds)
            if ready < 0 {
                if errno == EINTR { continue }
                throw Failure(description: "poll: \(SystemError.text(of: errno))")
            }
            guard entries[0].revents != 0 else { return nil }
            try read()
        }
    }

    /// Takes what has arrived, up to 256 KiB; does not wait. `next` has it then.
    package func readArrived() throws(Failure) { try read(Int32(MSG_DONTWAIT)) }

    private func read(_ flags: Int32 = 0) throws(Failure) {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        let count = recv(descriptor, &buffer, buffer.count, flags)
        if count > 0 {
            reader.append(buffer.prefix(count))
        } else if count == 0 || errno != EINTR && errno != EAGAIN {
            throw Failure(description: "the daemon has gone")
        }
    }

    /// The next message of what was read; `nil` if none is whole.
    package func next() throws(Failure) -> Answer? {
        let frame: ControlFrame?
        do throws(ControlFrameReader.Fault) { frame = try reader.next() } catch {
            throw Failure(description: "the daemon does not speak this protocol: \(error)")
        }
        guard let frame else { return nil }
        switch frame.kind {
        case .accepted: return .accepted
        case .events: return .events(frame.payload)
        case .summary:
            guard let summary = ControlJSON.decode(frame.payload, as: TailSummary.self) else {
                throw Failure(description: "the daemon's summary is malformed")
            }
            return .summary(summary)
        case .explanation: return .explanation(frame.payload)
        case .resent:
            guard let report = ControlJSON.decode(frame.payload, as: ResendReport.self) else {
                throw Failure(description: "the daemon's report is malformed")
            }
            return .resent(report)
        case .refused:
            throw Failure(description: "the daemon refused: \(String(decoding: frame.payload, as: UTF8.self))")
        case .request, .finish, .explain, .resend: throw Failure(description: "the daemon does not speak this protocol")
        }
    }
}
