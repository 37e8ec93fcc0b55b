// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

@Suite struct MergedRingsTests {
    private func exit(_ time: UInt64) -> [UInt8] {
        RecordBytes(SENSOR_PROCESS_EXIT, sensor_exit(), time: time).bytes
    }

    private func open(_ time: UInt64) -> [UInt8] {
        RecordBytes(SENSOR_FILE_OPEN, sensor_file(), time: time).bytes
    }

    private struct Rings: ~Copyable {
        let lifecycle: RingMemory
        let activity: RingMemory
        var merged: MergedRings

        init(releaseAfter: Int = 64 << 10) throws {
            let lifecycle = try RingMemory()
            let activity = try RingMemory()
            let merged = try MergedRings(
                lifecycle: lifecycle.consumer(), activity: activity.consumer(), releaseAfter: releaseAfter)
            self.lifecycle = lifecycle
            self.activity = activity
            self.merged = merged
        }

        /// Kind and time of each record that a pass hands on.
        mutating func drain(limit: Int = .max) -> (records: [String], outcome: MergedRings.Outcome) {
            var records: [String] = []
            let result = merged.drain(limit: limit) { bytes in
                guard let record = try? RecordView(bytes) else { return records.append("bad \(bytes.byteCount)") }
                let kind = record.kind == UInt8(SENSOR_PROCESS_EXIT.rawValue) ? "exit" : "open"
                records.append("\(kind) \(record.header.time)")
            }
            #expect(result.count == records.count)
            return (records, result.outcome)
        }
    }

    @Test func `two empty rings are emptied`() throws {
        var rings = try Rings()
        let pass = rings.drain()
        #expect(pass.records == [])
        #expect(pass.outcome == .emptied)
    }

    @Test func `records come in the order of time, and the lifecycle ring first on equal times`() throws {
        var rings = try Rings()
        for time: UInt64 in [1, 5, 6] { rings.activity.write(open(time)) }
        for time: UInt64 in [2, 5, 9] { rings.lifecycle.write(exit(time)) }
        let pass = rings.drain()
        #expect(pass.records == ["open 1", "exit 2", "exit 5", "open 5", "open 6", "exit 9"])
        #expect(pass.outcome == .emptied)
    }

    @Test func `a limit ends the pass, and the next one goes on where it ended`() throws {
        var rings = try Rings()
        for time: UInt64 in 1...5 { rings.activity.write(open(time)) }
        var pass = rings.drain(limit: 2)
        #expect(pass.records == ["open 1", "open 2"])
        #expect(pass.outcome == .limited)
        pass = rings.drain()
        #expect(pass.records == ["open 3", "open 4", "open 5"])
    }

    @Test func `nothing passes a record that is still being written, in either ring`() throws {
        var rings = try Rings()
        let written = rings.lifecycle.reserve(exit(3).count)
        rings.lifecycle.write(exit(4))
        rings.activity.write(open(1))
        var pass = rings.drain()
        #expect(pass.records == [])
        #expect(pass.outcome == .busy)

        rings.lifecycle.commit(written, exit(3))
        pass = rings.drain()
        #expect(pass.records == ["open 1", "exit 3", "exit 4"])
        #expect(pass.outcome == .emptied)
    }

    @Test func `a discarded record is passed over and its room given back`() throws {
        var rings = try Rings()
        let discarded = rings.activity.reserve(64)
        rings.activity.write(open(1))
        rings.activity.discard(discarded, length: 64)
        let pass = rings.drain()
        #expect(pass.records == ["open 1"])
        #expect(rings.activity.consumed == rings.activity.produced)
    }

    @Test func `what is written while a record is handled is handed on in the same pass, and in order`() throws {
        var rings = try Rings()
        let lifecycle = rings.lifecycle
        let activity = rings.activity
        activity.write(open(1))
        var times: [UInt64] = []
        _ = rings.merged.drain(limit: .max) { bytes in
            let time = (try? RecordView(bytes))?.header.time ?? 0
            times.append(time)
            // A process acts, then ends: the act is in the ring before the end is.
            if time == 1 {
                activity.write(open(2))
                lifecycle.write(exit(3))
                activity.write(open(4))
            }
        }
        #expect(times == [1, 2, 3, 4])
    }

    @Test func `what is present is handed on, and what is written meanwhile does not keep it from ending`() throws {
        var rings = try Rings()
        let activity = rings.activity
        for time: UInt64 in 1...3 { activity.write(open(time)) }
        var count = 0
        rings.merged.drainPresent { _ in
            count += 1
            // As fast as it is read: without a bound, this would go on to the end.
            if count < 10_000 { activity.write(open(9)) }
        }
        #expect(count >= 3)
        #expect(count < 2000)
    }

    @Test func `a ring goes round many times, with records across its end`() throws {
        var rings = try Rings(releaseAfter: 512)
        var expected: [String] = []
        var seen: [String] = []
        for time: UInt64 in 1...500 {
            rings.activity.write(
                RecordBytes(SENSOR_FILE_OPEN, sensor_file(), time: time)
                    .adding(SENSOR_SECTION_PATH, repeatElement(UInt8(ascii: "a"), count: Int(time % 97))).bytes)
            expected.append("open \(time)")
            if time % 5 == 0 { seen += rings.drain().records }
        }
        #expect(seen == expected)
        #expect(rings.activity.consumed == rings.activity.produced)
    }

    @Test func `a record too short for a header is handed on for the caller to refuse`() throws {
        var rings = try Rings()
        rings.activity.write([1, 2, 3])
        rings.activity.write(open(1))
        #expect(rings.drain().records == ["bad 3", "open 1"])
    }

    @Test(arguments: [0, 1000, 6000]) func `a ring's size must be a power of two of pages`(_ size: Int) throws {
        let memory = try RingMemory()
        #expect {
            _ = try RingBuffer(descriptor: memory.descriptor, byteCount: size)
        } throws: {
            ($0 as? KernelError)?.code == .badSetting
        }
    }
}
