// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

@Suite struct CoverageTests {
    private let second: UInt64 = 1_000_000_000
    private let now: UInt64 = 1_800_000_000_000_000_000

    private func loss(_ kind: EventKind?) -> LossLedger.Key {
        LossLedger.Key(
            cgroup: 42, hook: Via.sysExit.rawValue, reason: LossReason.ringFull.rawValue, kind: kind?.rawValue ?? 0)
    }

    private func rows(_ book: CoverageBook) -> [[String]] {
        book.messages().map { [$0.container, $0.discipline, $0.kind, $0.state] }
    }

    @Test func `nothing lost is complete, and what only agents tell of is not watched until one does`() {
        var book = CoverageBook()
        book.observe("c1", at: now, elapsed: 10 * second, announcesCalls: false)
        let states = rows(book)
        #expect(states.contains(["c1", "behavioral", "", "complete"]))
        #expect(states.contains(["c1", "behavioral", "tool", "not_watched"]))
        #expect(states.contains(["c1", "model", "library", "complete"]))
        #expect(states.contains(["c1", "behavioral", "context", "not_watched"]))
        book.observe("c1", at: now + 10 * second, elapsed: 10 * second, announcesCalls: true)
        #expect(!rows(book).contains { $0[2] == "tool" } && rows(book).contains(["c1", "behavioral", "", "complete"]))
        // Of what agents alone say nothing is ever complete.
        #expect(rows(book).contains(["c1", "model", "", "not_watched"]))
        #expect(book.messages().allSatisfy { $0.observedSeconds == 20 })
    }

    @Test func `of what runs in another kernel nothing is claimed but what it says itself`() throws {
        var book = CoverageBook()
        book.observe("c1", at: now, elapsed: 10 * second, announcesCalls: true)
        func isNews() -> Bool { book.takeNews() }
        book.isBehind("RuntimeClass gvisor", "c1", at: now)
        #expect(isNews())
        book.isBehind("RuntimeClass gvisor", "c1", at: now + 1)
        #expect(!isNews())
        for discipline in ["behavioral", "identity"] {
            let row = try #require(book.messages().first { $0.discipline == discipline && $0.kind.isEmpty })
            #expect(row.state == "blind" && row.why.contains("another kernel (RuntimeClass gvisor)"))
        }
        #expect(rows(book).contains(["c1", "model", "library", "blind"]))
        #expect(rows(book).contains(["c1", "behavioral", "tool", "complete"]))
        // Of one container it is said, of all together as well.
        book.observe("c2", at: now, elapsed: 10 * second, announcesCalls: true)
        #expect(rows(book).contains(["c2", "behavioral", "", "complete"]))
        #expect(book.summary().first { $0.discipline == "behavioral" && $0.kind.isEmpty }?.state == "blind")
    }

    @Test func `another kernel is known by the name of a RuntimeClass, or by what is executed`() {
        for name in ["gvisor", "kata-qemu", "Kata-CLH", "runsc"] {
            #expect(OtherKernel.name(ofRuntimeClass: name) == "RuntimeClass \(name)")
        }
        for name in ["", "runc", "nvidia", "crun", "wasmtime"] {
            #expect(OtherKernel.name(ofRuntimeClass: name) == nil)
        }
        #expect(OtherKernel.name(ofExecutable: "/usr/local/bin/runsc") == "runsc")
        #expect(OtherKernel.name(ofExecutable: "/usr/bin/qemu-system-x86_64") == "qemu-system-x86_64")
        for path in ["/usr/bin/qemu-img", "/bin/sh", "", "/runsc/sh"] as [ByteString] {
            #expect(OtherKernel.name(ofExecutable: path) == nil)
        }
    }

