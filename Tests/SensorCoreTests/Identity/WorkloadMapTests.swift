// SPDX-License-Identifier: Apache-2.0

import CSensorBPF
import SensorCore
import Testing

@Suite struct WorkloadMapTests {
    private static let map = """
        [
          {"cgroup": "/dev/*.scope", "executable": "*/python3*",
           "workload": {"kind": "Deployment", "name": "writer", "namespace": "agents", "cluster": "local",
                        "group": "apps", "container": "main"}},
          {"cgroup": "/dev/*", "workload": {"kind": "Job", "name": "any"}},

          {"executable": "/usr/bin/agent", "workload": {"kind": "Agent", "name": "\\u00e9"}}
        ]
        """

    private func map(_ text: String) throws -> WorkloadMap { try WorkloadMap(Array(text.utf8), from: "map.json") }

    @Test(
        arguments: [
            ("/dev/a.scope", "/usr/bin/python3.11", 1),
            ("/dev/a.scope/below/it", "/usr/bin/python3", 1),
            ("/dev/a.scope", "/bin/sh", 2),
            ("/dev/a.scope", nil, 2),
            ("/dev/b", nil, 2),
            ("/dev", "/bin/sh", nil),
            ("/other", "/usr/bin/agent", 3),
            ("/other", "/usr/bin/agents", nil),
            ("/other", nil, nil),
        ] as [(ByteString, ByteString?, Int?)])
    func `the first rule that holds counts`(_ cgroup: ByteString, _ executable: ByteString?, _ number: Int?) throws {
        #expect(try map(Self.map).rule(cgroup: cgroup, executable: executable)?.number == number)
    }

    @Test func `a rule says all of a workload`() throws {
        let map = try map(Self.map)
        #expect(map.dependsOnExecutable)
        let workload = try #require(map.rules.first?.workload)
        #expect(workload.cluster == "local")
        #expect(workload.namespace == "agents")
        #expect(workload.group == "apps")
        #expect(workload.kind == "Deployment")
        #expect(workload.name == "writer")
        #expect(workload.container == "main")
        #expect(map.rules.map(\.line) == [2, 5, 7])
        #expect(map.rules.last?.workload.name == "é")
    }

    @Test func `a pattern covers what is below, byte by byte`() throws {
        let map = try map(#"[{"cgroup": "/a/[!b]?", "workload": {"kind": "K", "name": "n"}}]"#)
        #expect(!map.dependsOnExecutable)
        let odd = ByteString(Array("/a/".utf8) + [0xff, 0x0a] + Array("/c".utf8))
        #expect(map.rule(cgroup: odd, executable: nil) != nil)
        #expect(map.rule(cgroup: "/a/bc/d", executable: nil) == nil)
        #expect(map.rule(cgroup: "/", executable: nil) == nil)
    }

    @Test func `a rule may speak of a part of what a unit has`() throws {
        let map = try WorkloadMap(
            Array(
                """
                [{"cgroup": "/a.slice/a.service/job-*", "workload": {"kind": "Job", "name": "night"}},
                 {"cgroup": "/a.slice/a.service/web", "executable": "*/vi", "workload": {"kind": "Agent", "name": "vi"}}]
                """.utf8), from: "map.json")
        var configuration = PipelineConfiguration()
        configuration.workloadMap = map
        var pipeline = Pipeline(session: Records.session, host: FakeHost(), configuration: configuration)
        for (id, name) in [(UInt64(50), ""), (51, "/job-1"), (52, "/job-1/inner"), (53, "/web")] {
            let path = "/a.slice/a.service\(name)"
            pipeline.consume(.record(Records.cgroup(SENSOR_CGROUP_CREATED, id: id, path: path)))
            pipeline.consume(.record(Records.open("/a", pid: 300 + UInt32(id), start: id, cgroup: id)))
        }
        pipeline.consume(.record(Records.exec(pid: 9, start: 9, executable: "/usr/bin/vi", cgroup: 53)))
        pipeline.consume(.record(Records.exec(pid: 10, start: 9, executable: "/usr/bin/vi", cgroup: 50)))
        #expect(
            pipeline.takeEvents().map(\.workload.name) == [
                "a.service", "night", "night", "a.service", "vi", "a.service",
            ])
    }

