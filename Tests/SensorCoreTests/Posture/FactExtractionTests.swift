// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import SensorCore

/// What events say of their workload.
@Suite struct FactExtractionTests {
    private static let day: UInt64 = 1_795_214_460_000_000_000

    private func event(
        _ kind: EventKind, _ detail: EventDetail = .none, _ change: (inout Event) -> Void = { _ in }
    ) -> Event {
        EventSample("", kind, detail, change).event
    }

    private func file(_ path: ByteString, _ access: FileAccess) -> EventDetail {
        .file(FileDetail(path: path, access: access))
    }

    private func keys(_ event: Event) -> [[String]] {
        event.statements().map { [$0.key.kind.name] + $0.key.values.map(\.text) }
    }

    @Test func `files by what was done to them`() {
        #expect(keys(event(.fileOpen, file("/a", [.read, .write]))) == [["file", "/a", "READ,WRITE"]])
        #expect(keys(event(.fileDelete, file("/a", []))) == [["file", "/a", "DELETE"]])
        #expect(keys(event(.fileCreate, file("/a", [.directory]))) == [["file", "/a", "DIRECTORY,CREATE"]])
        #expect(keys(event(.fileExecmap, file("/lib/a.so", [.execute]))) == [["library", "/lib/a.so"]])
    }

    @Test func `peers by the name that was looked up, and their own port`() {
        let peer = Endpoint(address: IPAddress(ipv4: 0x0a00_0007), port: 443, names: ["api.example.test", "old.test"])
        let local = Endpoint(address: IPAddress(ipv4: 0x0a00_0001), port: 51_312)
        let out = NetworkDetail(direction: .egress, transport: .tcp, peer: peer, local: local)
        #expect(keys(event(.networkConnect, .network(out))) == [["egress", "api.example.test", "443", "TCP"]])
        let listen = NetworkDetail(direction: nil, transport: .tcp, local: local)
        #expect(keys(event(.networkListen, .network(listen))) == [["ingress", "", "51312", "TCP"]])
        let unix = NetworkDetail(direction: .egress, transport: .unix, peer: Endpoint(path: "/run/a.sock"))
        #expect(keys(event(.networkConnect, .network(unix))) == [["egress", "/run/a.sock", "", "UNIX"]])
    }

    @Test(
        arguments: zip(
            [0x0a00_0007, 0xc0a8_0101, 0x7f00_0001, 0xcb00_7107, 0xa9fe_a9fe, 0xa9fe_0101] as [UInt32],
            ["private", "private", "loopback", "external", "metadata", "link_local"]))
    func `whoever connects is no more than a side, and by its address alone`(_ address: UInt32, _ side: String) {
        let peer = Endpoint(address: IPAddress(ipv4: address), port: 40_000, names: ["any.test"])
        let local = Endpoint(address: IPAddress(ipv4: 0x0a00_0001), port: 8080)
        var into = NetworkDetail(direction: .ingress, transport: .tcp, peer: peer, local: local)
        #expect(keys(event(.networkAccept, .network(into))) == [["ingress", side, "8080", "TCP"]])
        into.peer?.names = []
        #expect(keys(event(.networkClose, .network(into))) == [["ingress", side, "8080", "TCP"]])
    }

    @Test func `a scanner makes one fact, however many addresses and ports it has`() {
        var table = ProfileTable(seed: 1, clock: ClockReading(boot: 0, wallOffset: Int64(Self.day)))
        var identity = WorkloadIdentity(kind: "Deployment")
        identity.name = "web"
        let workload = WorkloadDescription(identity)
        for number in 0..<5000 as Range<UInt32> {
            let peer = Endpoint(address: IPAddress(ipv4: 0xcb00_0000 + number), port: UInt16(1024 + number))
            let local = Endpoint(address: IPAddress(ipv4: 0x0a00_0001), port: 8080)
            let detail = NetworkDetail(direction: .ingress, transport: .tcp, peer: peer, local: local)
            for kind in [.networkAccept, .networkClose] as [EventKind] {
                var event = event(kind, .network(detail))
                event.workload = workload
                table.note(event)
            }
        }
        let facts = table.all.flatMap { $0.message().facts }
        #expect(facts.map(\.count) == [5000] && facts.map(\.key.peer) == ["external"])
    }