    @Test func `what is done for calls that spans tell of is no fact, and is not watched`() throws {
        var book = CoverageBook()
        book.observe("c1", at: now, elapsed: 10 * second, announcesCalls: false, sendsSpans: true)
        let row = try #require(book.messages().first { $0.kind == "effect" })
        #expect(row.state == "not_watched" && row.why.contains("spans"))
        #expect(!rows(book).contains { $0[2] == "tool" })
        book.observe("c1", at: now, elapsed: 10 * second, announcesCalls: true)
        #expect(!rows(book).contains { $0[2] == "effect" })
        book.observe("c2", at: now, elapsed: 10 * second, announcesCalls: false, sendsSpans: true)
        let all = book.summary()
        #expect(all.first { $0.kind == "effect" }?.state == "not_watched" && !all.contains { $0.kind == "tool" })
    }

    @Test func `what is missing is news once, in whatever container, and is told though no fact has changed`() throws {
        var book = CoverageBook()
        book.observe("c1", at: now, elapsed: 10 * second, announcesCalls: true)
        func isNews() -> Bool { book.takeNews() }
        #expect(!isNews())
        book.lose(loss(.fileOpen), count: 2, of: "c1", at: now)
        #expect(isNews())
        #expect(!isNews())
        book.lose(loss(.fileOpen), count: 2, of: "c2", at: now)
        #expect(!isNews())
        book.lose(loss(.networkConnect), count: 2, of: "", at: now, isOwn: false)
        #expect(!isNews(), "the node's coverage says it")
        book.lose(loss(.networkConnect), count: 2, of: "c2", at: now)
        #expect(isNews())
        book.miss("io_uring unlinkat", count: 1, of: "c1", at: now)
        #expect(isNews())
        book.lower("too much", of: "c1", [.fileOpen], from: now, to: now)
        #expect(isNews())
        book.lower("too much", of: "c1", [.fileOpen], from: now, to: now + second)
        #expect(!isNews())
        for number in 0..<10_000 as Range<UInt64> {
            book.lower("too much", of: "c1", [.fileOpen], from: now + number, to: now + number)
            _ = isNews()
        }
        book.lower("too much", of: "c1", [.fileOpen], from: now + 20_000, to: now + 20_000)
        #expect(!isNews(), "what is remembered has a bound")
    }

    @Test func `of what was not whole before many restarts nothing is forgotten, and little is told`() throws {
        var known = CoverageBook()
        known.restart(from: now, to: now + second)
        for number in 0..<50 {
            known.observe("c\(number)", at: now, elapsed: second, announcesCalls: true)
            known.lose(loss(.fileOpen), count: 2, of: "c\(number)", at: now)
        }
        for round in 1...30 as ClosedRange<UInt64> {
            var next = CoverageBook()
            next.restore(known.messages())
            next.restart(from: now + round * second, to: now + (round + 1) * second)
            known = next
        }
        let rows = known.messages()
        #expect(rows.count <= 64)
        let reasons = Set(rows.flatMap { row in row.lost.map(\.reason) })
        #expect(reasons == ["killed", "ring_full"])
        let files = rows.filter { $0.kind == "file" }.flatMap(\.lost).filter { $0.reason == "ring_full" }
        #expect(files.reduce(0) { $0 + $1.count } == 100)
        let killed = rows.filter { $0.discipline == "behavioral" && $0.lost.contains { $0.reason == "killed" } }
        #expect(killed.map(\.from.nanosecondsSince1970).min() == now)
        #expect(killed.map(\.to.nanosecondsSince1970).max() == now + 31 * second)
    }

