// SPDX-License-Identifier: Apache-2.0

import FuzzDriver
import SensorCore

@main
struct RedactorFuzzer {
    static func main() { FuzzDriver.run(testOneInput) }
}

private let redactor = Redactor(patterns: RedactionPatterns(parsing: "corp-pin\n*_PIN\n/run/*"))

/// Takes the fuzzer's bytes for a command line and for a path: the number of arguments and the layout must stay.
private func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let block = Array(UnsafeBufferPointer(start: start, count: count))
    let ends = block.count { $0 == 0 }
    precondition(redactor.arguments(block).count == (block.last ?? 0 == 0 ? ends : ends + 1))
    _ = redactor.path(ByteString(block))
    if let masked = redactor.masked(block.span.bytes) {
        precondition(masked.count == block.count && masked.count { $0 == 0 } == ends)
    }
    return 0
}
