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
            var arguments: [Argument]?
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
        /// Texts, as these are larger than numbers of JSON may be.
        var bootTime: String?
        var patience: String?
    }

    /// One of the arguments of a call, or how many bytes it has: a line may only have so many.
    private enum Argument: Encodable {
        case text(String)
        case omitted(length: Int)

        private enum Key: String, CodingKey {
            case omitted
            case length
        }

        /// Bytes of one, and of all together. Paths, hosts and commands are short.
        private static let limit = 4 << 10
        private static let totalLimit = 32 << 10
        /// The daemon keeps no more.
        private static let countLimit = 64

        static func said(_ arguments: [String]) -> [Argument] {
            var room = totalLimit
            return arguments.prefix(countLimit).map { argument in
                let size = argument.utf8.count
                if size > min(limit, room) { return .omitted(length: size) }
                room -= size
                return .text(argument)
            }
        }

        func encode(to encoder: any Encoder) throws {
            switch self {
            case .text(let text):
                var container = encoder.singleValueContainer()
                try container.encode(text)
            case .omitted(let length):
                var container = encoder.container(keyedBy: Key.self)
                try container.encode(true, forKey: .omitted)
                try container.encode(length, forKey: .length)
            }
        }
    }

    private struct Answer: Decodable {
        var type: String
        var message: String?
    }

    private let descriptor: Int32
    private let session: String
    private let call: String
    private let patience: Int

    /// Connects, and opens a session.
    ///
    /// - Parameter patience: how long an answer is waited for, seconds.
    /// - Throws: also when no daemon listens there.
    package init(runDirectory: String, session: String, call: String, patience: Int = 2) throws(Failure) {
        self.patience = patience
        self.session = session
        self.call = call
        let path = ToolCallListener.path(in: runDirectory)
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var time = timeval(tv_sec: patience, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size))
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
        var begin = Announcement(
            type: "begin", session: session, call: .init(id: call, name: name, arguments: Argument.said(arguments)),
            initiator: initiator, scope: .thread, threadId: UInt32(sensor_thread_id()),
            bootTime: "\(KernelSession.bootTime())", patience: "\(UInt64(patience) * 1_000_000_000)")
        // Of what is longer in JSON than it is, it is known at least that the call was made.
        if Self.line(begin).count >= ToolCallConnection.lineLimit { begin.call?.arguments = nil }
        try ask(begin)
    }

    /// - Parameter status: `ok` or `error`.
    package func end(status: String, error: String?) throws(Failure) {
        try ask(
            Announcement(
                type: "end", session: session, call: .init(id: call), status: status, error: error,
                bootTime: "\(KernelSession.bootTime())"))
    }

    private static func line(_ message: Announcement) -> [UInt8] {
        // Strings and numbers cannot fail to encode.
        Array((try? JSONEncoder().encode(message)) ?? Data()) + [UInt8(ascii: "\n")]
    }

    private func ask(_ message: Announcement) throws(Failure) {
        var line = Self.line(message)
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
