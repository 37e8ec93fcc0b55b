// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import FuzzDriver
import SensorCore

@main
struct RecordFuzzer {
    static func main() { FuzzDriver.run(testOneInput) }
}

/// Reads the fuzzer's bytes as one ring record, whole.
///
/// Once as they are, and once with the size that they should state: a fuzzer rarely guesses it, and would see
/// little behind the check of it.
private func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let given = UnsafeRawBufferPointer(start: start, count: count)
    read(given.bytes)

    guard count >= MemoryLayout<sensor_header>.size else { return 0 }
    var record = Array(given.prefix(count & ~7))
    record.withUnsafeMutableBytes { bytes in
        let size = UInt32(bytes.count)
        bytes.storeBytes(of: size, toByteOffset: MemoryLayout<sensor_header>.offset(of: \.size) ?? 0, as: UInt32.self)
    }
    read(record.span.bytes)
    return 0
}

private func read(_ bytes: RawSpan) {
    guard let record = try? RecordView(bytes) else { return }
    var sum = 0
    var sections = record.sections
    while let section = sections.next() {
        for offset in 0..<section.bytes.byteCount {
            sum &+= Int(section.bytes.unsafeLoad(fromByteOffset: offset, as: UInt8.self))
        }
    }
    for tag in 0..<16 {
        sum &+= record.section(sensor_section_tag(UInt32(tag)))?.bytes.byteCount ?? 0
    }
    precondition(sum >= 0)

    // Each record has the body of its kind, and no other.
    let header = record.header
    let bodies = [
        record.exec != nil, record.exit != nil, record.cgroup != nil, record.file != nil, record.network != nil,
        record.syscall != nil, record.identity != nil,
    ]
    precondition(bodies.count { $0 } == 1 && Int(header.size) == bytes.byteCount)
}
