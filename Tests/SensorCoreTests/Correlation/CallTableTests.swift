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
            cgroup: cgroup, time: time, terms: terms)
    }

    /// Calls with the numbers 1, 2, …, all of them in set 7.
    private static func table(_ calls: ToolCall..., limits: CallTable.Limits = CallTable.Limits()) -> CallTable {
        var table = CallTable(limits: limits)
        for call in calls { table.begin(call) }
        table.define(7, members: calls.map(\.number))
        return table
    }

    private static func join(
        _ table: inout CallTable, set: UInt32 = 7, process: UInt32 = 10, cgroup: UInt64 = 1, at time: UInt64 = 200,
        isLate: Bool = false, path: String? = nil, host: String? = nil, command: [String] = [],
        directory: String? = nil, parent: UInt32? = nil, executable: ByteString? = nil
    ) -> ToolCallReference? {
        let actor = CallTable.Actor(process: process, parent: parent, executable: executable)
        return table.join(set, cgroup: cgroup, by: actor, at: time, isLate: isLate) {
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

    @Test func `what a thread or a child of the agent does within a call may be another call's of the agent`() {
        var table = Self.table(Self.call(1, .thread, at: 100, "/a"))
        #expect(Self.join(&table, set: 7 | Self.shared)?.method == .process)
        table.begin(Self.call(2, .thread, at: 150, "/b"))
        table.begin(Self.call(3, .thread, process: 99, at: 150, "/c"))
        #expect(Self.join(&table, set: 7 | Self.shared, process: 11)?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: 7 | Self.shared, path: "/b")?.id == "call-2")
        #expect(Self.join(&table, set: 7 | Self.shared, at: 120)?.method == .process)
        #expect(Self.join(&table)?.method == .exact)
        #expect(Self.join(&table, set: 7 | Self.started, process: 11)?.method == .exact)
        _ = table.end(CallEnd(number: 2, status: "ok", time: 300))
        #expect(Self.join(&table, set: 7 | Self.shared, at: 250)?.method == .candidates)
        #expect(Self.join(&table, set: 7 | Self.shared, at: 350)?.method == .process)
    }

    @Test(arguments: [
        ("/agent", UInt32(10), ToolCallReference.Method.candidates), ("/agent", 12, .exact), ("/bin/sh", 10, .exact),
    ])
    func `a child that runs the agent's own program may be a worker of it`(
        _ program: String, _ parent: UInt32, _ method: ToolCallReference.Method
    ) {
        var table = CallTable()
        table.begin(Self.call(1), executable: "/agent")
        table.define(7, members: [1])
        table.begin(Self.call(2))
        let reference = Self.join(
            &table, set: 7 | Self.started, process: 11, parent: parent, executable: ByteString(program))
        #expect(reference?.method == method)
    }

    @Test func `where the set is uncertain the process's own calls are among the candidates, wherever it is by now`() {
        var table = Self.table(Self.call(1), Self.call(2, cgroup: 2))
        let reference = Self.join(&table, set: CallTable.uncertain, process: 10, cgroup: 3)
        #expect(reference?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: CallTable.uncertain, process: 11, cgroup: 3) == nil)
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
        for number in UInt64(1)...20 {
            table.begin(Self.call(number, .process, "/data/\(number)"))
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
        #expect(table.knownCount == 20)
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

    @Test func `what is uncertain may be any call of the workload that was open then`() {
        var table = Self.table(
            Self.call(1), Self.call(2, .process, "/data/b"), Self.call(3, process: 99, cgroup: 2),
            Self.call(4, at: 250),
            Self.call(5))
        _ = table.end(CallEnd(number: 5, status: "ok", time: 150))
        _ = table.end(CallEnd(number: 1, status: "ok", time: 220))
        let reference = Self.join(&table, set: CallTable.uncertain)
        #expect(reference?.candidates == ["call-1", "call-2"])
        #expect(Self.join(&table, set: CallTable.uncertain, path: "/data/b")?.method == .argument)
        #expect(Self.join(&table, set: CallTable.uncertain, at: 230)?.candidates == ["call-2"])
        #expect(Self.join(&table, set: CallTable.uncertain, process: 98, cgroup: 9) == nil)
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

    @Test func `where nothing is known of another call, a name or a directory proves nothing`() {
        var table = Self.table(Self.call(1, .process, "/data", "git", "/other/a"), Self.call(2, .process))
        #expect(Self.join(&table, path: "/data/a")?.method == .candidates)
        #expect(Self.join(&table, command: ["git", "log"])?.method == .candidates)
        #expect(Self.join(&table, path: "/other/a")?.id == "call-1")
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
        var table = Self.table(Self.call(1, .process, "/data/a"), Self.call(2, .process), limits: limits)
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
