// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import SensorCore

/// A writer that is killed while it writes, again and again.
@Suite struct StateLogKillTests {
    private let scratch: ScratchDirectory
    private static let rounds = getenv("SENSORD_THOROUGH_TESTS") == nil ? 6 : 100

    init() throws { scratch = try ScratchDirectory() }

    @Test func countsOutliveKills() async throws {
        let state = scratch.state
        let seen = scratch.path + "/seen"
        var random = SplitMix(seed: 11)
        var last: [String: UInt64] = [:]
        for round in 0..<Self.rounds {
            // Every other one as early as while it opens, the rest in their work.
            let delay = Int.random(in: 0..<20_000_000, using: &random)
            let isEarly = round % 2 == 1
            await #expect(processExitsWith: .signal(SIGKILL)) {
                [state = state as String, seen = seen as String, delay = delay as Int, isEarly = isEarly as Bool] in
                Self.live(state, seen, killedAfter: delay, isEarly: isEarly)
            }
            // Without its writer: what is there must be what was seen.
            guard let log = try? StateLog(directory: state, boot: "b", limits: Self.limits, sync: .commit) else {
                // It was killed before it had made anything.
                continue
            }
            #expect(log.opening.isWhole, "round \(round)")
            let (report, counts) = try Self.check(seen)
            #expect(report.firstBreak == nil, "round \(round): \(report.firstBreak?.description ?? "")")
            #expect(report.streams.count <= 1)
            for (key, count) in log.entries.mapValues({ UInt64($0.prefix { $0 != " " }) ?? 0 }) {
                // What is not seen yet is still to be told.
                #expect(count >= counts[key] ?? 0, "round \(round): \(key) is too low")
                #expect(count >= last[key] ?? 0)
                last[key] = count
            }
            var told = counts
            for case .record(let envelope) in log.kept {
                let (key, count) = try #require(Self.fact(envelope.payload[...]))
                told[key] = max(told[key] ?? 0, count)
            }
            #expect(log.entries.mapValues { UInt64($0.prefix { $0 != " " }) ?? 0 } == told, "round \(round)")
        }
        unlink(seen)
        #expect(last.values.reduce(0, +) > 0)
    }

    private static var limits: StateLog.Limits {
        var limits = StateLog.Limits()
        limits.segment = 16 << 10
        return limits
    }

    /// The kernel kills us.
    private static func arm(_ nanoseconds: Int) {
        var event = sigevent()
        event.sigev_notify = Int32(SIGEV_SIGNAL)
        event.sigev_signo = SIGKILL
        var timer: timer_t?
        var time = itimerspec()
        time.it_value.tv_nsec = nanoseconds + 1
        guard timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 else { return }
        timer_settime(timer, 0, &time, nil)
    }

    /// Counts, tells each count in a record once it is kept, and never ends.
    private static func live(_ state: String, _ seen: String, killedAfter nanoseconds: Int, isEarly: Bool) {
        if isEarly { arm(nanoseconds / 10) }
        var isArmed = isEarly
        guard let log = try? StateLog(directory: state, boot: "b", limits: limits, sync: .commit) else { return }
        let file = open(seen, O_RDWR | O_CREAT | O_APPEND, 0o600)
        var last: UInt8 = 0
        let end = lseek(file, 0, SEEK_END)
        if end > 0, pread(file, &last, 1, end - 1) == 1, last != UInt8(ascii: "\n") { write(file, "\n", 1) }
        var stream = RecordStream(log.head)
        var counts = log.entries.mapValues { UInt64($0.prefix { $0 != " " }) ?? 0 }
        var random = SystemRandomNumberGenerator()
        while true {
            for case .record(let envelope) in log.kept {
                guard let line = envelope.line else { continue }
                write(file, line, line.count)
            }
            log.acknowledge(through: log.head.sequence)
            for key in ["a", "b", "c", "d"] where Bool.random(using: &random) {
                counts[key, default: 0] += 1
                let payload = Array(#"{"key":"\#(key)","count":"\#(counts[key] ?? 0)"}"#.utf8)
                if log.append(payload, to: &stream) == nil { return }
                log.change(Array(key.utf8))
            }
            let filling = String(repeating: ".", count: Int.random(in: 0..<2000, using: &random))
            let outcome = log.commit { key in
                Array("\(counts[String(decoding: key, as: UTF8.self)] ?? 0) \(filling)".utf8)
            }
            if outcome == .failed { return }
            if !isArmed { arm(nanoseconds) }
            isArmed = true
        }
    }

    private static func check(_ seen: String) throws -> (VerifierReport, [String: UInt64]) {
        var verifier = StreamVerifier()
        let bytes = ScratchDirectory.read(seen)
        verifier.feed(bytes)
        var counts: [String: UInt64] = [:]
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            guard let payload = line.withUnsafeBytes({ (try? EnvelopeLine($0))?.payload }) else { continue }
            let (key, count) = try #require(fact(line[(line.startIndex + payload.lowerBound)...]))
            counts[key] = max(counts[key] ?? 0, count)
        }
        return (verifier.finish(), counts)
    }

    private static func fact(_ payload: ArraySlice<UInt8>) -> (String, UInt64)? {
        let parts = payload.split(separator: UInt8(ascii: "\""))
        guard parts.count >= 8, let count = UInt64(String(decoding: parts[7], as: UTF8.self)) else { return nil }
        return (String(decoding: parts[3], as: UTF8.self), count)
    }
}
