// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct EventFilterTests {
    private static let curl = ProcessDescription(
        id: "b0-0-7-99-1", pid: 99, parentID: "b0-0-7-42-1", executable: "/usr/bin/curl", arguments: ["curl"])
    private static let unit = WorkloadDescription(kind: "SystemdUnit", name: "nginx.service")
    private static let container = WorkloadDescription(
        kind: "Container", name: "web", container: .init(id: "0123abcd", runtime: "docker", name: "web"))

    private func event(
        _ kind: EventKind, _ detail: EventDetail = .none, workload: WorkloadDescription = unit,
        isFirstSeen: Bool = false
    ) -> Event {
        Event(
            sequence: 1, time: 0, bootTime: 0, kind: kind, isFirstSeen: isFirstSeen, process: Self.curl,
            workload: workload, detail: detail, via: .sysExit)
    }

    private func connect(_ address: String, names: [String] = []) -> Event {
        let peer = Endpoint(address: IPAddress(address), port: 443, names: names)
        return event(.networkConnect, .network(NetworkDetail(direction: .egress, transport: .tcp, peer: peer)))
    }

    private func filter(_ change: (inout EventFilter) -> Void) throws -> CompiledFilter {
        var filter = EventFilter()
        change(&filter)
        return try CompiledFilter(filter)
    }

    @Test func `no condition shows everything`() throws {
        #expect(try CompiledFilter(EventFilter()).matches(event(.fileOpen)))
    }

    @Test func `kinds match by pattern, any of several`() throws {
        let filter = try filter { $0.kinds = ["file.*", "dns.answer"] }
        #expect(filter.matches(event(.fileOpen)))
        #expect(filter.matches(event(.dnsAnswer)))
        #expect(!filter.matches(event(.networkConnect)))
    }

    @Test(arguments: ["curl", "/usr/bin/*", "c*", "*/curl"])
    func `an executable matches by path or by name`(_ pattern: String) throws {
        #expect(try filter { $0.executables = [pattern] }.matches(event(.fileOpen)))
    }

    @Test func `another executable does not`() throws {
        #expect(try !filter { $0.executables = ["wget", "/bin/curl"] }.matches(event(.fileOpen)))
    }

    @Test(arguments: [
        ("10.0.0.0/8", true), ("10.0.0.7", true), ("0.0.0.0/0", true), ("api.example.test", true),
        ("API.example.test.", true), ("*.test", true), ("10.0.0.8", false), ("11.0.0.0/8", false),
        ("2001:db8::/32", false), ("example.test", false), ("/run/x", false),
    ])
    func `a peer matches by address, network or name`(_ pattern: String, _ expected: Bool) throws {
        let filter = try filter { $0.peers = [pattern] }
        #expect(filter.matches(connect("10.0.0.7", names: ["api.example.test"])) == expected)
        #expect(filter.matches(connect("::ffff:10.0.0.7", names: ["api.example.test"])) == expected)
    }

    @Test func `a Unix peer matches by path`() throws {
        let peer = Endpoint(path: "/run/docker.sock")
        let connect = event(.networkConnect, .network(NetworkDetail(direction: .egress, transport: .unix, peer: peer)))
        #expect(try filter { $0.peers = ["/run/*.sock"] }.matches(connect))
        #expect(try filter { $0.paths = ["docker.sock"] }.matches(connect))
    }

    @Test(arguments: ["10.0.0.0/33", "10.0.0/8", "::1/129", "1:2:3", "10.0.0.0/x", ""])
    func `a peer that cannot be is refused with the flag's name`(_ text: String) {
        #expect { try filter { $0.peers = [text] } } throws: { ($0 as? FilterError)?.flag == "--peer" }
    }

    @Test func `more patterns than can be tried for each event, or longer ones, are refused`() throws {
        let many = (0...CompiledFilter.patternLimit).map { "/\($0)" }
        _ = try filter { $0.paths = Array(many.dropLast()) }
        #expect { try filter { $0.paths = many } } throws: { ($0 as? FilterError)?.flag == "--path" }
        let long = String(repeating: "*a", count: CompiledFilter.patternBytes)
        #expect { try filter { $0.executables = [long] } } throws: { ($0 as? FilterError)?.flag == "--executable" }
    }

    @Test(arguments: ["files.*", "process.seen", "cgroup.*"])
    func `a kind that there are no events of is refused with the flag's name`(_ pattern: String) {
        #expect { try filter { $0.kinds = [pattern] } } throws: { error in
            guard let error = error as? FilterError else { return false }
            return error.flag == "--kind" && error.reason.contains("process.exec") && !error.reason.contains("cgroup")
        }
    }

    @Test func `paths match the old, the new and the claimed name`() throws {
        let rename = FileDetail(path: "/tmp/a", newPath: "/tmp/b", argumentPath: "/tmp/c")
        for name in ["/tmp/a", "b", "/tmp/[c]"] {
            #expect(try filter { $0.paths = [name] }.matches(event(.fileRename, .file(rename))))
        }
        #expect(try !filter { $0.paths = ["/tmp"] }.matches(event(.fileRename, .file(rename))))
        #expect(try !filter { $0.paths = ["*"] }.matches(event(.identityChange)))
    }

    @Test func `a notable call matches by what its descriptor led to, and by the paths that it was given`() throws {
        let module = event(
            .syscallNotable, .syscall(SyscallDetail(name: "finit_module", number: 313, path: "/lib/a.ko")))
        #expect(try filter { $0.paths = ["a.ko"] }.matches(module))
        #expect(try !filter { $0.paths = ["/lib/b.ko"] }.matches(module))
        #expect(
            try !filter {
                $0.paths = ["*"]; $0.peers = ["10.0.0.1"]
            }.matches(module))
        let strings = [("source", "/dev/sdb"), ("target", "/mnt/x"), ("type", "ext4")].map {
            SyscallDetail.StringArgument($0.0, ByteString($0.1))
        }
        let mount = event(.syscallNotable, .syscall(SyscallDetail(name: "mount", number: 165, strings: strings)))
        #expect(try filter { $0.paths = ["/mnt/*"] }.matches(mount))
        #expect(try filter { $0.paths = ["/dev/sdb"] }.matches(mount))
        #expect(try !filter { $0.paths = ["ext4"] }.matches(mount))
    }

    @Test func `an exec matches by the path of what is executed`() throws {
        #expect(try filter { $0.paths = ["/usr/bin/*"] }.matches(event(.processExec)))
    }

    @Test(arguments: [
        ("SystemdUnit/nginx.service", true), ("systemdunit/nginx*", true), ("SystemdUnit", true),
        ("Container/nginx.service", false),
    ])
    func `a workload matches by kind and name`(_ pattern: String, _ expected: Bool) throws {
        #expect(try filter { $0.workloads = [pattern] }.matches(event(.fileOpen)) == expected)
    }

    @Test(arguments: [("web", true), ("w*", true), ("0123", true), ("0123abcd", true), ("123", false)])
    func `a container matches by name or the beginning of its id`(_ pattern: String, _ expected: Bool) throws {
        let filter = try filter { $0.containers = [pattern] }
        #expect(filter.matches(event(.fileOpen, workload: Self.container)) == expected)
        #expect(!filter.matches(event(.fileOpen)))
    }

    @Test func `pids, first sights and several conditions together`() throws {
        let filter = try filter {
            $0.pids = [99]
            $0.firstSeenOnly = true
            $0.kinds = ["file.open"]
        }
        #expect(filter.matches(event(.fileOpen, isFirstSeen: true)))
        #expect(!filter.matches(event(.fileOpen)))
        #expect(try !self.filter { $0.pids = [9] }.matches(event(.fileOpen)))
    }

    @Test func `what is shown needs more than what is asked for`() throws {
        let needed = try filter { $0.kinds = ["network.connect"] }.kinds.withPrerequisites
        #expect(needed.contains(.processFork) && needed.contains(.dnsAnswer) && needed.contains(.networkConnect))
        #expect(!needed.contains(.fileOpen))
    }
}