    @Test func `a loss taints the kinds that it may have been of, in its container alone`() throws {
        var book = CoverageBook()
        for container in ["c1", "c2"] {
            book.observe(container, at: now, elapsed: second, announcesCalls: true)
        }
        book.lose(loss(.fileOpen), count: 3, of: "c1", at: now)
        let lossy = rows(book).filter { $0[3] == "lossy" }
        #expect(
            Set(lossy) == [
                ["c1", "behavioral", "file", "lossy"], ["c1", "behavioral", "effect", "lossy"],
                ["c1", "identity", "credential", "lossy"],
            ])
        let row = try #require(book.messages().first { $0.kind == "file" })
        #expect(row.lost.map { [$0.hook, $0.reason, "\($0.count)"] } == [["sys_exit", "ring_full", "3"]])
        book.lose(loss(nil), count: 1, of: "c2", at: now)
        #expect(
            rows(book).filter { $0[0] == "c2" && $0[3] == "complete" }.allSatisfy {
                ["hop", "model", "catalog"].contains($0[2])
            })
    }

    @Test func `of all containers together the worst is true`() throws {
        var book = CoverageBook()
        for container in ["c1", "c2"] {
            book.observe(container, at: now, elapsed: 5 * second, announcesCalls: container == "c1")
        }
        book.lose(loss(.fileOpen), count: 3, of: "c1", at: now)
        let rows = book.summary()
        #expect(rows.allSatisfy { $0.container.isEmpty && $0.observedSeconds == 10 })
        #expect(rows.first { $0.kind == "file" }?.state == "lossy")
        #expect(rows.first { $0.kind == "tool" }?.state == "not_watched")
    }

    @Test func `what nobody knows whose it was taints, and makes nobody silent who announces`() {
        var book = CoverageBook()
        book.observe("c1", at: now, elapsed: second, announcesCalls: true)
        book.lose(loss(.fileOpen), count: 1, of: "", at: now)
        let rows = book.summary()
        #expect(rows.first { $0.kind == "file" }?.state == "lossy")
        #expect(!rows.contains { $0.kind == "tool" && $0.state == "not_watched" })
    }

    @Test func `what was done out of sight makes blind, whatever else is known`() {
        var book = CoverageBook()
        book.observe("c1", at: now, elapsed: second, announcesCalls: true)
        book.miss("compat", count: 2, of: "c1", at: now)
        let row = book.messages().first { $0.discipline == "behavioral" && $0.state == "blind" }
        #expect(row?.why == "compat")
    }

    @Test func `many containers that are gone are told together, and no loss is forgotten`() {
        var book = CoverageBook()
        for number in 0..<500 {
            book.observe("c\(number)", at: now + UInt64(number) * second, elapsed: second, announcesCalls: false)
            book.lose(loss(.fileOpen), count: 1, of: "c\(number)", at: now)
        }
        #expect(book.accounts.count <= 129)
        #expect(book.accounts.values.reduce(0) { $0 + $1.lost.values.reduce(0, +) } == 500)
        #expect(book.accounts.values.reduce(0) { $0 + $1.observed } == 500 * second)
    }

    @Test
    func `of whom less was told nothing is complete, since when and until now, in one row however often it is said`()
        throws
    {
        var book = CoverageBook()
        book.observe("c1", at: now, elapsed: 10 * second, announcesCalls: true)
        for tick in 1...100 as ClosedRange<UInt64> {
            book.lower("too much", of: "c1", [.fileOpen], from: now, to: now + tick * second)
        }
        let row = try #require(book.messages().first { $0.why == "too much" })
        #expect(row.state == "lossy" && row.lost.first?.reason == "overload" && row.discipline == "behavioral")
        #expect(row.from.nanosecondsSince1970 == now && row.to.nanosecondsSince1970 == now + 100 * second)
        #expect(book.messages().count { $0.why == "too much" } == Discipline.allCases.count)
        book.lower("too much", of: "c1", [.fileOpen], from: now + 200 * second, to: now + 200 * second)
        #expect(book.messages().count { $0.why == "too much" } == 2 * Discipline.allCases.count)
        #expect(book.messages().contains { $0.container == "c1" && $0.kind == "file" && $0.state == "lossy" })
        // It outlives a restart.
        var next = CoverageBook()
        next.restore(book.messages())
        #expect(next.messages().contains { $0.why == "too much" && $0.state == "lossy" })
    }
}
