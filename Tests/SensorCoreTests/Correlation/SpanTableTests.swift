// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct SpanTableTests {
    private func call(
        _ id: String, _ begin: UInt64, _ end: UInt64, within: [String] = [], received: UInt64 = 1000
    ) -> SpanCall {
        SpanCall(
            trace: "t", span: "s-\(id)", ancestors: within.map { "s-\($0)" }, id: id, name: "tool", session: "",
            status: "ok", error: "", service: "", agentName: "", agentID: "", agentVersion: "", begin: begin, end: end,
            received: received, process: 1, cgroup: 42)
    }

    private func deed(_ sequence: UInt64, at time: UInt64) -> SpanTable.Deed {
        SpanTable.Deed(sequence: sequence, time: time, kind: .fileOpen, detail: .none)
    }

    private func table(since: UInt64 = 0, _ change: (inout SpanTable.Limits) -> Void = { _ in }) -> Table {
        var limits = SpanTable.Limits()
        limits.settling = 100
        change(&limits)
        return Table(since, limits)
    }

    /// One that expectations can ask.
    private final class Table {
        private var table: SpanTable

        init(_ since: UInt64, _ limits: SpanTable.Limits) { table = SpanTable(since: since, limits: limits) }

        var nextDeadline: UInt64 { table.nextDeadline }

        func keep(_ deed: SpanTable.Deed, of workload: UInt64) { table.keep(deed, of: workload) }
        func add(_ call: SpanCall, of workload: UInt64?) -> Bool { table.add(call, of: workload) }
        func settle(at time: UInt64) -> [SpanTable.Settled] { table.settle(at: time) }
        func takeOverdue() -> [SpanTable.Settled] { table.takeOverdue() }
        func tick(at time: UInt64) { table.tick(at: time) }
    }

    /// `a: 1 window, 2 candidates a b`, in the order of the calls.
    private func text(_ settled: [SpanTable.Settled]) -> [String] {
        settled.map { settled in
            settled.call.id + ":"
                + settled.effects.map { effect in
                    " \(effect.deed.sequence) "
                        + ([effect.method.rawValue] + effect.candidates).joined(separator: " ")
                }.joined(separator: ",")
        }
    }

    @Test func `what was done while one call was under way is its, by time`() {
        let table = self.table()
        for (sequence, time) in [(1, 9), (2, 10), (3, 15), (4, 20), (5, 21)] as [(UInt64, UInt64)] {
            table.keep(deed(sequence, at: time), of: 7)
            table.keep(deed(sequence + 10, at: time), of: 8)
        }
        #expect(table.add(call("a", 10, 20), of: 7))
        #expect(table.nextDeadline == 1100)
        #expect(table.settle(at: 1099).isEmpty)
        let settled = table.settle(at: 1100)
        #expect(text(settled) == ["a: 2 window, 3 window, 4 window"])
        #expect(settled.first?.count == 3)
        #expect(settled.first?.isIncomplete == false)
        #expect(table.nextDeadline == .max)
    }

    @Test func `what several cover is nobody's alone, whichever comes first`() {
        let table = self.table()
        for time in [11, 16, 22] as [UInt64] { table.keep(deed(time, at: time), of: 7) }
        #expect(table.add(call("a", 10, 20), of: 7))
        #expect(table.add(call("b", 15, 25, received: 1090), of: 7))
        #expect(
            text(table.settle(at: 1200)) == [
                "a: 11 window, 16 candidates a b", "b: 16 candidates b a, 22 window",
            ])
    }

    @Test func `what was told as one call's alone is one of both for a call that is told of later`() {
        let table = self.table()
        table.keep(deed(1, at: 15), of: 7)
        #expect(table.add(call("short", 14, 16), of: 7))
        #expect(text(table.settle(at: 1200)) == ["short: 1 window"])
        #expect(table.add(call("long", 10, 20, received: 1300), of: 7))
        #expect(text(table.settle(at: 1400)) == ["long: 1 candidates long short"])
    }

    @Test func `of many that it could have been some are listed, the others counted`() throws {
        let table = self.table { $0.candidates = 2 }
        table.keep(deed(1, at: 15), of: 7)
        for name in ["a", "b", "c", "d"] { #expect(table.add(call(name, 10, 20), of: 7)) }
        let effect = try #require(table.settle(at: 1200).first?.effects.first)
        #expect(effect.candidates == ["a", "b"] && effect.candidatesLeftOut == 2)
    }

    @Test func `spans of another workload cover nothing here`() {
        let table = self.table()
        table.keep(deed(1, at: 15), of: 7)
        #expect(table.add(call("a", 10, 20), of: 7))
        #expect(table.add(call("b", 10, 20), of: 8))
        #expect(text(table.settle(at: 1200)) == ["a: 1 window", "b:"])
    }

    @Test func `what was done within an inner call is that call's alone`() {
        let table = self.table()
        for time in [11, 16, 19] as [UInt64] { table.keep(deed(time, at: time), of: 7) }
        #expect(table.add(call("inner", 15, 17, within: ["outer"]), of: 7))
        #expect(table.add(call("outer", 10, 20), of: 7))
        #expect(text(table.settle(at: 1200)) == ["inner: 16 window", "outer: 11 window, 19 window"])
    }

    @Test func `a span that is sent twice is told once`() {
        let table = self.table()
        #expect(table.add(call("a", 10, 20), of: 7))
        #expect(!table.add(call("a", 10, 20), of: 7))
        // Another workload's with the same ids is another's.
        #expect(table.add(call("a", 10, 20), of: 8))
        #expect(table.settle(at: 2000).count == 2)
    }

    @Test func `who sends many spans has nobody else's told twice`() {
        let table = self.table { ($0.spans, $0.life) = (8, 2000) }
        #expect(table.add(call("a", 10, 20), of: 8))
        for number in 0..<100 { #expect(table.add(call("\(number)", 10, 20, received: 2500), of: 7)) }
        table.tick(at: 2600)
        #expect(!table.add(call("a", 10, 20, received: 2600), of: 8))
        #expect(!table.add(call("99", 10, 20, received: 2600), of: 7))
        // It is known as long as if it were kept.
        table.tick(at: 3001)
        #expect(table.add(call("a", 10, 20, received: 3001), of: 8))
        #expect(!table.add(call("99", 10, 20, received: 3001), of: 7))
    }

    @Test func `of more spans than may be known whoever has sent most forgets his earliest`() {
        let table = self.table { ($0.told, $0.toldOfWorkload) = (20, 16) }
        for id in ["a", "b"] { #expect(table.add(call(id, 10, 20), of: 8)) }
        for number in 0..<17 { #expect(table.add(call("\(number)", 10, 20), of: 7)) }
        // Also those that are nobody's.
        for number in 0..<10 { #expect(table.add(call("\(number)", 10, 20), of: nil)) }
        for id in ["a", "b"] { #expect(!table.add(call(id, 10, 20), of: 8)) }
        #expect(!table.add(call("16", 10, 20), of: 7))
        #expect(table.add(call("0", 10, 20), of: 7))
    }

    @Test func `nothing is joined to a call of which it is not known whose it is`() {
        let table = self.table()
        table.keep(deed(1, at: 15), of: 7)
        #expect(table.add(call("a", 10, 20), of: nil))
        #expect(text(table.settle(at: 2000)) == ["a:"])
    }

    @Test func `a call whose time goes back beyond what was kept says so`() {
        let table = self.table { $0.deedsOfWorkload = 8 }
        for time in 1...9 as ClosedRange<UInt64> { table.keep(deed(time, at: time), of: 7) }
        #expect(table.add(call("a", 1, 20), of: 7))
        #expect(table.add(call("b", 3, 20), of: 7))
        let settled = table.settle(at: 2000)
        #expect(settled.map(\.isIncomplete) == [true, false])
        #expect(settled.map(\.count) == [8, 7])
    }

    @Test func `a call that began before anybody watched says so`() {
        let table = self.table(since: 12)
        #expect(table.add(call("a", 10, 20), of: 7))
        #expect(table.add(call("b", 12, 20), of: 7))
        #expect(table.settle(at: 2000).map(\.isIncomplete) == [true, false])
    }

    @Test func `who keeps most pays for what is too much`() {
        let table = self.table { $0.deeds = 100 }
        for time in 1...10 as ClosedRange<UInt64> { table.keep(deed(time, at: time), of: 8) }
        for time in 1...500 as ClosedRange<UInt64> { table.keep(deed(time, at: time), of: 7) }
        #expect(table.add(call("a", 1, 1000), of: 7))
        #expect(table.add(call("b", 1, 1000), of: 8))
        let settled = table.settle(at: 2000)
        #expect(settled.map(\.isIncomplete) == [true, false])
        #expect(settled[1].count == 10)
        #expect(settled[0].count <= 90 && settled[0].count > 60)
    }

    @Test func `listed is no more than may be, and counted all of it`() {
        let table = self.table { ($0.effects, $0.candidates) = (3, 2) }
        for time in 11...18 as ClosedRange<UInt64> { table.keep(deed(time, at: time), of: 7) }
        for id in ["a", "b", "c"] { #expect(table.add(call(id, 10, 20), of: 7)) }
        let settled = table.settle(at: 2000)
        #expect(settled.map(\.count) == [8, 8, 8])
        #expect(text(settled)[0] == "a: 11 candidates a b, 12 candidates a b, 13 candidates a b")
    }

    @Test func `where spans had to go nothing is called one call's alone`() {
        let table = self.table { $0.spansOfWorkload = 1 }
        for time in [5, 25] as [UInt64] { table.keep(deed(time, at: time), of: 7) }
        #expect(table.add(call("a", 1, 10), of: 7))
        #expect(table.add(call("b", 2, 12), of: 7))
        #expect(table.add(call("c", 20, 30), of: 7))
        #expect(text(table.settle(at: 2000)) == ["a: 5 candidates a", "b: 5 candidates b", "c: 25 window"])
    }

    @Test func `some are settled at a time, in the order in which they came, and the rest with the next`() {
        let table = self.table()
        table.keep(deed(1, at: 15), of: 7)
        for number in 0..<100 { #expect(table.add(call("\(number)", 10, 20), of: 7)) }
        var counts: [Int] = []
        var settled: [String] = []
        while table.nextDeadline <= 2000 {
            let calls = table.settle(at: 2000)
            counts.append(calls.count)
            settled += calls.map(\.call.id)
        }
        #expect(counts == [32, 32, 32, 4])
        #expect(settled == (0..<100).map(String.init))
        #expect(table.settle(at: 2000).isEmpty)
    }

    @Test func `of as much as may be kept, and as many spans as are looked at, each is still told of`() throws {
        let table = self.table()
        for time in 1...2048 as ClosedRange<UInt64> { table.keep(deed(time, at: time), of: 7) }
        for number in 0...64 { #expect(table.add(call("\(number)", 1, 2048), of: 7)) }
        #expect(table.add(call("inner", 2000, 2048, within: ["0"]), of: 7))
        let settled = try #require(table.settle(at: 2000).first)
        #expect(settled.count == 1999 && settled.counts == [.fileOpen: 1999] && !settled.isIncomplete)
        #expect(settled.effects.map(\.deed.sequence) == Array(1...64))
        for effect in settled.effects {
            #expect(effect.candidates == ["0"] + (1...64).map(String.init).sorted().prefix(15))
            #expect(effect.candidatesLeftOut == 49)
        }
    }

    @Test func `of more than may wait the earliest does not, and says that it is not whole`() {
        let table = self.table { $0.waitingOfWorkload = 2 }
        table.keep(deed(1, at: 15), of: 7)
        for id in ["a", "b", "c"] { #expect(table.add(call(id, 10, 20), of: 7)) }
        #expect(table.add(call("d", 10, 20), of: 8))
        let overdue = table.takeOverdue()
        #expect(overdue.map(\.call.id) == ["a"])
        #expect(overdue.map(\.isIncomplete) == [true])
        #expect(overdue.map(\.count) == [0])
        #expect(table.takeOverdue().isEmpty)
        // It was under way all the same.
        #expect(text(table.settle(at: 2000)) == ["b: 1 candidates b a c", "c: 1 candidates c a b", "d:"])
    }

    @Test func `of more than may wait in all whoever has most of them pays`() {
        let table = self.table { $0.waiting = 10 }
        for id in ["a", "b"] { #expect(table.add(call(id, 10, 20), of: 7)) }
        for number in 0..<50 { #expect(table.add(call("\(number)", 10, 20), of: 8)) }
        #expect(table.takeOverdue().map(\.call.id) == (0..<42).map(String.init))
        #expect(table.settle(at: 2000).map(\.call.id) == ["a", "b"] + (42..<50).map(String.init))
    }

    @Test func `in time it is forgotten`() {
        let table = self.table { $0.life = 1000 }
        table.keep(deed(1, at: 15), of: 7)
        #expect(table.add(call("a", 10, 20), of: 7))
        _ = table.settle(at: 1100)
        table.tick(at: 1500)
        #expect(!table.add(call("a", 10, 20), of: 7))
        table.tick(at: 2001)
        #expect(table.add(call("a", 10, 20, received: 2001), of: 7))
        #expect(text(table.settle(at: 3000)) == ["a:"])
    }
}
