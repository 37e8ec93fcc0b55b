// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOConcurrencyHelpers
import Testing

@testable import SensorCore

@Suite struct RotatedFileTests {
    private let directory: ScratchDirectory
    private var path: String { directory.path + "/records" }

    init() throws { directory = try ScratchDirectory() }

    private func rotation(bytes: Int = 0, seconds: Int = 0, files: Int = 5) -> FileRotation {
        var rotation = FileRotation()
        (rotation.bytes, rotation.seconds, rotation.files) = (bytes, seconds, files)
        return rotation
    }

    /// Writes lines one after the other, each in a piece of its own.
    private func write(_ numbers: Range<Int>, to writer: LineWriter) throws {
        for number in numbers {
            let before = writer.counters.written
            writer.append(line(number), lines: 1)
            try eventually { writer.counters.written == before + 1 }
        }
    }

    /// Ten bytes.
    private func line(_ number: Int) -> [UInt8] {
        let digits = String(number)
        return Array((String(repeating: "0", count: 9 - digits.count) + digits + "\n").utf8)
    }

    private func numbers(in path: String) -> [Int] {
        (ProcFile.text(path) ?? "").split(separator: "\n").compactMap { Int($0) }
    }

    private var names: [String] { ScratchDirectory.names(directory.path) }

    @Test func `a file that is long is put aside, and so many are kept`() throws {
        let writer = try LineWriter(
            LineDestination(path: path, appending: true), rotation: rotation(bytes: 100, files: 2)
        ) { _ in }
        try write(0..<35, to: writer)
        #expect(writer.finish() == .init(written: 35))
        #expect(names == ["records", "records.1", "records.2"])
        #expect(numbers(in: path) == Array(30..<35))
        #expect(numbers(in: path + ".1") == Array(20..<30))
        #expect(numbers(in: path + ".2") == Array(10..<20))
        for name in names {
            var status = stat()
            #expect(stat(directory.path + "/" + name, &status) == 0 && status.st_mode & 0o777 == 0o600)
        }
    }

    @Test func `none is kept where none is wanted`() throws {
        let writer = try LineWriter(
            LineDestination(path: path, appending: true), rotation: rotation(bytes: 100, files: 0)
        ) { _ in }
        try write(0..<15, to: writer)
        _ = writer.finish()
        #expect(names == ["records"])
        #expect(numbers(in: path) == Array(10..<15))
    }

    @Test func `a line that is longer than a file has one of its own`() throws {
        let writer = try LineWriter(
            LineDestination(path: path, appending: true), rotation: rotation(bytes: 100)
        ) { _ in }
        try write(0..<1, to: writer)
        let long = [UInt8](repeating: UInt8(ascii: "7"), count: 300) + [UInt8(ascii: "\n")]
        writer.append(long, lines: 1)
        try eventually { writer.counters.written == 2 }
        try write(2..<3, to: writer)
        _ = writer.finish()
        #expect(ProcFile.bytes(path + ".1") == long)
        #expect(numbers(in: path + ".2") == [0] && numbers(in: path) == [2])
    }

    @Test func `a file that is old is put aside, by whomever it was begun`() throws {
        var destination = try LineDestination(path: path, appending: true)
        #expect(Glibc.write(destination.descriptor, line(1), 10) == 10)
        destination = try LineDestination(path: path, appending: true)
        let start = time(nil)
        var file = try #require(RotatedFile(destination, rotation(seconds: 1)))
        try file.prepare(for: 10)
        #expect(names == ["records"])
        try eventually { time(nil) > start + 1 }
        try file.prepare(for: 10)
        #expect(names == ["records", "records.1"])
        #expect(numbers(in: path + ".1") == [1])
        try file.prepare(for: 10)
        #expect(names == ["records", "records.1"], "one that is empty stays")
        // Another daemon knows from the file before it since when there is this one.
        #expect(Glibc.write(destination.descriptor, line(2), 10) == 10)
        let second = time(nil)
        try eventually { time(nil) > second + 1 }
        var next = try #require(
            RotatedFile(LineDestination(path: path, appending: true), rotation(seconds: 1)))
        try next.prepare(for: 10)
        #expect(names == ["records", "records.1", "records.2"])
    }

    @Test func `a file that somebody else puts aside is begun anew, with nothing lost`() throws {
        let writer = try LineWriter(LineDestination(path: path, appending: true), rotation: FileRotation()) { _ in }
        try write(0..<3, to: writer)
        #expect(rename(path, path + "-old") == 0)
        try write(3..<5, to: writer)
        #expect(writer.finish() == .init(written: 5))
        #expect(numbers(in: path + "-old") == [0, 1, 2] && numbers(in: path) == [3, 4])
    }

    @Test func `where nothing can be put aside lines go on, and it is told once`() throws {
        let troubles = NIOLockedValueBox<[LineWriter.Trouble]>([])
        // A name that a directory with something in it has cannot be taken.
        #expect(mkdir(path + ".1", 0o700) == 0 && mkdir(path + ".1/x", 0o700) == 0)
        let writer = try LineWriter(
            LineDestination(path: path, appending: true), rotation: rotation(bytes: 100, files: 1)
        ) { trouble in troubles.withLockedValue { $0.append(trouble) } }
        try write(0..<25, to: writer)
        #expect(writer.finish() == .init(written: 25))
        #expect(numbers(in: path) == Array(0..<25))
        let told = troubles.withLockedValue { $0 }
        #expect(told.count == 1)
        guard case .notRotated? = told.first else {
            Issue.record("\(told)")
            return
        }
    }

    @Test func `a pipe is never put aside`() throws {
        let pipe = try Pipe()
        #expect(RotatedFile(pipe.destination, rotation(bytes: 1)) == nil)
        #expect(RotatedFile(.standardOutput, rotation(bytes: 1)) == nil)
        // Nor is a name that stands for whatever is open, though that is a file.
        let file = try LineDestination(path: path, appending: true)
        let link = try LineDestination(path: "/proc/self/fd/\(file.descriptor)", appending: true)
        #expect(RotatedFile(link, rotation(bytes: 1)) == nil && RotatedFile(file, rotation(bytes: 1)) != nil)
    }

    @Test func `a link is never put aside, nor is what it leads to, and that is told`() throws {
        #expect(symlink("elsewhere", path) == 0)
        let destination = try LineDestination(path: path, appending: true)
        #expect(RotatedFile(destination, rotation(bytes: 1)) == nil)
        #expect(RotatedFile.refusal(of: path)?.contains("symbolic link") == true)
        #expect(RotatedFile.refusal(of: "/dev/null")?.contains("no regular file") == true)
        #expect(RotatedFile.refusal(of: "/dev/stdout")?.contains("symbolic link") == true)
        #expect(RotatedFile.refusal(of: directory.path + "/elsewhere") == nil)
        #expect(RotatedFile.refusal(of: directory.path + "/none") == nil)
    }
}
