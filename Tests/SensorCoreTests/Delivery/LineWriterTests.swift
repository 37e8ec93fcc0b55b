// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import SensorCore
import Testing

@Suite struct LineWriterTests {
    @Test func `lines arrive in order and are counted`() throws {
        let pipe = try Pipe()
        let writer = try LineWriter(pipe.destination) { _ in }
        for number in 0..<100 { writer.append(Array("line \(number)\n".utf8), lines: 1) }
        let counters = writer.finish()
        #expect(counters == .init(written: 100, dropped: 0, errors: 0))
        #expect(pipe.readToEnd() == (0..<100).map { "line \($0)\n" }.joined())
    }

    @Test func `a full disk is told once, counted, and never blocks who appends`() throws {
        let troubles = NIOLockedValueBox<[LineWriter.Trouble]>([])
        let writer = try LineWriter(LineDestination(path: "/dev/full", appending: true), capacity: 64) { trouble in
            troubles.withLockedValue { $0.append(trouble) }
        }
        writer.append(Array("one\n".utf8), lines: 1)
        try eventually { writer.counters.errors >= 1 }
        let line = [UInt8](repeating: UInt8(ascii: "x"), count: 30) + [UInt8(ascii: "\n")]
        #expect(writer.append(line, lines: 1))
        #expect(!writer.append(line, lines: 1), "the queue is full")

        let counters = writer.finish()
        #expect(counters.written == 0)
        #expect(counters.dropped == 3)
        #expect(counters.errors >= 1)
        #expect(troubles.withLockedValue { $0.first } == .failing(SystemError("write /dev/full", number: ENOSPC)))
    }

    @Test func `a reader that goes away ends the writing`() throws {
        let pipe = try Pipe()
        let gone = try WakeUp()
        let writer = try LineWriter(pipe.destination) { trouble in
            if trouble == .readerGone { gone.signal() }
        }
        pipe.closeReader()
        writer.append(Array("one\n".utf8), lines: 1)
        #expect(gone.wait(milliseconds: 60_000))
        #expect(writer.isBroken)
        #expect(!writer.append(Array("two\n".utf8), lines: 1))
        #expect(writer.finish() == .init(written: 0, dropped: 2, errors: 0))
    }

    /// The path of a FIFO, which is removed when the test ends.
    private func withFIFO(_ body: (String) throws -> Void) throws {
        let path = "/tmp/sensord-fifo-\(getpid())-\(UInt64.random(in: .min ... .max))"
        try #require(mkfifo(path, 0o600) == 0)
        defer { unlink(path) }
        try body(path)
    }

    @Test func `a FIFO that nobody reads does not keep anybody from ending`() throws {
        try withFIFO { path in
            let writer = try LineWriter(LineDestination(path: path, appending: false)) { _ in }
            let line = [UInt8](repeating: UInt8(ascii: "x"), count: 1023) + [UInt8(ascii: "\n")]
            for _ in 0..<256 { writer.append(line, lines: 1) }
            let counters = writer.finish(milliseconds: 60_000)
            #expect(writer.isBroken)
            #expect(counters.written + counters.dropped == 256)
            #expect(counters.dropped > 0)
        }
    }

    @Test func `a FIFO's reader may come later`() throws {
        try withFIFO { path in
            let writer = try LineWriter(LineDestination(path: path, appending: false)) { _ in }
            writer.append(Array("one\n".utf8), lines: 1)
            try eventually { writer.counters.written == 1 }
            let reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
            defer { close(reader) }
            writer.append(Array("two\n".utf8), lines: 1)
            #expect(writer.finish() == .init(written: 2, dropped: 0, errors: 0))
            var bytes = [UInt8](repeating: 0, count: 64)
            let count = read(reader, &bytes, bytes.count)
            #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "one\ntwo\n")
        }
    }

    @Test func `a reader that does not read costs lines, not time`() throws {
        let pipe = try Pipe()
        let writer = try LineWriter(pipe.destination, capacity: 1 << 20) { _ in }
        let batch = [UInt8](repeating: UInt8(ascii: "x"), count: 1023) + [UInt8(ascii: "\n")]
        var accepted: UInt64 = 0
        for _ in 0..<4096 where writer.append(batch, lines: 1) { accepted += 1 }
        #expect(accepted >= 1024)
        #expect(accepted < 1024 + 128)
        let counters = writer.finish(milliseconds: 10)
        #expect(counters.written + counters.dropped == 4096)
        _ = pipe.readToEnd()
    }

    @Test func `a line that a dead writer left unfinished is ended first`() throws {
        var template = Array("/tmp/sensord-lines-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer {
            close(descriptor)
            unlink(path)
        }
        try #require(write(descriptor, "{\"torn", 6) == 6)
        let writer = try LineWriter(LineDestination(path: path, appending: true)) { _ in }
        writer.append(Array("{}\n".utf8), lines: 1)
        #expect(writer.finish().written == 1)
        var content = [UInt8](repeating: 0, count: 64)
        let count = pread(descriptor, &content, content.count, 0)
        #expect(String(decoding: content.prefix(max(0, count)), as: UTF8.self) == "{\"torn\n{}\n")
    }
}
