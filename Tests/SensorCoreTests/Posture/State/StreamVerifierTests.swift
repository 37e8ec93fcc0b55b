// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct StreamVerifierTests {
    private let signer = RecordSigner()

    /// A stream of as many records.
    private func envelopes(_ count: Int, signer: RecordSigner? = nil) -> [RecordEnvelope] {
        var stream = RecordStream(signer: signer)
        return (1...count).map {
            stream.append(Array(#"{"schema":"posture.v1","facts":{"n":[\#($0),{"a\"}":null}]}}"#.utf8))
        }
    }

    private func gap(_ from: Int, _ to: Int, digest: PayloadDigest? = nil) -> [UInt8] {
        let digest = digest.map { #","digest":"\#($0)""# } ?? ""
        return Array(
            #"{"node":"n1","gap":{"from":"\#(from)","to":"\#(to)","reason":"spool_full","count":"1"\#(digest)}}"#.utf8)
    }

    private func verify(
        _ lines: [[UInt8]], keys: [RecordKey] = [], limits: StreamVerifier.Limits = .init()
    ) -> VerifierReport {
        var verifier = StreamVerifier(keys: keys, limits: limits)
        verifier.feed(Array(lines.joined()))
        return verifier.finish()
    }

    private func verify(_ envelopes: [RecordEnvelope], keys: [RecordKey] = []) -> VerifierReport {
        verify(envelopes.compactMap(\.line), keys: keys)
    }

    @Test func `a whole stream is whole`() {
        let report = verify(envelopes(20))
        #expect(report.isWhole)
        #expect(report.records == 20)
        #expect(report.streams.map(\.last) == [20])
        #expect(report.streams.first?.beginsInTheMiddle == false)
    }

    @Test func `a line is spelled as promised`() throws {
        var stream = RecordStream(.init(id: try #require(StreamID("00112233445566778899aabbccddeeff".utf8))))
        let first = stream.append(Array("{}".utf8))
        let second = stream.append(Array(#"{"a":1}"#.utf8))
        #expect(
            String(decoding: try #require(first.line) + (try #require(second.line)), as: UTF8.self) == """
                {"stream":"00112233445566778899aabbccddeeff","sequence":"1","payload":{}}
                {"stream":"00112233445566778899aabbccddeeff","sequence":"2",\
                "previous":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","payload":{"a":1}}

                """)
        #expect(stream.append(Array("{\n}".utf8)).line == nil)
    }

    @Test(arguments: [1, 2, 7, 100]) func `pieces make no difference`(size: Int) {
        let bytes = envelopes(10).compactMap(\.line).joined()
        var verifier = StreamVerifier()
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            verifier.feed(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        #expect(verifier.finish() == verify([Array(bytes)]))
    }

    @Test func `a missing record is the first break`() {
        var envelopes = envelopes(10)
        envelopes.remove(at: 6)
        envelopes.remove(at: 4)
        let report = verify(envelopes)
        #expect(report.breaks == 2)
        #expect(report.firstBreak?.line == 5)
        #expect(report.firstBreak?.fault == .missing(expected: 5, found: 6))
    }

    @Test func `what was changed breaks the chain`() {
        var envelopes = envelopes(5)
        let expected = PayloadDigest(of: envelopes[2].payload)
        envelopes[2].payload[3] ^= 1
        let report = verify(envelopes)
        #expect(report.firstBreak?.line == 4)
        let found = PayloadDigest(of: envelopes[2].payload)
        #expect(report.firstBreak?.fault == .wrongPrevious(expected: found, found: expected))
    }

    @Test func `a gap in the place of records accounts for them`() {
        var envelopes = envelopes(10)
        let stream = RecordStream(.init(id: envelopes[0].stream))
        let digest = PayloadDigest(of: envelopes[6].payload)
        let previous = PayloadDigest(of: envelopes[2].payload)
        for known in [digest, nil] {
            let replacement = stream.replacement(
                for: RecordGap(4...7, reason: "spool_full"), payload: gap(4, 7, digest: known), previous: previous)
            let report = verify(Array(envelopes[..<3]) + [replacement] + envelopes[7...])
            #expect(report.firstBreak == nil)
            #expect(report.streams.first?.missing == 4)
            #expect(report.streams.first?.unchecked == (known == nil ? 1 : 0))
        }
        // One that accounts for too few, or whose digest is of something else.
        let short = stream.replacement(
            for: RecordGap(5...7, reason: ""), payload: gap(5, 7, digest: digest), previous: nil)
        #expect(
            verify(Array(envelopes[..<3]) + [short] + envelopes[7...]).firstBreak?.fault
                == .missing(expected: 4, found: 7))
        let wrong = stream.replacement(
            for: RecordGap(4...7, reason: ""), payload: gap(4, 7, digest: previous), previous: previous)
        #expect(verify(Array(envelopes[..<3]) + [wrong] + envelopes[7...]).firstBreak?.line == 5)
        envelopes.removeAll()
    }

    @Test func `a gap that follows them accounts for them too`() {
        var stream = RecordStream()
        var before = [stream.append(Array("{}".utf8))]
        // The sequences that may have been used are skipped, and the payload before is not known.
        var skipped = RecordStream(.init(id: stream.head.id, sequence: 5))
        before.append(skipped.append(gap(2, 5)))
        before.append(skipped.append(Array("{}".utf8)))
        let report = verify(before)
        #expect(report.firstBreak == nil)
        #expect(report.streams.first?.missing == 4)
        #expect(report.streams.first?.last == 7)
    }

    @Test func `a gap of times accounts for nothing`() {
        var stream = RecordStream()
        let first = stream.append(Array("{}".utf8))
        var skipped = RecordStream(.init(id: stream.head.id, sequence: 5))
        let times = skipped.append(Array(#"{"gap":{"from":"2026-01-01T00:00:00Z","to":"2026-01-01T00:00:01Z"}}"#.utf8))
        #expect(verify([first, times]).firstBreak?.fault == .missing(expected: 2, found: 6))
    }

    @Test func `a gap accounts for nothing that is to come`() {
        var stream = RecordStream()
        let first = stream.append(Array("{}".utf8))
        var skipped = RecordStream(.init(id: stream.head.id, sequence: 4))
        let ahead = skipped.append(gap(2, 9))
        #expect(verify([first, ahead]).firstBreak?.fault == .missing(expected: 2, found: 5))
        let report = verify([first, stream.append(gap(2, 9)), stream.append(Array("{}".utf8))])
        #expect(report.firstBreak == nil)
        #expect(report.streams.first?.missing == 1)
    }

    @Test func `behind the last sequence that there is nothing follows`() {
        var stream = RecordStream()
        let first = stream.append(Array("{}".utf8))
        var late = RecordStream(.init(id: stream.head.id, sequence: UInt64.max - 1))
        let last = late.append(Array(#"{"gap":{"from":"2","to":"\#(UInt64.max)"}}"#.utf8))
        #expect(verify([first, last, first]).firstBreak == nil)
        var other = RecordStream(.init(id: stream.head.id, sequence: 6))
        let again = verify([first, last, other.append(Array("{}".utf8))])
        #expect(again.firstBreak?.fault == .outOfOrder(expected: .max, found: 7))
    }

    @Test func `what is sent again is no break`() {
        let envelopes = envelopes(10)
        let report = verify(Array(envelopes[..<7]) + envelopes[4...])
        #expect(report.firstBreak == nil)
        #expect(report.streams.first?.repeated == 3)
        var other = envelopes[5]
        other.payload = Array("{}".utf8)
        #expect(verify(Array(envelopes[..<7]) + [other]).firstBreak?.fault == .reused)
        #expect(
            verify(Array(envelopes[4...]) + [envelopes[2]]).firstBreak?.fault == .outOfOrder(expected: 11, found: 3))
    }

    @Test func `a file may begin in the middle`() {
        let report = verify(Array(envelopes(10)[4...]))
        #expect(report.firstBreak == nil)
        #expect(report.streams.first?.beginsInTheMiddle == true)
        #expect(report.streams.first?.first == 5)
    }

    @Test func `streams are checked each by itself`() {
        let (one, other) = (envelopes(5), envelopes(5))
        let mixed = zip(one, other).flatMap { [$0, $1] }
        #expect(verify(mixed).firstBreak == nil)
        #expect(verify(mixed).streams.map(\.id) == [one[0].stream, other[0].stream])
        var limits = StreamVerifier.Limits()
        limits.streams = 1
        #expect(verify(mixed.compactMap(\.line), limits: limits).firstBreak?.fault == .tooManyStreams(limit: 1))
    }

    @Test func `a torn end is no break`() {
        let all = envelopes(3).compactMap(\.line)
        let (lines, last) = (Array(all.dropLast()), all[2])
        for length in 1..<(last.count - 1) {
            let report = verify(lines + [Array(last[..<length])])
            #expect(report.firstBreak == nil)
            #expect(report.tornBytes == length)
            // Its writer began again.
            let again = verify(lines + [Array(last[..<length]) + Array("\n".utf8), last])
            #expect(again.firstBreak == nil)
            #expect(again.cutLines == 1)
            #expect(again.records == 3)
        }
        #expect(verify(lines + [last.dropLast()]).tornBytes == 0)
    }

    @Test(arguments: [
        #"{"stream":"S","sequence":"1","sequence":"1","payload":{}}"#,
        #"{"stream":"S","sequence":"01","payload":{}}"#,
        #"{"stream":"S","sequence":"0","payload":{}}"#,
        #"{"stream":"S","sequence":"18446744073709551616","payload":{}}"#,
        #"{"stream":"S","sequence":"1","payload":{},"sequence":"2"}"#,
        #"{"stream":"S","sequence":"1", "payload":{}}"#,
        #"{"stream":"S","sequence":"1","payload":[]}"#,
        #"{"stream":"S","sequence":"1","payload":{}}}"#,
        #"{"stream":"S","sequence":"1","payload":{"a":tru}}"#,
        #"{"stream":"S","seq\u0075ence":"1","payload":{}}"#,
        #"{"stream":"S","sequence":"1","previous":"sha256:00","payload":{}}"#,
        #"{"stream":"S","sequence":"1","payload":{"gap":{},"gap":{}}}"#,
        #"{"stream":"S","sequence":1,"payload":{}}"#,
        #"{"sequence":"1","payload":{}}"#,
        "", "nonsense",
    ]) func whatIsNoRecordIsABreak(line: String) {
        let line = line.split(separator: "S", maxSplits: 1, omittingEmptySubsequences: false)
            .joined(separator: "00112233445566778899aabbccddeeff")
        let report = verify([Array((line + "\n").utf8)])
        guard case .malformed = report.firstBreak?.fault else {
            #expect(line.isEmpty && report.cutLines == 1, "\(report)")
            return
        }
    }

    @Test func `deep and long lines are refused`() {
        let deep = String(repeating: #"{"a":"#, count: 10_000)
        let line = #"{"stream":"00112233445566778899aabbccddeeff","sequence":"1","payload":"# + deep + "\n"
        guard case .malformed = verify([Array(line.utf8)]).firstBreak?.fault else {
            Issue.record("it is no break")
            return
        }
        var limits = StreamVerifier.Limits()
        limits.line = 200
        let long = Array(#"{"a":"\#(String(repeating: "x", count: 1000))"}"#.utf8) + Array("\n".utf8)
        for size in [1, 64, 5000] {
            var verifier = StreamVerifier(limits: limits)
            var rest = Array((envelopes(1).compactMap(\.line) + [long] + envelopes(1).compactMap(\.line)).joined())[...]
            while !rest.isEmpty {
                verifier.feed(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            let report = verifier.finish()
            #expect(report.firstBreak?.fault == .tooLong(limit: 200))
            #expect(report.firstBreak?.line == 2)
            #expect(report.records == 2)
        }
    }

    @Test func `signatures are checked`() throws {
        let key = signer.publicKey
        let envelopes = envelopes(5, signer: signer)
        #expect(verify(envelopes, keys: [key]).firstBreak == nil)
        #expect(verify(envelopes, keys: [key]).verified == 5)
        #expect(verify(envelopes).signed == 5)
        #expect(verify(envelopes, keys: [RecordSigner().publicKey]).firstBreak?.fault == .unknownKey(key.id))
        #expect(verify(self.envelopes(5), keys: [key]).firstBreak?.fault == .unsigned)
        let changes: [(inout RecordEnvelope) -> Void] = [
            { $0.payload = Array("{}".utf8) }, { $0.previous = nil }, { $0.signature?.value[5] ^= 1 },
            { $0.stream = StreamID() },
        ]
        for change in changes {
            var changed = envelopes
            change(&changed[4])
            #expect(verify(changed, keys: [key]).firstBreak?.fault == .wrongSignature(key.id))
        }
    }

    @Test func `keys are read from files`() throws {
        // From RFC 8410, section 10.
        let secret = """
            -----BEGIN PRIVATE KEY-----
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
            -----END PRIVATE KEY-----

            """
        let open = """
            -----BEGIN PUBLIC KEY-----
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
            -----END PUBLIC KEY-----

            """
        let signer = try #require(RecordSigner(file: Array(secret.utf8)))
        let key = try #require(RecordKey(file: Array(open.utf8)))
        #expect(signer.publicKey.id == key.id)
        #expect(key.pem == open)
        #expect(verify(envelopes(2, signer: signer), keys: [key]).verified == 2)
        #expect(RecordKey(file: Array(secret.utf8)) == nil)
        #expect(RecordKey(file: [1, 2, 3]) == nil)
    }

    @Test func `noise is survived`() {
        var random = SplitMix(seed: 1)
        let bytes = Array(envelopes(4).compactMap(\.line).joined())
        for _ in 0..<400 {
            var noisy = bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                noisy[Int.random(in: 0..<noisy.count, using: &random)] = .random(in: 0...255, using: &random)
            }
            let report = verify([noisy])
            #expect(report.records <= 4)
        }
    }
}
