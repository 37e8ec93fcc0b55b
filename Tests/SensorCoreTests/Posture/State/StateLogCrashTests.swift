// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import SensorCore

/// What is left of a log whose writer, or disk, or file has suffered.
@Suite struct StateLogCrashTests {
    private let scratch: ScratchDirectory
    /// Each byte, not one of some.
    private static let isThorough = getenv("SENSORD_THOROUGH_TESTS") != nil

    init() throws { scratch = try ScratchDirectory() }

    @Test(arguments: isThorough ? 1...5 : 1...1 as ClosedRange<UInt64>)
    func `a crash at any byte leaves one commit or the next`(seed: UInt64) throws {
        let run = try ScriptedRun(scratch, commits: Self.isThorough ? 40 : 12, seed: seed)
        var opened = 0
        for (index, commit) in run.commits.enumerated() {
            guard let name = commit.files.keys.filter({ $0.hasSuffix(".log") }).max(), let bytes = commit.files[name]
            else { continue }
            let before = index == 0 ? nil : run.commits[index - 1]
            let start = before?.files[name]?.count ?? 0
            guard start < bytes.count else { continue }
            for length in stride(from: start, through: bytes.count, by: Self.isThorough ? 1 : 19) {
                var files = before?.files ?? [:]
                files[name] = Array(bytes[..<length])
                scratch.replace(files)
                let log = try scratch.log(ScriptedRun.limits)
                let expected = length == bytes.count ? commit : before
                #expect(log.entries == expected?.entries ?? [:])
                #expect(log.opening.isWhole)
                if let expected {
                    #expect(log.head == expected.head)
                    #expect(log.acknowledged == expected.acknowledged)
                    #expect(holes(log).isEmpty)
                }
                #expect(log.commit(["new": "value"]) != .failed)
                opened += 1
            }
            // What is left is as good as before.
            let again = try scratch.log(ScriptedRun.limits)
            #expect(again.entries["new"] == "value")
            #expect(again.opening.isWhole)
        }
        #expect(opened > 50)
    }

