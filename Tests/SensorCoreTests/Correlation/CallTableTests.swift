// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import Testing

@testable import SensorCore

@Suite struct CallTableTests {
    private static func call(
        _ number: UInt64, _ scope: CallScope = .thread, process: UInt32 = 10, cgroup: UInt64 = 1, at time: UInt64 = 100,
        _ terms: String...
    ) -> ToolCall {
        ToolCall(
            number: number, id: "call-\(number)", name: "tool", session: "s", scope: scope, process: process,
            cgroup: cgroup, time: time, terms: terms, mentions: terms.isEmpty ? nil : [])
    }

    /// Calls with the numbers 1, 2, …, all of them in set 7.
    private static func table(_ calls: ToolCall..., limits: CallTable.Limits = CallTable.Limits()) -> CallTable {
        var table = CallTable(limits: limits)
        for call in calls { table.begin(call) }
        table.define(7, members: calls.map(\.number))
        return table
    }

    private static func join(
        _ table: inout CallTable, set: UInt32 = 7, process: UInt32 = 10, thread: UInt32 = 0, at time: UInt64 = 200,
        until end: UInt64? = nil, isLate: Bool = false, line: [CallTable.Ancestor] = [], path: String? = nil,
        host: String? = nil, command: [String] = [], directory: String? = nil
    ) -> ToolCallReference? {
        let deed = CallTable.Deed(
            set: set, process: process, thread: thread, times: time...(end ?? time), isLate: isLate)
        return table.join(deed, line: { _ in line }) {
            CallTable.Traits(
                paths: [path].compactMap { $0.map { ByteString($0) } }, hosts: [host].compactMap { $0 },
                program: command.first.map { ByteString("/usr/bin/\($0)") }, arguments: command,
                directory: directory.map { ByteString($0) })
        }
    }

    @Test(arguments: [(64, ToolCallReference.Method.argument), (65, .candidates)])
    func `among very many the one is not looked for`(_ count: Int, _ method: ToolCallReference.Method) {
        var table = CallTable()
        for number in 1...UInt64(count) { table.begin(Self.call(number, .process, "/data/\(number)")) }
        table.define(7, members: Array(1...UInt64(count)))
        let reference = Self.join(&table, path: "/data/3")
        #expect(reference?.method == method)
        #expect(reference?.candidatesLeftOut == (count == 65 ? 1 : 0))
    }

    // MARK: One call

    @Test(arguments: [
        (CallScope.thread, UInt32(10), ToolCallReference.Method.exact), (.thread, 11, .exact), (.process, 10, .process),
        (.process, 11, .process), (.tree, 10, .process), (.tree, 11, .process),
    ])
    func `the scope says how sure one call is`(
        _ scope: CallScope, _ process: UInt32, _ method: ToolCallReference.Method
    ) {
        var table = Self.table(Self.call(1, scope))
        let reference = Self.join(&table, process: process)
        #expect(reference?.method == method)
        #expect(reference?.id == "call-1")
        #expect(reference?.candidates == [])
    }

    private static let shared = UInt32(SENSOR_CALLS_SHARED)
    private static let started = UInt32(SENSOR_CALLS_STARTED)
    private static let made = UInt32(SENSOR_CALLS_MADE)

    private static func ancestor(_ process: UInt32, _ executable: ByteString = "/agent", at start: UInt64)
        -> CallTable.Ancestor
    {
        CallTable.Ancestor(process: process, start: start, executable: executable)
    }

    @Test func `what a thread or a child of the agent does within a call may be another call's of the agent`() {
        var table = Self.table(Self.call(1, .thread, at: 100, "/a"))
        #expect(Self.join(&table, set: 7 | Self.shared)?.method == .process)
        #expect(Self.join(&table, set: 7 | Self.made)?.method == .process)
        table.begin(Self.call(2, .thread, at: 150, "/b"))
        table.begin(Self.call(3, .thread, process: 99, at: 150, "/c"))
        for set in [7 | Self.shared, 7 | Self.made] {
            #expect(Self.join(&table, set: set, process: 11)?.candidates == ["call-1", "call-2"])
            #expect(Self.join(&table, set: set, path: "/b")?.id == "call-2")
            #expect(Self.join(&table, set: set, at: 120)?.method == .process)
        }
        #expect(Self.join(&table)?.method == .exact)
        #expect(Self.join(&table, set: 7 | Self.started, process: 11)?.method == .exact)
    }

