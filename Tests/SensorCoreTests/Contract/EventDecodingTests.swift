// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct EventDecodingTests {
    @Test(arguments: EventSample.all)
    func `an event that is read back writes the same line`(_ sample: EventSample) throws {
        // Of an identity only what changed is written, so what did not is not there to be read.
        if case .identity = sample.event.detail { return }
        let encoder = EventEncoder(stream: EventSample.stream)
        var line: [UInt8] = []
        encoder.encode(sample.event, into: &line)
        let event = try #require(Event(json: line[...]))
        var again: [UInt8] = []
        encoder.encode(event, into: &again)
        #expect(String(decoding: again, as: UTF8.self) == String(decoding: line, as: UTF8.self))
    }

    @Test(arguments: ["", "{}", "{\"kind\":\"file.open\"}", "{\"kind\":\"new.kind\",\"id\":\"s-1\"}", "[1]", "\u{0}"])
    func `what is no event is none`(_ line: String) {
        #expect(Event(json: Array(line.utf8)[...]) == nil)
    }

    @Test func `an error's name leads back to its number`() {
        for number in Int32(0)...200 { #expect(ErrorName.number(of: ErrorName.of(number)) == number) }
        #expect(ErrorName.number(of: "nonsense") == 0)
    }
}
