// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// What follows from a profile as a whole.
@Suite struct ProfileAssessmentTests {
    private static let days: UInt64 = 30

    /// What a service does each day, and for a tool.
    private func sample() -> SamplePosture {
        var sample = SamplePosture("web", hours: 24 * Self.days)
        sample.watch(0..<24 * Self.days)
        for name in ["a", "b", "c", "d", "e", "f"] {
            sample.add(FactKey(.file, ByteString("/app/\(name)"), "READ"), count: 30)
            sample.add(FactKey(.effect, "read_file", "file", ByteString("/app/\(name)"), "READ"), count: 30)
        }
        return sample
    }

    private func assessment(of sample: SamplePosture) throws -> ProfileAssessment {
        ProfileAssessment(try sample.snapshot.profile, at: sample.now - 1)
    }

    private func behavioral(_ assessment: ProfileAssessment) throws -> ConvergenceEstimate {
        try #require(assessment.disciplines.first { $0.discipline == .behavioral }).estimate
    }

    @Test func `neither a discipline nor a tool has converged where there was no room for some of it`() throws {
        let whole = try assessment(of: sample())
        #expect(try behavioral(whole).state == .converged)
        #expect(whole.tools.map(\.name) == ["read_file"] && whole.tools[0].estimate.state == .converged)
        var full = sample()
        full.overflow(.effect, distinct: 9)
        let lossy = try assessment(of: full)
        #expect(try behavioral(lossy).state == .converging && behavioral(lossy).reason == .lossy)
        #expect(lossy.tools[0].estimate.state == .converging && lossy.tools[0].estimate.reason == .lossy)
        // Files that there was no room for may have been anything, but are none of what was done for a tool.
        var files = sample()
        files.overflow(.file, distinct: 9)
        #expect(try behavioral(assessment(of: files)).state == .converging)
        #expect(try assessment(of: files).tools[0].estimate.state == .converged)
    }

    @Test func `names that are made up anew each time are nothing new, other directories are`() throws {
        var (made, words, different) = (sample(), sample(), sample())
        for day in 0..<Self.days {
            for place in 0..<10 as Range<UInt64> {
                let number = day * 10 + place
                made.add(
                    FactKey(.file, ByteString("/app/cache/\(number)/a.json"), "READ"), from: day * 24, until: day * 24)
                let word = String(decoding: [97 + UInt8(number / 26), 97 + UInt8(number % 26)], as: UTF8.self)
                words.add(FactKey(.file, ByteString("/app/cache/\(word)"), "READ"), from: day * 24, until: day * 24)
                different.add(FactKey(.file, ByteString("/app/\(word)/x"), "READ"), from: day * 24, until: day * 24)
            }
        }
        #expect(try behavioral(assessment(of: made)).state == .converged)
        #expect(try behavioral(assessment(of: words)).state == .converged)
        #expect(try behavioral(assessment(of: different)).state == .learning)
        // All at one time, as a program's modules: each is one.
        var modules = sample()
        for number in 0..<200 {
            modules.add(FactKey(.file, ByteString("/app/lib/\(number)/a.py"), "READ"), from: 240, until: 240)
            let word = String(decoding: [97 + UInt8(number / 26), 97 + UInt8(number % 26)], as: UTF8.self)
            modules.add(FactKey(.file, ByteString("/app/lib/\(word).py"), "READ"), from: 240, until: 240)
        }
        #expect(Discovery.all(of: try modules.snapshot.profile.facts).count == 12 + 1 + 200)
    }
}
