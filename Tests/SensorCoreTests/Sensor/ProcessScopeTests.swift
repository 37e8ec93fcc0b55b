// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct ProcessScopeTests {
    private func event(_ kind: EventKind, _ pid: UInt32, parent: UInt32 = 1, start: Int = 5) -> Event {
        let process = ProcessDescription(
            id: "0a-1b-\(pid)-\(start)", pid: pid, parentID: "0a-1b-\(parent)-5", executable: "/bin/true")
        return Event(
            sequence: 1, time: 0, bootTime: 0, kind: kind, process: process, workload: .unknown(), via: .sysExit)
    }

    @Test func `descendants belong to it, others do not`() {
        var scope = ProcessScope(root: 10)
        let events = [
            event(.processExec, 10), event(.processFork, 11, parent: 10), event(.processFork, 12, parent: 11),
            event(.processFork, 20, parent: 1), event(.fileOpen, 12), event(.fileOpen, 20),
        ]
        #expect(events.map { scope.take($0) } == [true, true, true, false, true, false])
    }

    @Test func `it lives as long as its last descendant, and knows what closes later`() {
        var scope = ProcessScope(root: 10)
        let events = [event(.processExec, 10), event(.processFork, 11, parent: 10), event(.processExit, 10)]
        #expect(events.map { scope.take($0) } == [true, true, true])
        #expect(scope.living == [11])
        let later = [event(.processExit, 11), event(.networkClose, 11)]
        #expect(later.map { scope.take($0) } == [true, true])
        #expect(scope.living.isEmpty)
    }

    @Test func `a number that is used again is another process`() {
        var scope = ProcessScope(root: 10)
        let events = [
            event(.processExec, 10), event(.processExit, 10), event(.processFork, 10, parent: 1), event(.fileOpen, 10),
        ]
        #expect(events.map { scope.take($0) } == [true, true, false, false])
    }

    @Test func `what the sensor does in the command's place is not the command's`() {
        var scope = ProcessScope(root: 10)
        let events = [event(.syscallFirst, 10), event(.fileOpen, 10), event(.processExec, 10), event(.fileOpen, 10)]
        #expect(events.map { scope.take($0) } == [false, false, true, true])
    }

    @Test func `a process whose fork was lost belongs by its parent, and so does what it forks`() {
        var scope = ProcessScope(root: 10)
        let events = [
            event(.processExec, 10), event(.processExec, 11, parent: 10), event(.fileOpen, 12, parent: 11),
            event(.processFork, 13, parent: 12), event(.fileOpen, 20),
        ]
        #expect(events.map { scope.take($0) } == [true, true, true, true, false])
        #expect(scope.living == [10, 11, 12, 13])
    }

    @Test func `what went by while its beginning was lost is taken up with its first child`() {
        var scope = ProcessScope(root: 10)
        let events = [event(.fileOpen, 10), event(.processFork, 11, parent: 10), event(.fileOpen, 10)]
        #expect(events.map { scope.take($0) } == [false, true, true])
    }

    @Test func `children that whoever started the command gets from it belong, older ones do not`() {
        var scope = ProcessScope(root: 10, reaper: 4)
        let events = [
            event(.processExec, 10), event(.processFork, 11, parent: 4, start: 6),
            event(.fileOpen, 12, parent: 4, start: 7),
            event(.fileOpen, 9, parent: 4, start: 3), event(.fileOpen, 4),
        ]
        #expect(events.map { scope.take($0) } == [true, true, true, false, false])
    }

    @Test func `where the kernel reports nothing else its word holds, once the command has begun`() {
        var scope = ProcessScope(root: 10, isExclusive: true)
        let answer = Event(
            sequence: 1, time: 0, bootTime: 0, kind: .dnsAnswer, workload: .unknown(), via: .sysExit)
        let events = [
            event(.fileOpen, 10), answer, event(.processExec, 10), event(.processFork, 11, parent: 1),
            event(.fileOpen, 12, parent: 99), answer,
        ]
        #expect(events.map { scope.take($0) } == [false, false, true, true, true, true])
    }
}
