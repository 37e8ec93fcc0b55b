// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct ProcessTableTests {
    private func facts(_ executable: String) -> ProcessFacts {
        var facts = ProcessFacts()
        facts.executable = ByteString(executable)
        return facts
    }

    private func key(_ pid: UInt32, _ start: UInt64) -> ProcessKey { ProcessKey(tgid: pid, start: start) }

    private func limits(_ change: (inout ProcessTable.Limits) -> Void = { _ in }) -> ProcessTable.Limits {
        var limits = ProcessTable.Limits()
        change(&limits)
        return limits
    }

    @Test func `a pid that comes back is another process, with a lineage of its own`() throws {
        var table = ProcessTable(bootID: "b")
        _ = table.exec(key(10, 1), parent: key(1, 1), facts: facts("/bin/first"), at: 1)
        _ = table.exit(key(10, 1), at: 2)
        _ = table.fork(key(10, 5), parent: key(2, 1), facts: facts("/bin/second"), at: 5)
        #expect(table.find(key(10, 1), at: 6)?.description.executable == "/bin/first")
        #expect(table.find(key(10, 5), at: 6)?.description.executable == "/bin/second")
        #expect(table.find(key(10, 0), at: 6)?.description.id == "b-10-5")
        #expect(table.find(key(10, 3), at: 6) == nil)
    }

    @Test func `the second process of a pid shows that the first has ended, should its exit be lost`() throws {
        var table = ProcessTable(bootID: "b")
        let first = table.exec(key(10, 1), parent: key(1, 1), facts: facts("/bin/first"), at: 1)
        _ = table.fork(key(10, 5), parent: key(1, 1), facts: facts("/bin/second"), at: 5)
        #expect(first.hasEnded)
    }

    @Test func `an ended process stays for late events, then goes`() {
        var table = ProcessTable(bootID: "b", limits: limits { $0.endedLife = 100 })
        _ = table.exec(key(10, 1), parent: key(1, 1), facts: facts("/bin/a"), at: 1)
        _ = table.exit(key(10, 1), at: 50)
        table.tick(at: 149)
        #expect(table.find(key(10, 1), at: 149) != nil)
        table.tick(at: 150)
        #expect(table.find(key(10, 1), at: 150) == nil)
        #expect(table.count == 0)
        #expect(table.evicted == 0)
    }

    @Test func `processes that were taken for ended and live are bounded like others`() {
        var table = ProcessTable(bootID: "b", limits: limits { $0.live = 16 })
        for pid in UInt32(10)..<50 {
            let own = key(pid, 1)
            table.seen(own, parent: key(0, 0), facts: ProcessFacts(), at: 1, isSketch: true)
            _ = table.exit(own, at: 1)
            _ = table.exec(own, parent: key(1, 1), facts: facts("/bin/a"), at: 2)
        }
        #expect(table.count <= 16)
        #expect(table.evicted >= 24)
    }

    @Test func `an ended process goes in its time though its start has become known meanwhile`() {
        var table = ProcessTable(bootID: "b", limits: limits { $0.endedLife = 100 })
        table.seen(key(10, 50_000_000), parent: key(0, 0), facts: facts("/bin/a"), at: 1, isApproximate: true)
        _ = table.exit(key(10, 50_000_000), at: 5)
        #expect(table.find(key(10, 50_000_001), at: 6)?.description.id == "b-10-50000001")
        table.tick(at: 105)
        #expect(table.count == 0)
    }

    @Test func `ancestors that ended stay known to their living descendants`() throws {
        var table = ProcessTable(bootID: "b", limits: limits { $0.endedLife = 1 })
        _ = table.exec(key(10, 1), parent: key(1, 1), facts: facts("/bin/sshd"), at: 1)
        _ = table.fork(key(11, 2), parent: key(10, 1), facts: ProcessFacts(), at: 2)
        _ = table.exec(key(11, 2), parent: key(10, 1), facts: facts("/bin/sh"), at: 3)
        _ = table.fork(key(12, 4), parent: key(11, 2), facts: ProcessFacts(), at: 4)
        _ = table.exit(key(10, 1), at: 5)
        _ = table.exit(key(11, 2), at: 5)
        table.tick(at: 1000)
        // Its reaper is another process by now; what it was forked from is not.
        let process = table.exec(key(12, 4), parent: key(1, 1), facts: facts("/bin/x"), at: 1001)
        #expect(process.description.parentID == "b-11-2")
        #expect(process.ancestors.map(\.description.executable) == ["/bin/sh", "/bin/sshd"])
        #expect(table.count == 1)
    }

    @Test func `a chain of processes that each fork and end does not grow without end`() throws {
        var table = ProcessTable(
            bootID: "b",
            limits: limits {
                $0.endedLife = 1; $0.ancestorDepth = 8
            })
        _ = table.exec(key(1, 1), parent: key(0, 0), facts: facts("/bin/a"), at: 1)
        for number in UInt32(2)..<500 {
            _ = table.fork(
                key(number, UInt64(number)), parent: key(number - 1, UInt64(number - 1)), facts: ProcessFacts(),
                at: UInt64(number * 10))
            _ = table.exit(key(number - 1, UInt64(number - 1)), at: UInt64(number * 10 + 1))
            table.tick(at: UInt64(number * 10 + 5))
        }
        let found = table.find(key(499, 499), at: 9999)
        let last = try #require(found)
        #expect(Array(last.ancestors).count <= 10)
        #expect(last.description.executable == "/bin/a")
        #expect(table.shortened > 400)
        #expect(table.count == 1)
    }

    @Test func `beyond the limit those go that did nothing for longest, and are counted`() {
        var table = ProcessTable(bootID: "b", limits: limits { $0.live = 80 })
        for number in UInt32(1)...80 {
            _ = table.exec(key(number, 1), parent: key(0, 0), facts: facts("/bin/a"), at: UInt64(number))
        }
        #expect(table.find(key(1, 1), at: 1000) != nil)
        _ = table.exec(key(81, 1), parent: key(0, 0), facts: facts("/bin/a"), at: 1001)
        #expect(table.evicted == 10)
        #expect(table.count == 71)
        #expect(table.find(key(1, 1), at: 1002) != nil)
        #expect(table.find(key(2, 1), at: 1002) == nil)
        #expect(table.find(key(12, 1), at: 1002) != nil)
    }

    @Test func `many more processes than fit, and the table stays within its bounds`() {
        var random = SplitMix(seed: 9)
        var table = ProcessTable(
            bootID: "b",
            limits: limits {
                $0.live = 200; $0.ended = 50; $0.ancestors = 100
            })
        var living: [ProcessKey] = [key(1, 1)]
        _ = table.exec(key(1, 1), parent: key(0, 0), facts: facts("/bin/init"), at: 1)
        for step in UInt64(2)..<20_000 {
            let parent = living[Int(random.next() % UInt64(living.count))]
            if random.next() % 100 < 55 || living.count < 2 {
                let child = key(UInt32(random.next() % 4000 + 2), step)
                _ = table.fork(child, parent: parent, facts: ProcessFacts(), at: step)
                living.removeAll { $0.tgid == child.tgid }
                living.append(child)
            } else {
                _ = table.exit(parent, at: step)
                living.removeAll { $0 == parent }
            }
            if step % 10 == 0 { table.tick(at: step) }
            if table.count > 200 + 50 + 2 { Issue.record("\(table.count) processes at step \(step)") }
        }
        #expect(table.evicted > 0)
    }

    @Test func `an exec in a process known only roughly gives it its exact start`() {
        var table = ProcessTable(bootID: "b")
        table.seen(key(10, 50_000_000), parent: key(0, 0), facts: facts("/bin/old"), at: 1, isApproximate: true)
        _ = table.exec(key(10, 55_555_555), parent: key(0, 0), facts: facts("/bin/new"), at: 2)
        #expect(table.count == 1)
        #expect(table.find(key(10, 55_555_555), at: 3)?.description.executable == "/bin/new")
        #expect(table.find(key(10, 55_555_555), at: 3)?.description.id == "b-10-55555555")
    }
}

