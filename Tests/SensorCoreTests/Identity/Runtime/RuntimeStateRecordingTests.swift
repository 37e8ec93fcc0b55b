// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct RuntimeStateRecordingTests {
    @Test(arguments: [
        HostQuestion.runtimeState(nil, id: "web", user: nil),
        .runtimeState(.crio, id: String(repeating: "a", count: 64), user: nil),
        .runtimeState(.podman, id: "é", user: 0),
        .runtimeState(.docker, id: "", user: .max),
    ])
    func `a recording keeps what was asked of runtimes`(_ question: HostQuestion) {
        var writer = FrameWriter()
        question.write(to: &writer)
        var reader = FrameReader(writer.bytes)
        #expect(HostQuestion(&reader) == question)
        #expect(reader.isAtEnd)
        for length in 0..<writer.bytes.count {
            var cut = FrameReader(writer.bytes.prefix(length))
            #expect(HostQuestion(&cut) == nil)
        }
    }

    @Test func `a runtime of another version is not guessed`() {
        var writer = FrameWriter()
        writer.append(UInt8(7))
        writer.append(counted: "rkt".utf8)
        writer.append(counted: "id".utf8)
        writer.append(UInt8(0))
        writer.append(UInt32(0))
        var reader = FrameReader(writer.bytes)
        #expect(HostQuestion(&reader) == nil)
    }
}
