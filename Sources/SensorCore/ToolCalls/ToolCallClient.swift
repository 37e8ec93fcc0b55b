// SPDX-License-Identifier: Apache-2.0

internal import CSensorBPF
internal import FoundationEssentials
internal import Glibc

/// Announces one call on the socket, as any agent does. For one thread, which is the one that acts for the call.
package struct ToolCallClient: ~Copyable {
    /// What the daemon answered, or that it did not.
    package struct Failure: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    private struct Announcement: Encodable {
        struct Call: Encodable {
            var id: String
            var name: String?
            var arguments: [String]?
        }

        var type: String
        var `protocol`: Int?
        var session: String
        var call: Call?
        var initiator: ToolCallDetail.Initiator?
        var scope: CallScope?
        var threadId: UInt32?
        var status: String?
        var error: String?
    }

    private struct Answer: Decodable {
        var type: String
        var message: String?
    }

    private let descriptor: Int32
    private let session: String
    private let call: String

    /// Connects, and opens a session.
    ///
    /// - Throws: also when no daemon listens there.
    package init(runDirectory: String, session: String, call: String) throws(Failure) {
        self.session = session
        self.call = call
        let path = ToolCallListener.path(in: runDirectory)
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        guard UnixAddress.with(path, { connect(descriptor, $0, $1) }) == 0 else {
            throw Failure(description: "\(SystemError("connect to \(path)"))")
        }
        try ask(Announcement(type: "hello", protocol: 1, session: session))
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// From when it returns, the calling thread acts for the call, and all that it starts.
    ///
    /// - Parameter arguments: what joins effects to it; they go no further than the daemon.
    package func begin(
        name: String, arguments: [String], initiator: ToolCallDetail.Initiator?
    ) throws(Failure) {
        try ask(
            Announcement(
                type: "begin", session: session, call: .init(id: call, name: name, arguments: arguments),
                initiator: initiator, scope: .thread, threadId: UInt32(sensor_thread_id())))
    }

    /// - Parameter status: `ok` or `error`.
    package func end(status: String, error: String?) throws(Failure) {
        try ask(Announcement(type: "end", session: session, call: .init(id: call), status: status, error: error))
    }

    private func ask(_ message: Announcement) throws(Failure) {
        // Strings and numbers cannot fail to encode.
        var line = Array((try? JSONEncoder().encode(message)) ?? Data()) + [UInt8(ascii: "\n")]
        while !line.isEmpty {
            let sent = send(descriptor, line, line.count, Int32(MSG_NOSIGNAL))
            if sent < 0, errno == EINTR { continue }
            guard sent > 0 else { throw Failure(description: "the daemon does not listen") }
            line.removeFirst(sent)
        }
        var answer: [UInt8] = []
        var byte: UInt8 = 0
        while byte != UInt8(ascii: "\n") {
            let count = recv(descriptor, &byte, 1, 0)
            if count < 0, errno == EINTR { continue }
            guard count == 1, answer.count < ToolCallConnection.lineLimit else {
                throw Failure(description: "the daemon does not answer")
            }
            answer.append(byte)
        }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(answer)) else {
            throw Failure(description: "the daemon's answer cannot be understood")
        }
        guard answer.type == "ack" else { throw Failure(description: answer.message ?? "the daemon refuses") }
    }
}