@Suite struct PathAssemblerTests {
    private func assemble(_ bytes: String, flags: UInt32 = 0) -> String {
        PathAssembler.path(leafFirst: Array(bytes.utf8).span.bytes, flags: flags).path.text
    }

    @Test(arguments: [
        ("", "/"), ("passwd/etc/", "/etc/passwd"), ("a/", "/a"), ("c/b/a", "/a/b/c"), ("/", "/"), ("//", "/"),
        ("x//y/", "/y//x"),
    ])
    func `components come leaf first`(_ bytes: String, _ path: String) {
        #expect(assemble(bytes) == path)
    }

    @Test func `names that are no UTF-8 keep their bytes`() {
        let path = PathAssembler.path(leafFirst: ([0xff, 0xfe, 0x2f, 0x61, 0x2f] as [UInt8]).span.bytes, flags: 0)
        #expect(path.path.bytes == [0x2f, 0x61, 0x2f, 0xff, 0xfe])
    }

    @Test(arguments: [
        ("/a/./b//c/", "/a/b/c"), ("/a/../b", "/b"), ("/..", "/"), ("a/../..", ".."), ("../x", "../x"), ("/", "/"),
        ("", ""),
    ])
    func `paths are normalised lexically`(_ path: String, _ normalized: String) {
        #expect(PathAssembler.normalized(Array(path.utf8)).text == normalized)
    }
}

extension ProcessTableTests {
    @Test func `proc's files are read whatever a process is called`() throws {
        let stat = try #require(
            ProcessStat(
                Array("42 (a) b) (c) S 7 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1000 2".utf8)))
        #expect(stat.parent == 7)
        #expect(stat.startTicks == 12345)
        #expect(!stat.isExiting)
        #expect(
            ProcessStat(Array("42 (a) Z 7 1 1 0 -1 4194564 1 2 3 4 5 6 7 8 20 0 1 0 12345 0 0".utf8))?.isExiting == true
        )
        #expect(ProcessStat([]) == nil)
        #expect(ProcessStat(Array("42 (a) S".utf8)) == nil)
        let status = try #require(
            ProcessStatus(
                Array("Name:\tx\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nCapPrm:\t00000000000000ff\n".utf8)))
        #expect(status.identity.user.effective == 2)
        #expect(status.identity.group.fileSystem == 8)
        #expect(status.identity.capabilities.permitted == 255)
        #expect(ProcessStatus([]) == nil)
    }
}
