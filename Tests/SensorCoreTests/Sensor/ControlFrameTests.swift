// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct ControlFrameTests {
    @Test func `frames survive being cut anywhere`() throws {
        let frames = [
            ControlFrame(.request, Array("{}".utf8)), ControlFrame(.finish), ControlFrame(.events, [1, 2, 3]),
        ]
        let bytes = frames.flatMap(\.bytes)
        for step in 1...bytes.count {
            var reader = ControlFrameReader(limit: 16)
            var found: [ControlFrame] = []
            for start in stride(from: 0, to: bytes.count, by: step) {
                reader.append(bytes[start..<min(start + step, bytes.count)])
                while let frame = try reader.next() { found.append(frame) }
            }
            #expect(found == frames)
            #expect(reader.isEmpty)
        }
    }

    @Test(arguments: [
        ([0, 0, 0, 0], ControlFrameReader.Fault.empty), ([255, 255, 255, 255], .tooLong(4_294_967_295)),
        ([18, 0, 0, 0, 1], .tooLong(18)), ([1, 0, 0, 0, 99], .unknownKind(99)), ([5, 0, 0, 0, 0], .unknownKind(0)),
    ])
    func `what is no frame is told before its end has come`(_ bytes: [UInt8], _ fault: ControlFrameReader.Fault) {
        var reader = ControlFrameReader(limit: 16)
        reader.append(bytes)
        #expect(throws: fault) { try reader.next() }
    }
}
