// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Glibc
import SensorCore

/// A pipe whose reading end the test holds.
final class Pipe {
    let destination: LineDestination
    private var reader: Int32
    private var writer: Int32

    init() throws {
        var ends: [Int32] = [-1, -1]
        guard sensor_pipe(&ends) == 0 else { throw SystemError("pipe") }
        reader = ends[0]
        writer = ends[1]
        destination = LineDestination(name: "pipe", descriptor: writer)
    }

    deinit {
        closeReader()
        closeWriter()
    }

    func closeReader() {
        if reader >= 0 { close(reader) }
        reader = -1
    }

    func closeWriter() {
        if writer >= 0 { close(writer) }
        writer = -1
    }

    /// Leaves no room for a single byte before somebody reads, with empty lines: what is written from now on waits, however
    /// the writer's thread and the test are scheduled.
    func fill() {
        var entry = pollfd(fd: writer, events: Int16(POLLOUT), revents: 0)
        // A pipe that is writable has a page free.
        let lines = [UInt8](repeating: UInt8(ascii: "\n"), count: 4096)
        while poll(&entry, 1, 0) == 1, write(writer, lines, lines.count) > 0 {}
    }

    /// What is in the pipe now.
    func readAvailable() -> String {
        var entry = pollfd(fd: reader, events: Int16(POLLIN), revents: 0)
        var buffer = [UInt8](repeating: 0, count: 65536)
        var bytes: [UInt8] = []
        while poll(&entry, 1, 0) == 1, case let count = read(reader, &buffer, buffer.count), count > 0 {
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Closes the writing end and takes all that was written.
    func readToEnd() -> String {
        closeWriter()
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = read(reader, &buffer, buffer.count)
            if count <= 0 { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The condition did not come true in time.
struct Timeout: Error {}

/// How many times as long as elsewhere a test waits: `SENSORD_TEST_PATIENCE`, for machines that are emulated.
let patience: Int32 = getenv("SENSORD_TEST_PATIENCE").flatMap { Int32(String(cString: $0)) } ?? 1

/// Waits for a condition, at most a minute: that is for what hangs, not for what a loaded machine delays.
func eventually(_ condition: () throws -> Bool) throws {
    let deadline = ContinuousClock.now + .seconds(60 * patience)
    while try !condition() {
        if ContinuousClock.now >= deadline { throw Timeout() }
        usleep(1000)
    }
}
