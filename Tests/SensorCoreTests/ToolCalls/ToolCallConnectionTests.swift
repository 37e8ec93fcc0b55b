// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import Testing

@testable import SensorCore

@Suite struct ToolCallConnectionTests {
    private let account: CallAccount
    private let connection: ToolCallConnection
    private let peer: SocketEnd

    init() throws {
        var limits = CallLimits()
        limits.bytes = 100_000
        account = CallAccount(workload: 1, limits: limits)
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0, sensor_pass_credentials(ends[0]) == 0 else {
            throw SystemError("socketpair")
        }
        connection = ToolCallConnection(descriptor: ends[0], account: account)
        peer = SocketEnd(ends[1])
    }

    /// Lines until nothing more comes at once.
    private func lines() -> [ToolCallConnection.Line] {
        var space = [UInt8](repeating: 0, count: ToolCallConnection.readLimit)
        var lines: [ToolCallConnection.Line] = []
        for _ in 0..<64 { connection.receive(in: &space) { lines.append($0) } }
        return lines
    }

    private func message(_ text: String) -> ToolCallConnection.Line {
        .message(Array(text.utf8), from: UInt32(getpid()))
    }

    @Test func `lines are told apart, however they come`() {
        peer.send("one\ntw")
        #expect(lines() == [message("one")])
        peer.send("o")
        #expect(lines() == [])
        peer.send("\n\n\nthree\n")
        #expect(lines() == [message("two"), .empty, .empty, message("three")])
    }

    @Test func `a line byte by byte is one line`() {
        for byte in "{\"type\":\"é\"}".utf8 {
            peer.send([byte])
            #expect(lines() == [])
        }
        peer.send("\n")
        #expect(lines() == [message("{\"type\":\"é\"}")])
    }

    /// In pieces, as the socket's buffer takes them.
    private func sendAll(_ bytes: [UInt8]) -> [ToolCallConnection.Line] {
        var space = [UInt8](repeating: 0, count: ToolCallConnection.readLimit)
        var found: [ToolCallConnection.Line] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(ToolCallConnection.readLimit)
            peer.send(Array(piece))
            rest = rest.dropFirst(piece.count)
            connection.receive(in: &space) { found.append($0) }
        }
        return found + lines()
    }

    @Test func `a line of the greatest length is taken, and one byte more is not`() {
        let longest = [UInt8](repeating: UInt8(ascii: "x"), count: ToolCallConnection.lineLimit - 1)
        #expect(sendAll(longest + [10]) == [.message(longest, from: UInt32(getpid()))])
        #expect(sendAll(longest + [UInt8(ascii: "x"), 10]) == [.tooLarge])
        #expect(sendAll(Array("next\n".utf8)) == [message("next")])
    }

    @Test func `a giant line is one error, keeps no memory, and the next one is read`() {
        let giant = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        #expect(sendAll(giant) == [])
        #expect(account.bytes == 0)
        #expect(sendAll(Array("\nnext\n".utf8)) == [.tooLarge, message("next")])
    }

    @Test func `what is not UTF-8 comes as the bytes that it is`() {
        peer.send([0xff, 0xfe, 0, 10])
        #expect(lines() == [.message([0xff, 0xfe, 0], from: UInt32(getpid()))])
    }

    @Test func `a line that two processes sent parts of is nobody's`() throws {
        peer.send("{\"type\":")
        let other = try peer.sendByAnother("\"end\"}")
        peer.send("\n")
        #expect(lines() == [.mixed])
        #expect(other != UInt32(getpid()))
        let another = try peer.sendByAnother("whole\n")
        peer.send("mine\n")
        #expect(lines() == [.message(Array("whole".utf8), from: another), message("mine")])
    }

    @Test func `what a half-closed peer has sent is answered, its last line too`() throws {
        peer.send("last but one\nlast")
        peer.shut()
        #expect(lines() == [message("last but one"), message("last")])
        #expect(account.bytes == 0)
        #expect(connection.hasEnded && !connection.isListening(at: 0))
        connection.answer(.ack(1))
        #expect(!connection.isDone)
        #expect(connection.flush())
        #expect(connection.isDone)
        #expect(peer.line()?.contains(#""type":"ack""#) == true)
    }

    @Test func `a last line that cannot be taken is answered as any other`() throws {
        #expect(sendAll([UInt8](repeating: UInt8(ascii: "x"), count: ToolCallConnection.lineLimit)) == [])
        peer.shut()
        #expect(lines() == [.tooLarge])
    }

    @Test func `a line that is at its end has nothing behind it`() throws {
        peer.send("last\n")
        peer.shut()
        #expect(lines() == [message("last")])
    }

    @Test func `a peer that has gone is noticed when it is answered`() {
        peer.close()
        connection.answer(.ack(1))
        #expect(!connection.flush())
    }

    @Test func `a client that does not take its answers is not read from until it does`() {
        let answer = ToolCallAnswer.error(1, .malformed, String(repeating: "x", count: 1000))
        var rounds = 0
        while connection.isListening(at: 0), rounds < 100_000 {
            connection.answer(answer)
            #expect(connection.flush())
            rounds += 1
        }
        #expect(connection.isBlocked)
        #expect(!connection.isListening(at: 0))
        #expect(account.bytes >= ToolCallConnection.answerLimit)
        #expect(account.bytes < ToolCallConnection.answerLimit + 2048)
        peer.send("more\n")
        #expect(lines() == [])
        while connection.isBlocked {
            _ = peer.receive()
            #expect(connection.flush())
        }
        #expect(connection.isListening(at: 0))
        #expect(account.bytes == 0)
        #expect(lines() == [message("more")])
    }

    @Test func `parts of messages count as memory of the workload, which may run out`() {
        peer.send(String(repeating: "x", count: 5000))
        #expect(lines() == [])
        #expect(account.bytes == 5000)
        account.bytes += 95_000
        peer.send("x")
        #expect(lines() == [])
        peer.send("x\n")
        #expect(lines() == [.refused])
        #expect(account.refused == [.bytes: 1])
        #expect(account.bytes == 95_000)
        // What comes whole takes nothing.
        account.bytes += 5000
        peer.send("whole\n")
        #expect(lines() == [message("whole")])
    }

    @Test func `a paused connection is not listened to before its time`() {
        connection.pausedUntil = 10
        #expect(!connection.isListening(at: 9))
        #expect(connection.isListening(at: 10))
    }
}

