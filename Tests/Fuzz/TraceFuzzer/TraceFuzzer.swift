// SPDX-License-Identifier: Apache-2.0

import FuzzDriver

@testable import SensorCore

@main
struct TraceFuzzer {
    static func main() { FuzzDriver.run(testOneInput) }
}

private let sender = CallSender(process: CallTask(id: 7, start: 7), cgroup: 1, workload: 1)
private let receiver = TraceReceiver(
    forwarder: nil, limits: .init(),
    clock: { ClockReading(boot: 5_000_000_000_000, wallOffset: 1_800_000_000_000_000_000) },
    tell: { change in precondition(CallChange(json: change.json) == change) })

/// Takes the fuzzer's bytes for the body of an export request, however it may be encoded and packed: it is taken or
/// refused, and what is told of it can be written down.
private func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let body = Array(UnsafeBufferPointer(start: start, count: count))
    for encoding in [TraceEncoding.protobuf, .json] {
        for packing in [TracePacking.none, .gzip] {
            let answer = receiver.receive(body, encoding, packing, from: sender)
            precondition([200, 400, 413].contains(answer.status))
        }
    }
    return 0
}