    @Test(arguments: isThorough ? 1...10 : 1...1 as ClosedRange<UInt64>)
    func `damage loses a tick of a subject and says which`(seed: UInt64) throws {
        let run = try ScriptedRun(scratch, commits: 40, seed: seed, hasRemovals: false)
        let last = try #require(run.commits.last)
        var random = SplitMix(seed: seed)
        for _ in 0..<(Self.isThorough ? 500 : 20) {
            var files = last.files
            guard let name = files.keys.filter({ $0.hasSuffix(".log") }).sorted().randomElement(using: &random) else {
                return
            }
            let place = Int.random(in: 0..<(files[name]?.count ?? 1), using: &random)
            files[name]?[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            scratch.replace(files)
            try check(run, "\(name) at \(place)")
        }
    }

    @Test func `damage of many bytes is said`() throws {
        let run = try ScriptedRun(scratch, commits: 40, seed: 7, hasRemovals: false)
        let last = try #require(run.commits.last)
        var random = SplitMix(seed: 7)
        for _ in 0..<(Self.isThorough ? 3000 : 20) {
            var files = last.files
            guard let name = files.keys.filter({ $0.hasSuffix(".log") }).sorted().randomElement(using: &random),
                let size = files[name]?.count
            else { return }
            let start = Int.random(in: 0..<size, using: &random)
            for place in start..<min(size, start + .random(in: 1...600, using: &random)) {
                files[name]?[place] = .random(in: 0...255, using: &random)
            }
            scratch.replace(files)
            let log = try scratch.log(ScriptedRun.limits)
            checkStream(log, run, "\(name) from \(start)")
            for (key, value) in log.entries {
                #expect(run.history[key]?.contains(value) == true)
                if value != last.entries[key] {
                    #expect(!log.opening.lostEntries.isEmpty || log.opening.lostFrames > 0)
                }
            }
            if log.entries.count < last.entries.count {
                #expect(log.opening.missingEntries > 0 || log.opening.stream == .renewed)
            }
        }
    }

    @Test func `segments may change their names`() throws {
        let run = try ScriptedRun(scratch, commits: 60, seed: 3)
        let last = try #require(run.commits.last)
        let names = last.files.keys.filter { $0.hasSuffix(".log") }.sorted()
        try #require(names.count >= 2)
        for first in names {
            for second in names where first < second {
                var files = last.files
                (files[first], files[second]) = (files[second], files[first])
                scratch.replace(files)
                let log = try scratch.log(ScriptedRun.limits)
                #expect(log.entries == last.entries)
                #expect(log.head == last.head)
                #expect(holes(log).isEmpty)
                #expect(log.opening.damagedFiles.count >= 2)
            }
            // A copy of what was there before.
            var files = last.files
            files["00000999.log"] = files[first]
            scratch.replace(files)
            var log: StateLog? = try scratch.log(ScriptedRun.limits)
            #expect(log?.entries == last.entries)
            #expect(log?.head == last.head)
            for _ in 0..<6 { #expect(log?.commit(["new": "value"]) != .failed) }
            log = nil
            log = try scratch.log(ScriptedRun.limits)
            #expect(log?.opening.damagedFiles == [])
            #expect(scratch.files.keys.contains { $0.hasSuffix(".damaged") })
        }
    }

    @Test func `a lost directory begins another stream`() throws {
        let run = try ScriptedRun(scratch, commits: 40, seed: 5)
        let last = try #require(run.commits.last)
        scratch.replace([:])
        let empty = try scratch.log()
        #expect(empty.opening.stream == .new)
        #expect(empty.head.id != last.head.id)
        // The newest segment is gone.
        var files = last.files
        let newest = try #require(files.keys.filter { $0.hasSuffix(".log") }.max())
        files[newest] = nil
        let other = try ScratchDirectory()
        other.replace(files)
        let log = try other.log(ScriptedRun.limits)
        #expect(log.opening.stream == .renewed)
        #expect(log.head.id != last.head.id)
    }

    @Test func `removed segments that come back are garbage`() throws {
        var log: StateLog? = try scratch.log(ScriptedRun.limits)
        #expect(log?.commit(["a": "1", "b": "2"]) != .failed)
        let first = try #require(scratch.files["00000001.log"])
        for number in 0..<60 {
            var values: [String: String?] = ["b": "\(number)" + String(repeating: ".", count: 200)]
            if number == 10 { values["a"] = .some(nil) }
            #expect(log?.commit(values) != .failed)
        }
        log = nil
        var files = scratch.files
        #expect(files["00000001.log"] == nil)
        files["00000001.log"] = first
        scratch.replace(files)
        log = try scratch.log(ScriptedRun.limits)
        #expect(log?.entries.keys.sorted() == ["b"])
        #expect(log?.opening.isWhole == true)
        #expect(scratch.files["00000001.log"] == nil)
    }

    @Test func `damage while it is open is noticed when it is read`() throws {
        let log = try scratch.log(ScriptedRun.limits)
        #expect(log.commit(["a": "first"]) != .failed)
        #expect(log.commit(["a": "second"]) != .failed)
        var files = scratch.files
        let bytes = try #require(files["00000001.log"])
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: "second".utf8) })
        files["00000001.log"]?[place] ^= 1
        scratch.replace(files)
        #expect(log.entries == ["a": "first"])
        #expect(log.statistics.damagedEntries == 1)
        #expect(log.commit(["b": "third"]) != .failed)
        #expect(log.entries == ["a": "first", "b": "third"])
        #expect(scratch.files.keys.contains("00000001.damaged"))
    }

    @Test func `damaged files are kept aside but not all`() throws {
        var limits = ScriptedRun.limits
        limits.damagedFiles = 2
        for round in 0..<5 {
            var log: StateLog? = try scratch.log(limits)
            #expect(log?.opening.damagedFiles.count == (round == 0 ? 0 : 1))
            for number in 0..<4 { #expect(log?.commit(["a": "\(round)-\(number)"]) != .failed) }
            #expect(log?.entries == ["a": "\(round)-3"])
            log = nil
            var files = scratch.files
            let newest = try #require(files.keys.filter { $0.hasSuffix(".log") }.max())
            files[newest]?[200] ^= 1
            scratch.replace(files)
        }
        #expect(scratch.files.keys.filter { $0.hasSuffix(".damaged") }.count == 2)
    }

    private func holes(_ log: StateLog) -> [ClosedRange<UInt64>] {
        log.kept.compactMap { if case .hole(let range, _) = $0 { range } else { nil } }
    }

    /// One bit was changed.
    private func check(_ run: ScriptedRun, _ what: String) throws {
        guard let last = run.commits.last else { return }
        let log = try scratch.log(ScriptedRun.limits)
        checkStream(log, run, what)
        let lost = Set(log.opening.lostEntries.map { String(decoding: $0.key, as: UTF8.self) })
        for (key, value) in last.entries {
            let history = run.history[key] ?? []
            let found = log.entries[key]
            if found == value { continue }
            #expect(lost.contains(key) || log.opening.lostFrames > 0, "\(what): \(key) was lost silently")
            // Of a value that is the first there is no older one.
            #expect(found == (history.count < 2 ? nil : history[history.count - 2]), "\(what): \(key)")
        }
        #expect(lost.count <= 1)
        // It goes on, and then nothing is damaged any more.
        let damaged = log.opening.damagedFiles.count
        for _ in 0..<(damaged + 2) { #expect(log.commit(["new": "value"]) != .failed) }
        #expect(log.segments.allSatisfy { !$0.isDamaged }, "\(what)")
    }

    /// No sequence comes twice, and what was not acknowledged is there or is a hole.
    private func checkStream(_ log: StateLog, _ run: ScriptedRun, _ what: String) {
        guard let last = run.commits.last else { return }
        if log.opening.stream == .renewed {
            #expect(log.head.id != last.head.id)
            return
        }
        #expect(log.head.id == last.head.id, "\(what)")
        #expect(log.head.sequence >= last.head.sequence, "\(what): the stream goes back")
        if log.head.sequence == last.head.sequence {
            #expect(log.head.digest == nil || log.head.digest == last.head.digest)
        }
        var next = log.acknowledged + 1
        #expect(next <= last.acknowledged + 1)
        for kept in log.kept {
            switch kept {
            case .record(let envelope):
                #expect(envelope.sequence == next)
                #expect(envelope.payload == run.payloads[envelope.sequence])
                next += 1
            case .hole(let range, _):
                #expect(range.lowerBound == next)
                #expect(log.opening.lostRecords.contains(range), "\(what)")
                next = range.upperBound + 1
            }
        }
        #expect(next == log.head.sequence + 1, "\(what)")
    }
}
