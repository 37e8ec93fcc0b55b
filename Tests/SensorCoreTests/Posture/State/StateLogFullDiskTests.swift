// SPDX-License-Identifier: Apache-2.0

import Glibc
import SensorTestSupport
import Testing

@testable import SensorCore

@Suite(.enabled(if: geteuid() == 0 && unshareable)) struct StateLogFullDiskTests {
    // Goes before what it stands in.
    private let disk: SmallDisk
    private let scratch: ScratchDirectory
    private static var limits: StateLog.Limits {
        var limits = StateLog.Limits()
        limits.segment = 32 << 10
        return limits
    }

    init() throws {
        scratch = try ScratchDirectory()
        disk = try #require(SmallDisk(scratch.state))
    }

    @Test func `a full disk is waited for and nothing is lost`() throws {
        var log: StateLog? = try scratch.log(Self.limits)
        var stream = RecordStream(try #require(log?.head))
        let value = String(repeating: "v", count: 6000)
        _ = log?.append(Array(#"{"n":0}"#.utf8), to: &stream)
        #expect(log?.commit(["a": value + "0", "b": value]) != .failed)
        #expect(disk.fill())
        var failures = 0
        for number in 1...20 {
            _ = log?.append(Array(#"{"n":\#(number)}"#.utf8), to: &stream)
            if log?.commit(["a": value + "\(number)"]) == .failed { failures += 1 }
        }
        #expect(failures >= 15)
        #expect(log?.condition == .failing(SystemError("write 00000001.log", number: ENOSPC)))
        let seen = try #require(log?.kept.count)
        #expect(seen < 21, "what is not on disk is not to be seen")

        // A kill now leaves what was seen.
        let copy = try ScratchDirectory()
        var files = scratch.files
        files["ballast"] = nil
        copy.replace(files)
        let other = try copy.log(Self.limits)
        #expect(other.kept == log?.kept)
        #expect(other.opening.isWhole)

        disk.makeRoom()
        // The value of the last change is asked for again, though nothing has changed since.
        let last = Array((value + "20").utf8)
        #expect(log?.commit { key in key == Array("a".utf8) ? last : nil } != .failed)
        #expect(log?.condition == .working)
        #expect(log?.kept.count == 21)
        log = nil
        let again = try scratch.log(Self.limits)
        #expect(again.entries == ["a": value + "20", "b": value])
        #expect(again.kept.count == 21)
        #expect(again.opening.isWhole)
    }

    @Test func `a read only disk is waited for as well`() throws {
        var log: StateLog? = try scratch.log(Self.limits)
        #expect(log?.commit(["a": "1"]) != .failed)
        log = nil
        try #require(disk.remount(readOnly: true))
        log = try scratch.log(Self.limits)
        #expect(log?.entries == ["a": "1"])
        #expect(log?.commit(["a": "2"]) == .failed)
        guard case .failing(let error) = log?.condition else {
            Issue.record("it is not failing")
            return
        }
        #expect(error.number == EROFS)
        #expect(log?.entries == ["a": "1"])
        try #require(disk.remount(readOnly: false))
        #expect(log?.commit { _ in Array("3".utf8) } != .failed)
        #expect(log?.entries == ["a": "3"])
        log = nil
    }

    @Test func `what grows beyond the limit loses nothing that was kept`() throws {
        var limits = Self.limits
        limits.bytes = 128 << 10
        let log = try scratch.log(limits)
        var expected: [String: String] = [:]
        for number in 0..<60 {
            let value = String(repeating: "x", count: 3000) + "\(number)"
            if log.commit(["key-\(number)": value]) != .failed { expected = log.entries }
            #expect(log.entries == expected)
        }
        #expect(log.condition == .full)
        #expect(expected.count < 60)
        // Room comes with what is removed, and what had none is taken then.
        for key in log.keys { log.change(key) }
        #expect(log.commit { key in key.last == UInt8(ascii: "9") ? Array("y".utf8) : nil } != .failed)
        #expect(
            log.entries == ["key-9": "y", "key-19": "y", "key-29": "y", "key-39": "y", "key-49": "y", "key-59": "y"])
        #expect(log.condition == .working)
    }
}

/// Whether file systems may be mounted here.
private let unshareable: Bool = {
    guard let scratch = try? ScratchDirectory() else { return false }
    return SmallDisk(scratch.state) != nil
}()