    @Test func `what a call has begun may go on for a while after its end`() {
        var limits = CallTable.Limits()
        limits.termsLife = 1000
        var table = Self.table(Self.call(1, .thread, at: 100, "/a"), limits: limits)
        table.begin(Self.call(2, .thread, at: 150, "/b"))
        _ = table.end(CallEnd(number: 2, status: "ok", time: 300))
        for time in [250, 350] as [UInt64] {
            #expect(
                Self.join(&table, set: 7 | Self.shared, at: time, path: "/x")?.candidates == ["call-1", "call-2"])
        }
        // It is not the call's that has ended, whatever it names.
        #expect(Self.join(&table, set: 7 | Self.shared, at: 350, path: "/b")?.method == .candidates)
        #expect(Self.join(&table, set: 7 | Self.shared, at: 350, path: "/a")?.id == "call-1")
        #expect(Self.join(&table, set: 7 | Self.shared, at: 1300)?.method == .process)
    }

    @Test func `what had ended when a call began is none of its candidates`() {
        var table = Self.table(Self.call(1, .process, at: 100))
        _ = table.end(CallEnd(number: 1, status: "ok", time: 150))
        table.begin(Self.call(2, .process, at: 150))
        table.define(8, members: [2])
        #expect(Self.join(&table, set: 8)?.method == .process)
    }

    @Test func `a call that a process announced has threads that others' work is given to`() {
        var table = Self.table(Self.call(1, .process, at: 100))
        #expect(Self.join(&table)?.method == .process)
        table.begin(Self.call(2, .thread, at: 150))
        table.define(8, members: [1, 2])
        #expect(Self.join(&table)?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: 8)?.candidates == ["call-1", "call-2"])
        // A program that was started before the other call is none of that's.
        let line = [Self.ancestor(12, at: 130), Self.ancestor(11, at: 120), Self.ancestor(10, at: 1)]
        #expect(Self.join(&table, set: 7 | Self.started, process: 12, line: line)?.method == .process)
        let later = [Self.ancestor(11, at: 160), Self.ancestor(10, at: 1)]
        #expect(
            Self.join(&table, set: 7 | Self.started, process: 11, line: later)?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: 7 | Self.started, process: 11)?.candidates == ["call-1", "call-2"])
    }

    @Test func `what is inherited of several calls may be a later one's of the same agent, too`() {
        var table = Self.table(Self.call(1, at: 100), Self.call(2, at: 110))
        _ = table.end(CallEnd(number: 2, status: "ok", time: 150))
        table.begin(Self.call(3, at: 160))
        #expect(
            Self.join(&table, set: 7 | Self.shared)?.candidates == ["call-1", "call-2", "call-3"])
        #expect(Self.join(&table, set: 7 | Self.started)?.candidates == ["call-1", "call-2"])
    }

    @Test func `a thread that was made within a call and announces its own has these two`() {
        var own = Self.call(2, .thread, at: 120)
        own.thread = 15
        var table = Self.table(Self.call(1, at: 100), own, Self.call(3, at: 130))
        table.define(8, members: [1, 2])
        #expect(Self.join(&table, set: 8 | Self.made, thread: 15)?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: 8 | Self.made, thread: 16)?.candidates.count == 3)
    }

    @Test func `a program that another call names by name may have been told to by that`() {
        var table = Self.table(Self.call(1, .thread, "/bin/sh"))
        table.begin(Self.call(2, .thread, "/data/b", "/data"))
        let program = 7 | Self.started
        #expect(Self.join(&table, set: program, process: 11, path: "/data/c")?.method == .exact)
        #expect(Self.join(&table, set: program, process: 11, path: "/bin/sh")?.method == .exact)
        #expect(Self.join(&table, set: program, process: 11, path: "/data/b")?.candidates == ["call-1", "call-2"])
        // Whatever it does from now on.
        #expect(Self.join(&table, set: program, process: 11, path: "/c")?.candidates == ["call-1", "call-2"])
        // What the thread does itself is its own.
        #expect(Self.join(&table, path: "/data/b")?.method == .exact)
    }

    @Test func `what comes late is joined to what was open when it was done`() {
        var table = Self.table(Self.call(1, at: 100))
        table.begin(Self.call(2, at: 150))
        for number in 1...2 as ClosedRange<UInt64> {
            _ = table.end(CallEnd(number: number, status: "ok", time: 300))
        }
        let reference = Self.join(&table, set: 7 | Self.shared, at: 200, isLate: true)
        #expect(reference?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: 7 | Self.shared, at: 140, isLate: true)?.method == .process)
    }

    // MARK: Repeats

    @Test func `repeats are those calls' that were open at any time since they were told`() {
        var table = Self.table(Self.call(1, at: 100))
        #expect(Self.join(&table, at: 110, until: .max)?.method == .exact)
        #expect(Self.join(&table, set: 7 | Self.shared, at: 110, until: .max)?.method == .process)
        table.begin(Self.call(2, .thread, at: 150, "/b"))
        _ = table.end(CallEnd(number: 2, status: "ok", time: 160))
        #expect(
            Self.join(&table, set: 7 | Self.shared, at: 110, until: .max)?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: 7 | Self.started, at: 110, until: .max)?.method == .exact)
        #expect(Self.join(&table, at: 110, until: .max)?.method == .exact)
    }

    @Test func `an argument says whose repeats they are if the call was open all the time`() {
        var table = Self.table(
            Self.call(1, .process, at: 100, "/a"), Self.call(2, .process, at: 100, "/b"),
            Self.call(3, .process, at: 150, "/c"))
        let shared = 7 | Self.shared
        #expect(Self.join(&table, set: shared, at: 120, until: .max, path: "/a")?.id == "call-1")
        #expect(Self.join(&table, set: shared, at: 120, until: .max, path: "/c")?.method == .candidates)
        _ = table.end(CallEnd(number: 2, status: "ok", time: 200))
        #expect(Self.join(&table, set: shared, at: 120, until: .max, path: "/b")?.method == .candidates)
        // What acts for its own calls does so only while they are open.
        #expect(Self.join(&table, at: 120, until: .max, path: "/b")?.id == "call-2")
    }

    @Test func `of late repeats it is not known when they were done`() {
        var table = Self.table(Self.call(1, at: 100))
        table.begin(Self.call(2, at: 110))
        _ = table.end(CallEnd(number: 2, status: "ok", time: 120))
        let reference = Self.join(&table, set: 7 | Self.shared, at: 500, until: .max, isLate: true)
        #expect(reference?.candidates == ["call-1", "call-2"])
    }

    // MARK: No call of its own

    @Test func `whoever acts for no call may do what is open in its process, and may not`() {
        var table = Self.table(Self.call(1, at: 100, "/a"), Self.call(2, process: 99, at: 100))
        let reference = Self.join(&table, set: 0, thread: 15, path: "/a")
        #expect(reference?.candidates == ["call-1"])
        #expect(reference?.mayBeNone == true)
        #expect(Self.join(&table, set: 0, process: 11) == nil)
        #expect(Self.join(&table, set: 0, at: 90) == nil)
        table.begin(Self.call(3, .none, at: 100))
        // All threads of a process act for what that has announced, and those that do not do not.
        table.begin(Self.call(4, .process, at: 100))
        #expect(Self.join(&table, set: 0)?.candidates == ["call-1"])
        _ = table.end(CallEnd(number: 1, status: "ok", time: 300))
        #expect(Self.join(&table, set: 0, at: 299) === reference)
        #expect(Self.join(&table, set: 0, at: 300) == nil)
    }

    @Test func `a thread that announces calls for itself does others' none`() {
        var limits = CallTable.Limits()
        limits.endedLife = 1000
        var table = CallTable(limits: limits)
        var own = Self.call(1, at: 100)
        own.thread = 15
        table.begin(own)
        table.begin(Self.call(2, at: 100))
        _ = table.end(CallEnd(number: 1, status: "ok", time: 150))
        #expect(Self.join(&table, set: 0, thread: 15) == nil)
        #expect(Self.join(&table, set: 0, thread: 16)?.candidates == ["call-2"])
        table.tick(at: 1150)
        #expect(Self.join(&table, set: 0, thread: 15, at: 1200)?.candidates == ["call-2"])
    }

    @Test(arguments: [
        ("/agent", UInt64(50), true), ("/bin/sh", 50, false), ("/bin/sh", 120, true),
    ])
    func `workers that were there before a call may work for it, and so may what is started meanwhile`(
        _ program: ByteString, _ start: UInt64, _ isCandidate: Bool
    ) {
        var table = Self.table(Self.call(1, at: 100))
        let line = [
            Self.ancestor(12, "/bin/touch", at: 190), Self.ancestor(11, program, at: start), Self.ancestor(10, at: 1),
        ]
        #expect(Self.join(&table, set: 0, process: 12, line: line)?.candidates == (isCandidate ? ["call-1"] : nil))
    }

    @Test func `where the set is uncertain it is of what the process announced or was made within`() {
        var table = Self.table(Self.call(1), Self.call(2, cgroup: 2), Self.call(3, process: 99, "/a"))
        let reference = Self.join(&table, set: CallTable.uncertain, process: 10, path: "/a")
        #expect(reference?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: CallTable.uncertain, process: 11, path: "/a") == nil)
        let before = [Self.ancestor(11, at: 90), Self.ancestor(10, at: 1)]
        #expect(Self.join(&table, set: CallTable.uncertain, process: 11, line: before) == nil)
        let within = [Self.ancestor(11, at: 110), Self.ancestor(10, at: 1)]
        let inherited = Self.join(&table, set: CallTable.uncertain, process: 11, line: within)
        #expect(inherited?.candidates == ["call-1", "call-2"])
        table.begin(Self.call(4, .tree))
        #expect(Self.join(&table, set: CallTable.uncertain, process: 11, line: before)?.candidates == ["call-4"])
    }

    @Test func `a set that nobody has told of is joined to nothing`() {
        var table = Self.table(Self.call(1))
        #expect(Self.join(&table, set: 8) == nil)
    }

    @Test(arguments: [(UInt64(99), false), (100, true), (299, true), (300, false)])
    func `a call has what was done between its beginning and its end, whenever that comes`(
        _ time: UInt64, _ isJoined: Bool
    ) {
        var table = Self.table(Self.call(1, at: 100))
        _ = table.end(CallEnd(number: 1, status: "ok", time: 300))
        table.close(7, at: 300)
        #expect((Self.join(&table, at: time) != nil) == isJoined)
    }

    @Test func `what comes of something done within the call is its own after its end too`() {
        var table = Self.table(Self.call(1, at: 100))
        _ = table.end(CallEnd(number: 1, status: "ok", time: 300))
        table.close(7, at: 300)
        #expect(Self.join(&table, at: 400) == nil)
        #expect(Self.join(&table, at: 400, isLate: true)?.method == .exact)
    }

    @Test func `of what calls were called with, and of sets, so much is kept after their end and no more`() {
        var limits = CallTable.Limits()
        (limits.termBytes, limits.members) = (4000, 10)
        var table = CallTable(limits: limits)
        table.begin(Self.call(1000, .thread, "/other"))
        for number in UInt64(1)...20 {
            table.begin(Self.call(number, .thread, "/data/\(number)"))
            table.define(UInt32(number), members: [number, 1000])
            _ = table.end(CallEnd(number: number, status: "ok", time: 150))
            table.close(UInt32(number), at: 150)
        }
        func join(_ set: UInt32) -> ToolCallReference? {
            Self.join(&table, set: set, at: 140, path: "/data/\(set)")
        }
        #expect(join(1) == nil)
        #expect(table.setCount == 5)
        #expect(join(20)?.method == .argument)
        #expect(table.knownCount == 21)
    }

    @Test func `whoever ends calls in numbers costs others nothing`() {
        var limits = CallTable.Limits()
        (limits.ended, limits.termBytes, limits.members) = (10, 2000, 10)
        var table = CallTable(limits: limits)
        for number in 1...2 as ClosedRange<UInt64> {
            table.begin(Self.call(number, .process, "/data/\(number)"), of: 1)
        }
        table.define(7, members: [1, 2])
        for number in 1...2 as ClosedRange<UInt64> { _ = table.end(CallEnd(number: number, status: "ok", time: 300)) }
        table.close(7, at: 300)
        for number in 3...100 as ClosedRange<UInt64> {
            table.begin(Self.call(number, .process, process: 99, "/others/\(number)"), of: 2)
            table.define(UInt32(100 + number), members: [number])
            _ = table.end(CallEnd(number: number, status: "ok", time: 300))
            table.close(UInt32(100 + number), at: 300)
        }
        #expect(table.knownCount == 10 && table.setCount == 9)
        #expect(Self.join(&table, path: "/data/2")?.id == "call-2")
        #expect(Self.join(&table, path: "/data/2")?.method == .argument)
    }

    // MARK: Several calls

    @Test func `of several open calls all are candidates, in the order in which they began`() {
        var table = Self.table(Self.call(1), Self.call(2), Self.call(3))
        let reference = Self.join(&table, path: "/data/file")
        #expect(reference?.method == .candidates)
        #expect(reference?.candidates == ["call-1", "call-2", "call-3"])
        #expect(reference?.id == "")
        // What all of them have in common is no choice.
        #expect(reference?.name == "tool")
        #expect(reference?.session == "s")
    }

    private static func claimed(_ number: UInt64, _ initiator: String, grant: String, context: String = "p1")
        -> ToolCall
    {
        var call = Self.call(number)
        call.initiator = .init(kind: initiator, id: "ada")
        call.claims.authority = .init(grant: grant, scopes: ["read"])
        call.claims.context = context
        call.claims.parent = "call-0"
        call.claims.agent = .init(name: "planner")
        call.claims.type = "function"
        return call
    }

    @Test func `an effect carries who asked for the call, and what it was allowed by`() {
        var table = Self.table(Self.claimed(1, "human", grant: "g1"))
        let reference = Self.join(&table)
        #expect(reference?.initiator == .init(kind: "human", id: "ada"))
        #expect(reference?.claims.authority?.grant == "g1")
        #expect(reference?.claims.context == "p1")
        #expect(reference?.claims.parent == "call-0")
        #expect(reference?.claims.agent?.name == "planner")
        // That only describes the call.
        #expect(reference?.claims.type == "")
        // All events of the call share it.
        #expect(reference === Self.join(&table, at: 201))
    }

    @Test func `of one of several only what they have in common is stated`() {
        var table = Self.table(
            Self.claimed(1, "human", grant: "g1"), Self.claimed(2, "agent", grant: "g1"),
            Self.claimed(3, "human", grant: "g1", context: "p2"))
        let reference = Self.join(&table, path: "/data/file")
        #expect(reference?.method == .candidates)
        #expect(reference?.initiator == nil)
        #expect(reference?.claims.authority?.grant == "g1")
        #expect(reference?.claims.context == "")
        #expect(reference?.claims.agent?.name == "planner")
    }

    @Test func `of candidates that are not all known any more nothing is stated`() {
        var limits = CallTable.Limits()
        limits.endedLife = 100
        var table = Self.table(
            Self.claimed(1, "human", grant: "g1"), Self.claimed(2, "human", grant: "g1"), limits: limits)
        _ = table.end(CallEnd(number: 1, status: "ok", time: 150))
        table.tick(at: 400)
        let reference = Self.join(&table, at: 500)
        #expect(reference?.candidates == ["call-2"])
        #expect(reference?.initiator == nil && reference?.claims.isEmpty == true && reference?.session == "")
    }

    @Test func `an authority with many scopes does not make each event long`() {
        var call = Self.claimed(1, "human", grant: "g1")
        call.claims.authority?.scopes = (0..<64).map { "\($0)" + String(repeating: "x", count: 200) }
        var table = Self.table(call)
        let authority = Self.join(&table)?.claims.authority
        #expect(authority?.scopes.count == 5)
        #expect(authority?.scopesLeftOut == 59)
    }

    @Test func `references are kept in a bounded number of bytes, and made again`() {
        var limits = CallTable.Limits()
        limits.referenceBytes = 4096
        var table = CallTable(limits: limits)
        for number in 1...100 as ClosedRange<UInt64> {
            table.begin(Self.claimed(number, "human", grant: "g\(number)"))
            table.define(UInt32(number), members: [number])
        }
        for _ in 0..<2 {
            for number in 1...100 as ClosedRange<UInt64> {
                #expect(Self.join(&table, set: UInt32(number))?.claims.authority?.grant == "g\(number)")
            }
        }
    }

    @Test func `what stands in the arguments of exactly one call is that call's`() {
        var table = Self.table(
            Self.call(1, .thread, "/data/a", "/data/both"), Self.call(2, .thread, "/data/b", "/data/both"))
        #expect(Self.join(&table, path: "/data/a")?.id == "call-1")
        #expect(Self.join(&table, path: "/data/a")?.method == .argument)
        #expect(Self.join(&table, path: "/data/b")?.id == "call-2")
        #expect(Self.join(&table, path: "/data/both")?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, path: "/data/c")?.method == .candidates)
    }

    @Test func `one that is left of several is not it for certain`() {
        var table = Self.table(Self.call(1, .thread, "/data/a"), Self.call(2, .thread, "/data/b"))
        _ = table.end(CallEnd(number: 1, status: "ok", time: 150))
        let reference = Self.join(&table, path: "/data/c")
        #expect(reference?.method == .candidates)
        #expect(reference?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, path: "/data/a")?.method == .candidates)
        #expect(Self.join(&table, path: "/data/b")?.method == .argument)
        _ = table.end(CallEnd(number: 2, status: "ok", time: 180))
        #expect(Self.join(&table, path: "/data/b") == nil)
    }

    @Test func `what is uncertain may be any call of the process that was open then`() {
        var table = Self.table(
            Self.call(1, .thread, "/a"), Self.call(2, .process, "/data/b"), Self.call(3, process: 99),
            Self.call(4, at: 250),
            Self.call(5))
        _ = table.end(CallEnd(number: 5, status: "ok", time: 150))
        _ = table.end(CallEnd(number: 1, status: "ok", time: 220))
        let reference = Self.join(&table, set: CallTable.uncertain)
        #expect(reference?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: CallTable.uncertain, path: "/data/b")?.method == .argument)
        #expect(Self.join(&table, set: CallTable.uncertain, at: 230)?.candidates == ["call-2"])
        // Of repeats it is not known that it was open each time.
        #expect(
            Self.join(&table, set: CallTable.uncertain, at: 90, until: .max, path: "/data/b")?.method == .candidates)
        #expect(Self.join(&table, set: CallTable.uncertain, process: 98) == nil)
    }

    @Test func `of many calls that have ended the latest are known`() {
        var table = Self.table(Self.call(1000, at: 100))
        for number in 1...100 as ClosedRange<UInt64> {
            table.begin(Self.call(number, .thread, at: 100 + number, "/data/\(number)"))
            _ = table.end(CallEnd(number: number, status: "ok", time: 101 + number))
        }
        let reference = Self.join(&table, set: 7 | Self.shared, at: 300, path: "/data/100")
        #expect(reference?.candidates.count == 64 && reference?.candidatesLeftOut == 1)
        #expect(reference?.session == "")
    }

    // MARK: Arguments

    @Test(arguments: [
        ("/data/a", "/data/a"), ("./src/main.py", "/app/src/main.py"), ("src/main.py", "/app/src/main.py"),
        ("notes.txt", "/home/u/notes.txt"), ("cat /data/a | wc", "/data/a"), ("file:///data/a", "/data/a"),
        ("--input=/data/a", "/data/a"), ("'/data/a'", "/data/a"), ("Makefile", "/app/Makefile"),
        ("/data/a/", "/data/a"),
        ("/data", "/data/a/b"), ("src", "/app/src/deep/main.py"),
    ])
    func `a path is found in an argument`(_ term: String, _ path: String) {
        var table = Self.table(Self.call(1, .process, term), Self.call(2, .process, "/elsewhere/x"))
        let reference = Self.join(&table, path: path, directory: "/app")
        #expect(reference?.method == .argument)
        #expect(reference?.id == "call-1")
    }

    @Test(arguments: [
        ("/data/a", "/data/ab"), ("/data/a", "/x/data/a"), ("ain.py", "/app/main.py"), ("hosts", "/etc/hosts"),
        ("/", "/data/a"), ("", "/data/a"), ("data", "/data/a"), ("http://h/data/a", "/data/a"),
    ])
    func `what is not that path is not found`(_ term: String, _ path: String) {
        var table = Self.table(Self.call(1, .process, term), Self.call(2, .process, "/elsewhere/x"))
        #expect(Self.join(&table, path: path, directory: "/app")?.method == .candidates)
    }

    @Test(arguments: [
        ("https://api.example.test/v1", "api.example.test"), ("api.example.test", "api.example.test"),
        ("API.example.test:8443", "api.example.test"), ("http://u:p@10.0.0.7:80/", "10.0.0.7"),
        ("http://[fd00::1]:80/", "fd00::1"), ("curl -s http://10.0.0.7/x", "10.0.0.7"), ("fd00::1", "fd00::1"),
    ])
    func `a host is found in an argument`(_ term: String, _ host: String) {
        var table = Self.table(Self.call(1, .process, term), Self.call(2, .process, "https://other.test"))
        #expect(Self.join(&table, host: host)?.id == "call-1")
        #expect(Self.join(&table, host: "x" + host)?.method == .candidates)
    }

    @Test(arguments: [
        ["git status"], ["cat", "/data/a"], ["git"],
    ])
    func `a command is found in an argument`(_ terms: [String]) {
        let commands = ["git status": ["git", "status"], "cat": ["cat", "/data/a"], "git": ["git", "log"]]
        var call = Self.call(1, .process)
        call.terms = terms
        var table = Self.table(call, Self.call(2, .process, "other"))
        let reference = Self.join(&table, command: commands[terms[0]] ?? [])
        #expect(reference?.method == .argument)
        #expect(reference?.id == "call-1")
        #expect(Self.join(&table, command: ["ls", "-l"])?.method == .candidates)
    }

    @Test func `a shell's command line is the one that was given`() {
        var table = Self.table(Self.call(1, .process, "make -j2 all"), Self.call(2, .process, "make -j4 all"))
        #expect(Self.join(&table, command: ["sh", "-c", "make -j2 all"])?.id == "call-1")
        #expect(Self.join(&table, command: ["make", "-j4", "all"])?.id == "call-2")
        #expect(Self.join(&table, command: ["make", "-j8", "all"])?.method == .candidates)
    }

    @Test func `a file in a directory that another call names is not one call's alone`() {
        var table = Self.table(Self.call(1, .process, "/data/a"), Self.call(2, .process, "/data"))
        #expect(Self.join(&table, path: "/data/a")?.method == .candidates)
        #expect(Self.join(&table, path: "/data/b")?.id == "call-2")
    }

    @Test func `where not all is known of another call nothing is proved`() {
        var table = Self.table(Self.call(1, .process, "/data", "git", "/other/a"), Self.call(2, .process))
        #expect(Self.join(&table, path: "/data/a")?.method == .candidates)
        #expect(Self.join(&table, command: ["git", "log"])?.method == .candidates)
        #expect(Self.join(&table, path: "/other/a")?.method == .candidates)
    }

    @Test func `what another call mentions is not one call's alone, and no proof for that other one`() {
        var other = Self.call(2, .process, "other")
        other.mentions = ["/data/a", "api.example.test"]
        var table = Self.table(Self.call(1, .process, "/data", "https://api.example.test/"), other)
        #expect(Self.join(&table, path: "/data/a")?.method == .candidates)
        #expect(Self.join(&table, host: "api.example.test")?.method == .candidates)
        #expect(Self.join(&table, path: "/data/b")?.id == "call-1")
        other.mentions = nil
        table = Self.table(Self.call(1, .process, "/data"), other)
        #expect(Self.join(&table, path: "/data/b")?.method == .candidates)
    }

    // MARK: Limits

    @Test func `a call ends once`() {
        var table = Self.table(Self.call(1))
        #expect(table.openCount == 1)
        #expect(table.end(CallEnd(number: 1, status: "ok", time: 300))?.id == "call-1")
        #expect(table.end(CallEnd(number: 1, status: "ok", time: 400)) == nil)
        #expect(table.end(CallEnd(number: 9, status: "ok", time: 400)) == nil)
        #expect(table.openCount == 0)
    }

    @Test func `what has ended is let go of in time`() {
        var limits = CallTable.Limits()
        limits.endedLife = 1000
        var table = Self.table(Self.call(1), limits: limits)
        _ = table.end(CallEnd(number: 1, status: "ok", time: 300))
        table.close(7, at: 300)
        table.tick(at: 1299)
        #expect(Self.join(&table, at: 200) != nil)
        table.tick(at: 1300)
        #expect(Self.join(&table, at: 200) == nil)
        #expect(table.knownCount == 0)
        #expect(table.setCount == 0)
    }

    @Test func `what a call was called with is forgotten when it has settled, sooner than the call`() {
        var limits = CallTable.Limits()
        limits.termsLife = 1000
        var table = Self.table(
            Self.call(1, .process, "/data/a"), Self.call(2, .process, "/b"), limits: limits)
        _ = table.end(CallEnd(number: 1, status: "ok", time: 300))
        table.tick(at: 1299)
        #expect(Self.join(&table, path: "/data/a")?.method == .argument)
        table.tick(at: 1300)
        #expect(Self.join(&table, path: "/data/a")?.method == .candidates)
        #expect(Self.join(&table, path: "/data/a")?.candidates == ["call-1", "call-2"])
    }

    @Test func `of what has ended no more is kept than the limit, open calls apart`() {
        var limits = CallTable.Limits()
        limits.ended = 10
        var table = Self.table(Self.call(1), limits: limits)
        for number in UInt64(2)...5000 {
            let set = UInt32(number) + 100
            table.begin(Self.call(number))
            table.define(set, members: [number])
            _ = Self.join(&table, set: set)
            _ = table.end(CallEnd(number: number, status: "ok", time: 300))
            table.close(set, at: 300)
            #expect(table.knownCount <= 12)
            #expect(table.setCount <= 12)
        }
        #expect(Self.join(&table)?.id == "call-1")
        #expect(Self.join(&table, set: 5100)?.id == "call-5000")
        #expect(Self.join(&table, set: 102) == nil)
    }
}

extension CallTable {
    fileprivate mutating func begin(_ call: ToolCall) { begin(call, of: 0) }
}
