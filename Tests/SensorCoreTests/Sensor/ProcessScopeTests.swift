// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct ProcessScopeTests {
    private func event(_ kind: EventKind, _ pid: UInt32, parent: UInt32 = 1) -> Event {
        let process = ProcessDescription(
            id: "0a-1b-\(pid)-5", pid: pid, parentID: "0a-1b-\(parent)-5", executable: "/bin/true")
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
        #expect(scope.hasLiving)
        let later = [event(.processExit, 11), event(.networkClose, 11)]
        #expect(later.map { scope.take($0) } == [true, true])
        #expect(!scope.hasLiving)
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
}