    @Test func `a connection's end is an afterword that brings bytes`() {
        let end = NetworkDetail(
            direction: .egress, transport: .tcp, peer: Endpoint(address: IPAddress(ipv4: 1), port: 1), bytesSent: 5,
            bytesReceived: 7)
        let said = event(.networkClose, .network(end)).statements()
        #expect(said.count == 1 && said[0].isAfterword && said[0].sent == 5 && said[0].received == 7)
    }

    @Test func `programs by their script, the shape of the command line, and the parent`() {
        let process = ProcessDescription(
            id: "b-1-1", pid: 1, parentExecutable: "/bin/sh", executable: "/usr/bin/python3",
            arguments: ["python3", "/app/agent.py", "--port=8080", "-v", "run", "hello world", "12"],
            script: "/app/agent.py")
        #expect(
            keys(event(.processExec) { $0.process = process }) == [
                ["process", "/app/agent.py", "{path} --port={number} -v run {text} {number}", "/bin/sh"]
            ])
    }

    @Test func `a file that holds a credential is one more fact, whatever way its mount turns`() {
        let token = "/var/run/secrets/kubernetes.io/serviceaccount/..2026_11_22_10_00_00.1/token"
        let said = keys(event(.fileOpen, file(ByteString(token), .read)))
        #expect(said.count == 2 && said[1][0] == "credential")
        #expect(said[1][2] == "/var/run/secrets/kubernetes.io/serviceaccount/token" && said[1][3] == "READ")
        let mounted = EventSample("", .fileOpen, file("/tokens/vault", .read), workload: EventSample.pod).event
        #expect(keys(mounted).last?.first == "credential")
        #expect(keys(event(.fileOpen, file("/tokens/vault", .read))).count == 1)
    }

    @Test func `a cloud's metadata service is one more fact`() {
        let peer = Endpoint(address: IPAddress(ipv4: 0xa9fe_a9fe), port: 80)
        let connect = NetworkDetail(direction: .egress, transport: .tcp, peer: peer)
        let said = keys(event(.networkConnect, .network(connect)))
        #expect(said.map(\.first) == ["egress", "metadata"] && said[1].last == "169.254.169.254")
    }

    @Test func `a name that a file got is a fact as well, and a credential if it is one`() {
        let moved = FileDetail(path: "/tmp/a", newPath: "/root/.ssh/id_rsa", access: [])
        let said = keys(event(.fileRename, .file(moved)))
        #expect(said.map { Array($0.prefix(2)) }.prefix(2) == [["file", "/tmp/a"], ["file", "/root/.ssh/id_rsa"]])
        #expect(said.last?.first == "credential")
    }

    @Test(arguments: [
        "-pSecretWord": "-p{…}", "run swordfish": "run {text}", "--password": "--password", "-v": "-v",
        "--key=v": "--key={text}", "a1b2c3d4e5": "{text}", "https://a.test/": "{url}", "": "{empty}",
    ])
    func `of a command line options and one subcommand are kept`(_ line: String, _ shape: String) {
        let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        #expect(ArgumentShape.of(["a"] + words) == shape)
    }

    @Test func `a key that is too long differs by a hash`() {
        let long = String(repeating: "a", count: 2000)
        let keys = [FactKey(.library, ByteString(long + "x")), FactKey(.library, ByteString(long + "y"))]
        #expect(keys[0] != keys[1] && keys[0].bytes.count <= 1024)
        // Whoever reads it has the same one, however its characters were cut.
        for text in [long, String(repeating: "é", count: 1013), String(repeating: "…", count: 700)] {
            let key = FactKey(.library, ByteString(text))
            #expect(FactKey(PostureFactKey(key), kind: .library) == key)
        }
    }

    @Test func `what was done for a tool says so of the tool as well`() {
        let call = ToolCallReference(id: "c", name: "read", session: "s", method: .exact, candidates: [])
        let connect = NetworkDetail(
            direction: .egress, transport: .tcp,
            peer: Endpoint(address: IPAddress(ipv4: 1), port: 80, names: ["a.test"]))
        #expect(
            keys(event(.networkConnect, .network(connect)) { $0.toolCall = call }) == [
                ["egress", "a.test", "80", "TCP"], ["effect", "read", "egress", "a.test:80", ""],
            ])
        for (access, name) in [(FileAccess.read, "READ"), (.write, "WRITE")] {
            #expect(
                keys(event(.fileOpen, file("/a", access)) { $0.toolCall = call }).last == [
                    "effect", "read", "file", "/a", name,
                ])
        }
        // Of several calls only what they have in common is known.
        let several = ToolCallReference(id: "", name: "", session: "s", method: .candidates, candidates: ["a", "b"])
        #expect(keys(event(.fileOpen, file("/a", .read)) { $0.toolCall = several }).count == 1)
        // That a process ended is no effect.
        #expect(event(.processExit, .exit(ExitDetail(code: 0))) { $0.toolCall = call }.statements().isEmpty)
    }

    @Test func `identity changes by ids, capabilities and namespaces, never by inode`() {
        func state(_ uid: UInt32, _ effective: UInt64, pid: UInt32) -> IdentityState {
            let ids = IdentityState.Identifiers(real: uid, effective: uid, saved: uid, fileSystem: uid)
            return IdentityState(
                user: ids, group: ids,
                capabilities: .init(permitted: 0, effective: effective, inheritable: 0, bounding: 0, ambient: 0),
                namespaces: .init(pid: pid, mount: 3))
        }
        let change = IdentityDetail(change: "exec", from: state(1000, 0, pid: 7), to: state(0, 1 << 21, pid: 8))
        #expect(
            keys(event(.identityChange, .identity(change))) == [
                ["identity", "exec", "1000:1000", "0:0 CAP_SYS_ADMIN pid namespace"]
            ])
    }

    @Test(arguments: zip([0, 115, 13, 1, 111, 2], ["ok", "ok", "denied", "denied", "failed", "failed"]))
    func `an attempt's outcome is part of the fact`(_ number: Int32, _ outcome: String) {
        #expect(event(.fileOpen, file("/a", .read)) { $0.errorNumber = number }.qualifiers.outcome.name == outcome)
    }

    @Test func `a tool's call is a fact at its end, with names and types of what it was called with`() {
        var call = ToolCallDetail(
            id: "c", name: "read", session: "s", scope: "thread", initiator: .init(kind: "human"),
            arguments: [
                ToolCallArgument(name: "path", type: "string"), ToolCallArgument(name: "lines", type: "number"),
            ])
        call.shape = ToolCallDetail.shape(of: call.arguments)
        call.claims.agent = .init(name: "planner")
        (call.claims.type, call.status) = ("mcp", "denied")
        #expect(event(.toolCallBegin, .toolCall(call)).statements().isEmpty)
        let end = event(.toolCallEnd, .toolCall(call))
        #expect(keys(end) == [["tool", "read", "lines:number,path:string", "mcp"]])
        #expect(end.qualifiers == FactQualifiers(outcome: .denied, initiatorKind: "human", agent: "planner"))
    }

    @Test func `bytes of a key that are no text survive the message, and a NUL does not split a field`() {
        let key = FactKey(.file, ByteString([0x2f, 0xff]), "READ")
        #expect(FactKey(PostureFactKey(key), kind: .file) == key)
        let tool = FactKey(.tool, "a\0b", "x:string", "")
        #expect(tool.values.map(\.text) == ["a b", "x:string", ""])
        for kind in FactKind.allCases where kind != .sequence {
            let values = kind.fields.enumerated().map { $1 == .port ? ByteString("443") : ByteString("v\($0)") }
            let key = FactKey(kind, values)
            #expect(FactKey(PostureFactKey(key), kind: kind) == key, "\(kind)")
        }
        let sequence = FactKey(.sequence, ["read", "write", "read"])
        #expect(FactKey(PostureFactKey(sequence), kind: .sequence) == sequence)
    }
}