    @Test func `a map without rules says nothing`() throws {
        #expect(try map("[]").rule(cgroup: "/a", executable: "/b") == nil)
        #expect(WorkloadMap().rule(cgroup: "/a", executable: "/b") == nil)
    }

    @Test(arguments: [
        ("", "map.json:1: a list of rules is expected"),
        ("{}", "map.json:1: a list of rules is expected"),
        ("[\n1]", "map.json:2: rule 1: an object is expected"),
        ("[{}]", "map.json:1: rule 1: a \"cgroup\" or an \"executable\" is expected"),
        ("[\n{\"cgroup\":\n\"/a\"}]", "map.json:2: rule 1: a \"workload\" is expected"),
        ("[{\"cgroups\": \"/a\"}]", "map.json:1: rule 1, cgroups: unknown key"),
        ("[{\"cgroup\": \"a\"}]", "map.json:1: rule 1, cgroup: a cgroup's path begins with"),
        ("[{\"cgroup\": \"\"}]", "map.json:1: rule 1, cgroup: a value is expected"),
        ("[{\"cgroup\": 1}]", "map.json:1: rule 1, cgroup: a string in double quotes is expected"),
        ("[{\"cgroup\": \"/a\",\n\"cgroup\": \"/b\"}]", "map.json:2: rule 1, cgroup: given twice"),
        (
            "[{\"cgroup\": \"/a\", \"workload\": {\"kind\": \"K\", \"name\": \"n\"}},\n{\"executable\": \"/a\", \"workload\":\n{\"kind\": \"K\"}}]",
            "map.json:3: rule 2, workload: a \"name\" is expected"
        ),
        ("[{\"workload\": {\"name\": \"n\"}}]", "map.json:1: rule 1, workload: a \"kind\" is expected"),
        ("[{\"workload\": {\"kind\": \"Unknown\"}}]", "map.json:1: rule 1, workload, kind: \"Unknown\""),
        ("[{\"workload\": {\"labels\": {}}}]", "map.json:1: rule 1, workload, labels: unknown key"),
        ("[{\"workload\": \"x\"}]", "map.json:1: rule 1, workload: an object is expected"),
        ("[{\"cgroup\": \"/a\" \"x\"}]", "map.json:1: rule 1: a comma or the closing brace is expected"),
        ("[{\"cgroup\": \"/a", "map.json:1: rule 1, cgroup: a string that is never closed"),
        ("[] x", "map.json:1: nothing is expected after the closing bracket"),
        (
            "[{\"cgroup\":\"/a\",\"workload\":{\"kind\":\"K\",\"name\":\"n\"}}\n}",
            "map.json:2: a comma or the closing bracket"
        ),
    ])
    func `what is wrong is named with its line, rule and key`(_ text: String, _ message: String) {
        let error = #expect(throws: SettingsError.self) { try map(text) }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "")")
    }

    @Test func `bytes of any kind are refused, not stumbled over`() {
        var random = SplitMix(seed: 11)
        let words = [
            "[", "]", "{", "}", "\"", ",", ":", "\"cgroup\"", "\"workload\"", "\"/a\"", "\\", "\\u", " ", "\n", "é",
            "1",
        ]
        for _ in 0..<20_000 {
            let text = (0..<Int(random.next() % 14)).map { _ in words[Int(random.next() % UInt64(words.count))] }
                .joined()
            _ = try? WorkloadMap(Array(text.utf8) + (random.next() % 4 == 0 ? [0xff] : []), from: "x")
        }
    }
}
