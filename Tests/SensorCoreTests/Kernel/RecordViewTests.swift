// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import SensorCore
import Testing

@Suite struct RecordViewTests {
    private func fault(of bytes: [UInt8]) -> RecordFault? {
        do {
            _ = try RecordView(bytes.span.bytes)
            return nil
        } catch {
            return error
        }
    }

    private func text(_ section: RecordSection) -> String {
        section.bytes.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
    }

    private func text(_ section: RecordSection?) -> String? {
        guard let section else { return nil }
        return text(section)
    }

    private var open: RecordBytes {
        RecordBytes(
            SENSOR_FILE_OPEN,
            sensor_file(
                inode: 77, device: 8, generation: 3, access: SENSOR_ACCESS_READ.rawValue, mode: 0o100644,
                descriptor: 5, flags: 0))
    }

    @Test func `a record gives back its header, its body and its sections in order`() throws {
        let bytes = open.adding(SENSOR_SECTION_PATH, "hosts/etc/".utf8, flags: SENSOR_PATH_DELETED)
            .adding(SENSOR_SECTION_ARGUMENT, "".utf8)
            .adding(SENSOR_SECTION_BASE, "12345678".utf8).bytes
        let record = try RecordView(bytes.span.bytes)

        #expect(record.header.tgid == 100)
        #expect(record.header.key.cgroup == 42)
        #expect(record.file?.inode == 77)
        #expect(record.file?.descriptor == 5)

        var seen: [String] = []
        var sections = record.sections
        while let section = sections.next() {
            seen.append("\(section.tag) \(section.flags) \(text(section))")
        }
        #expect(seen == ["1 4 hosts/etc/", "6 0 ", "4 0 12345678"])
    }

    @Test func `a section is found by its tag`() throws {
        let bytes = open.adding(SENSOR_SECTION_PATH, "a/".utf8).adding(SENSOR_SECTION_ARGUMENT, "b".utf8).bytes
        let record = try RecordView(bytes.span.bytes)
        let argument = text(record.section(SENSOR_SECTION_ARGUMENT))
        let payload = text(record.section(SENSOR_SECTION_PAYLOAD))
        #expect(argument == "b")
        #expect(payload == nil)
    }

    @Test func `a body is had only from a record of its kind`() throws {
        let bytes = RecordBytes(SENSOR_PROCESS_EXIT, sensor_exit(code: 3, signal: 0, core_dumped: 0, reserved: 0)).bytes
        let record = try RecordView(bytes.span.bytes)
        #expect(record.exit?.code == 3)
        #expect(record.file == nil)
        #expect(record.exec == nil)
        #expect(record.network == nil)
        #expect(record.syscall == nil)
        #expect(record.identity == nil)
        #expect(record.cgroup == nil)
    }

    @Test func `every shorter prefix of a record is refused`() {
        let bytes = open.adding(SENSOR_SECTION_PATH, "hosts/etc/".utf8).bytes
        for length in 0..<bytes.count {
            #expect(fault(of: Array(bytes.prefix(length))) != nil, "\(length) bytes")
        }
        #expect(fault(of: bytes) == nil)
    }

    @Test func `a body that does not fit is truncated, whatever the size says`() {
        let exec = RecordBytes(SENSOR_FILE_OPEN, sensor_exit())
        #expect(fault(of: exec.bytes) == .truncated)
    }

    @Test func `a size that is not the record's is refused`() {
        #expect(fault(of: open.changing { $0.size += 8 }) == .sizeMismatch)
        #expect(fault(of: open.changing { $0.size = 0 }) == .sizeMismatch)
        #expect(fault(of: RecordBytes(SENSOR_FILE_OPEN, (sensor_file(), UInt32(0))).bytes) == .sizeMismatch)
    }

    @Test(arguments: [0, 7, 33, 255]) func `an unknown kind is told apart from damage`(_ kind: UInt8) {
        let fault = fault(of: open.changing { $0.key.kind = kind })
        #expect(fault == .unknownKind(kind))
        #expect(fault?.lossReason == .unknownRecord)
    }

    @Test(arguments: [9, 17, 0x7fff_ffff, 0xffff_ffff] as [UInt32])
    func `a section that reaches beyond the record is refused`(_ length: UInt32) {
        var bytes = open.adding(SENSOR_SECTION_PATH, "12345678".utf8).bytes
        bytes.withUnsafeMutableBytes {
            $0.storeBytes(of: length, toByteOffset: $0.count - 12, as: UInt32.self)
        }
        #expect(fault(of: bytes) == .sectionOutOfBounds)
    }

    @Test func `more sections than there are bytes for are refused, and bytes without a section too`() {
        let record = open.adding(SENSOR_SECTION_PATH, "a/".utf8)
        #expect(fault(of: record.changing { $0.sections = 2 }) == .sectionOutOfBounds)
        #expect(fault(of: record.changing { $0.sections = .max }) == .sectionOutOfBounds)
        #expect(fault(of: record.changing { $0.sections = 0 }) == .trailingBytes)
    }
}