/// One end of a connection, the test's own.
final class SocketEnd {
    private var descriptor: Int32
    private(set) var received = ""

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    deinit { close() }

    func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Another descriptor of it, the caller's to close.
    func duplicate() -> Int32 { fcntl(descriptor, F_DUPFD_CLOEXEC, 0) }

    /// Nothing more comes from here.
    func shut() { shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// Waits until the socket has taken all of it.
    func send(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent > 0 {
                rest = rest.dropFirst(sent)
            } else {
                guard sent < 0, errno == EAGAIN || errno == EINTR else { return }
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&entry, 1, 1000)
            }
        }
    }

    /// Has a shell say it, and waits for that to end.
    ///
    /// - Parameters:
    ///   - first: a command of the shell's before that.
    ///   - untilAnswered: the shell lives until there is an answer, which it takes.
    /// - Returns: the shell's process.
    @discardableResult
    func sendByAnother(_ text: String, after first: String = ":", untilAnswered: Bool = false) throws -> UInt32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, descriptor, 0)
        posix_spawn_file_actions_adddup2(&actions, descriptor, 1)
        let words = ["sh", "-c", "\(first); printf '%s' \"$1\"\(untilAnswered ? "; read answer" : "")", "sh", text]
        var arguments = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, "/bin/sh", &actions, nil, &arguments, nil)
        guard error == 0 else { throw SystemError("spawn sh", number: error) }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        return UInt32(pid)
    }

    /// What is there now.
    @discardableResult
    func receive() -> String {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        let text = String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        received += text
        return text
    }

    /// Waits for the next whole line; nil if the other end has closed, or nothing comes for a minute.
    func line() -> String? {
        while true {
            if let end = received.firstIndex(of: "\n") {
                defer { received = String(received[received.index(after: end)...]) }
                return String(received[..<end])
            }
            var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 60_000) > 0, !receive().isEmpty else { return nil }
        }
    }
}
