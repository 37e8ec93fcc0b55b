// SPDX-License-Identifier: Apache-2.0

/// What goes over the control socket: a length (four bytes, little-endian, of what follows it), a type, a payload.
package struct ControlFrame: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        // From a tail to the daemon.
        /// A `TailRequest` as JSON; the first and only one.
        case request = 1
        /// What was asked for has ended: send what is left, then the summary.
        case finish = 2
        /// An event's id: who acted there, and how that is known. The first and only one.
        case explain = 3
        /// What was set aside and is marked is to be sent again. The first and only one.
        case resend = 4
        // From the daemon to a tail.
        /// A `TailAcceptance` as JSON: from now on every event that was asked for is seen. Some may have come before.
        case accepted = 16
        /// Why not, in words. Nothing follows.
        case refused = 17
        /// Events as JSON lines.
        case events = 18
        /// A `TailSummary` as JSON. Nothing follows.
        case summary = 19
        /// The event as a JSON line, empty if the daemon does not keep it. Nothing follows.
        case explanation = 20
        /// A `ResendReport` as JSON. Nothing follows.
        case resent = 21
    }

    package var kind: Kind
    package var payload: [UInt8]

    package init(_ kind: Kind, _ payload: [UInt8] = []) {
        self.kind = kind
        self.payload = payload
    }

    /// What a frame is longer than its payload.
    package static let headerBytes = 5

    /// The frame as it travels.
    package var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(payload.count + Self.headerBytes)
        Self.append(kind, payload, to: &bytes)
        return bytes
    }

    /// Writes a frame behind others.
    static func append(_ kind: Kind, _ payload: [UInt8], to bytes: inout [UInt8]) {
        let length = UInt32(payload.count + 1)
        for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: length >> shift)) }
        bytes.append(kind.rawValue)
        bytes += payload
    }
}

/// Cuts a stream of bytes into frames. Never holds more than one frame of the allowed length and one read.
package struct ControlFrameReader: Sendable {
    /// The peer does not speak this protocol; there is no telling where its next frame begins.
    package enum Fault: Error, Equatable, Sendable {
        case empty
        case tooLong(Int)
        case unknownKind(UInt8)
    }

    private var buffer: [UInt8] = []
    private var start = 0
    private let limit: Int

    /// - Parameter limit: bytes of the longest payload that is taken.
    package init(limit: Int) { self.limit = limit }

    /// Nothing of a frame has been received that is not complete.
    package var isEmpty: Bool { buffer.count == start }

    package mutating func append(_ bytes: some Collection<UInt8>) {
        if start > 0 {
            buffer.removeSubrange(0..<start)
            start = 0
        }
        buffer += bytes
    }

    /// The next frame, `nil` if it has not arrived in full.
    package mutating func next() throws(Fault) -> ControlFrame? {
        guard buffer.count - start >= 4 else { return nil }
        var length = 0
        for index in (0..<4).reversed() { length = length << 8 | Int(buffer[start + index]) }
        if length == 0 { throw .empty }
        if length > limit + 1 { throw .tooLong(length) }
        guard buffer.count - start >= 5 else { return nil }
        // Known before the rest has come, so that nobody waits for what will be refused.
        guard let kind = ControlFrame.Kind(rawValue: buffer[start + 4]) else { throw .unknownKind(buffer[start + 4]) }
        guard buffer.count - start >= 4 + length else { return nil }
        let payload = Array(buffer[start + 5..<start + 4 + length])
        start += 4 + length
        return ControlFrame(kind, payload)
    }
}
