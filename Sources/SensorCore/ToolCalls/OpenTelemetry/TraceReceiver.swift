// SPDX-License-Identifier: Apache-2.0

import NIOConcurrencyHelpers

/// Takes the bodies of export requests, whoever brings them, and tells of the tool calls in them. From any thread; takes as
/// long as unpacking and reading take.
package final class TraceReceiver: Sendable {
    /// Of a body, packed and unpacked: one request in hand takes no more than this, and what its reader makes of it.
    static let bodyLimit = 4 << 20

    private struct State {
        var allowance: TraceAllowance
        var statistics = TraceStatistics()
    }

    private let forwarder: String?
    private let digests: DigestKeys?
    private let clock: @Sendable () -> ClockReading
    private let backlog: @Sendable () -> CallInbox.Backlog
    private let tell: @Sendable (CallChange) -> Void
    /// Also, one body is unpacked and read at a time.
    private let state: NIOLockedValueBox<State>
    private let reading = NIOLock()

    /// - Parameters:
    ///   - forwarder: the workload, as `KIND/NAME`, whose word counts for the pods that it names; nil: nobody's does.
    ///   - digests: nil: whoever has but a secret for a name has none.
    ///   - backlog: how far behind is whoever takes what is learned. On any thread.
    ///   - tell: takes what is learned, on any thread.
    package convenience init(
        forwarder: String?, digests: DigestKeys?, backlog: @escaping @Sendable () -> CallInbox.Backlog,
        tell: @escaping @Sendable (CallChange) -> Void
    ) {
        self.init(
            forwarder: forwarder, digests: digests, limits: .init(), clock: { .now() }, backlog: backlog, tell: tell)
    }

    init(
        forwarder: String?, digests: DigestKeys? = nil, limits: TraceAllowance.Limits,
        clock: @escaping @Sendable () -> ClockReading,
        backlog: @escaping @Sendable () -> CallInbox.Backlog = { CallInbox.Backlog() },
        tell: @escaping @Sendable (CallChange) -> Void
    ) {
        self.forwarder = forwarder
        self.digests = digests
        self.clock = clock
        self.backlog = backlog
        self.tell = tell
        state = NIOLockedValueBox(State(allowance: TraceAllowance(limits: limits, at: clock().boot)))
    }

    package var statistics: TraceStatistics { state.withLockedValue { $0.statistics } }

    /// Counts a request by how it was answered.
    func count(_ answer: TraceAnswer) { state.withLockedValue { $0.statistics.count(answer) } }

    func countRefusedConnection() { state.withLockedValue { $0.statistics.refused[.connections, default: 0] += 1 } }

    /// What a sender who has sent too much is answered; nil: it may send.
    func refusal(of sender: CallSender?, _ encoding: TraceEncoding) -> TraceAnswer? {
        let now = clock().boot
        let wait = state.withLockedValue { $0.allowance.wait(sender?.workload ?? 0, at: now) }
        if let wait {
            return .refused(429, encoding, "too many calls, or too much, in too short a time", retryAfter: wait)
        }
        return mayWait(sender) ? nil : Self.isBehind(encoding)
    }

    private func mayWait(_ sender: CallSender?) -> Bool {
        let backlog = backlog()
        return state.withLockedValue { $0.allowance.allowsWaiting(sender?.workload ?? 0, in: backlog) }
    }

    private static func isBehind(_ encoding: TraceEncoding) -> TraceAnswer {
        .refused(429, encoding, "the sensor does not keep up", retryAfter: 1)
    }

    /// - Parameter sender: nil where it is not known.
    func receive(
        _ body: [UInt8], _ encoding: TraceEncoding, _ packing: TracePacking, from sender: CallSender?
    ) -> TraceAnswer {
        let clock = clock()
        let workload = sender?.workload ?? 0
        return reading.withLock {
            // Others of the sender's may have been read since it was asked.
            guard mayWait(sender) else { return Self.isBehind(encoding) }
            var size = body.count
            defer { state.withLockedValue { $0.allowance.take(workload, calls: 0, bytes: size, at: clock.boot) } }
            do throws(Refusal) {
                let bytes = try Self.unpack(body, packing, &size)
                let request: TraceRequest
                do throws(TraceFault) {
                    switch encoding {
                    case .protobuf: request = try TraceRequest(protobuf: bytes)
                    case .json: request = try TraceRequest(json: bytes)
                    }
                } catch { throw Refusal(status: 400, message: "\(error)") }
                return take(request, encoding, sender, clock)
            } catch {
                return .refused(error.status, encoding, error.message)
            }
        }
    }

    private func take(
        _ request: TraceRequest, _ encoding: TraceEncoding, _ sender: CallSender?, _ clock: ClockReading
    ) -> TraceAnswer {
        var rejected = 0
        let takes = backlog().takes
        for call in request.calls {
            guard
                let told = SpanCall(
                    call, ancestors: request.ancestors(of: call), sender: sender, clock: clock, forwarder: forwarder,
                    digests: digests)
            else {
                rejected += 1
                continue
            }
            tell(.span(told))
        }
        let count = request.calls.count
        state.withLockedValue { state in
            state.allowance.take(sender?.workload ?? 0, calls: count, bytes: 0, at: clock.boot, takes: takes)
            state.statistics.calls += UInt64(count - rejected)
        }
        return .taken(encoding, rejected: rejected, "tool calls without valid ids, or with times that cannot be")
    }

    private struct Refusal: Error {
        var status: Int
        var message: String
    }

    /// - Parameter size: becomes what it took.
    private static func unpack(
        _ body: [UInt8], _ packing: TracePacking, _ size: inout Int
    ) throws(Refusal) -> [UInt8] {
        guard body.count <= bodyLimit else { throw Refusal(status: 413, message: "more than \(bodyLimit) bytes") }
        guard packing == .gzip else { return body }
        do throws(Gzip.Fault) {
            let bytes = try Gzip.unpack(body, limit: bodyLimit)
            size = max(size, bytes.count)
            return bytes
        } catch {
            switch error {
            case .tooLarge:
                size = bodyLimit
                throw Refusal(status: 413, message: "more than \(bodyLimit) bytes when unpacked")
            case .malformed: throw Refusal(status: 400, message: "the body is not packed as it says, or not whole")
            }
        }
    }
}
