// SPDX-License-Identifier: Apache-2.0

import SensorCore
import Testing

@Suite struct SettingsTests {
    private func settings(
        flags: [SettingKey: String] = [:], environment: [String: String] = [:], file: String? = nil
    ) throws(SettingsError) -> Settings {
        try Settings(
            flags: flags, environment: environment, file: file.map { (path: "/etc/sensord.json", text: Array($0.utf8)) }
        )
    }

    @Test func `a flag wins over the environment, that over the file`() throws {
        let file = #"{"tick": 1, "runDir": "/a", "records": "-"}"#
        let environment = ["SENSORD_TICK": "2", "SENSORD_RUN_DIR": "/b"]
        let settings = try settings(flags: [.tick: "3.5"], environment: environment, file: file)
        #expect(settings.tick == .seconds(3.5))
        #expect(settings.runDirectory == "/b")
        #expect(settings.records == "-")
    }

    @Test func `nothing given is the defaults`() throws {
        #expect(try settings(environment: ["SENSORD_SERVICE_HOST": "10.0.0.1"]) == Settings())
    }

    @Test func `credentials of the operator's own have names and patterns`() throws {
        let settings = try settings(flags: [.credentialPaths: "vault=/srv/vault/*, app=*.secret"])
        #expect(settings.credentialPaths.map(\.name) == ["vault", "app"])
        #expect(settings.credentialPaths.map(\.path) == ["/srv/vault/*", "*.secret"])
        for wrong in ["", "vault", "=/a", "a=b"] {
            #expect(throws: SettingsError.self) { try self.settings(flags: [.credentialPaths: wrong]) }
        }
    }

    @Test func `a variable that is no setting is found, unless Kubernetes sets it for a service`() {
        let names = [
            "SENSORD_TICKS", "SENSORD_TICK", "PATH", "SENSORD_SERVICE_HOST", "SENSORD_SERVICE_PORT_HTTP",
            "SENSORD_PORT", "SENSORD_PORT_9464_TCP_ADDR", "SENSORD_METRICS_PORT", "SENSORD_", "XSENSORD_TICKS",
        ]
        #expect(SettingKey.unknownVariables(in: names) == ["SENSORD_", "SENSORD_TICKS"])
    }

    @Test func `every setting has a name in every layer, and no two share one`() {
        #expect(SettingKey.runDirectory.flag == "--run-dir")
        #expect(SettingKey.runDirectory.variable == "SENSORD_RUN_DIR")
        #expect(SettingKey.runDirectory.fileKey == "runDir")
        #expect(Set(SettingKey.allCases.map(\.fileKey)).count == SettingKey.allCases.count)
        #expect(SettingKey(fileKey: "run-dir") == .runDirectory)
    }

    @Test(arguments: [
        ("{\n\"tick\": 1,\n\"tock\": 2}", 3, "tock", "unknown setting"),
        ("{\n\n\"tick\": \"x\"}", 3, "tick", "seconds from"),
        ("{\"tick\": 1,\n\"tick\": 2}", 2, "tick", "given before, on line 1"),
        ("{\"tick\": {}}", 1, "tick", "a string, a number"),
        ("{\"tick\": nan}", 1, "tick", "a string, a number"),
        ("{\"tick\": }", 1, "tick", "a value"),
        ("{\"tick\" 1}", 1, "tick", "a colon"),
        ("{\"tick\": 1 \"records\": 2}", 1, "tick", "a comma"),
        ("{\"records\": \"\\q\"}", 1, "records", "escape"),
        ("{\"activityRingBytes\": 100000}", 1, "activityRingBytes", "power of two"),
        ("{\"logLevel\": \"loud\"}", 1, "logLevel", "one of trace"),
    ])
    func `a wrong file is told with line and key`(_ text: String, _ line: Int, _ key: String, _ reason: String) {
        #expect { try settings(file: text) } throws: { error in
            guard let error = error as? SettingsError else { return false }
            return error.origin == .file(path: "/etc/sensord.json", line: line) && error.name == key
                && error.reason.contains(reason)
        }
    }

    @Test(arguments: [
        "", "[]", "{", "{\"tick\": 1", "{}}", "\n\n\u{0}", "{\"tick\": 1,}", "{\"a", "{\"a\\", "{\"a\\u12",
    ])
    func `what is no object is told with its line`(_ text: String) {
        #expect { try settings(file: text) } throws: { error in
            if case .file? = (error as? SettingsError)?.origin { true } else { false }
        }
    }

    @Test func `a wrong variable is told by its name`() {
        #expect { try settings(environment: ["SENSORD_TICK": "0"]) } throws: { error in
            (error as? SettingsError)?.name == "SENSORD_TICK" && (error as? SettingsError)?.origin == .environment
        }
    }

    @Test func `a wrong flag is told by its name`() {
        #expect { try settings(flags: [.runDirectory: "here"]) } throws: { error in
            "\(error)" == "--run-dir: an absolute path is expected, not \"here\""
        }
    }

    @Test func `selectors come with commas, and everything is none`() throws {
        let settings = try settings(flags: [.watch: "namespace=a,!deploy/b"])
        #expect(settings.watch == ["namespace=a", "!deploy/b"])
        #expect(try self.settings(file: #"{"watch": "everything"}"#).watch == [])
        #expect(try self.settings(environment: ["SENSORD_WATCH": "*/web"]).watch == ["*/web"])
    }

    @Test func `a selector that cannot be read is named with its place`() {
        #expect { try settings(flags: [.watch: "namespace=a,planner"]) } throws: { error in
            let text = "\(error)"
            return text.hasPrefix("--watch: ") && text.contains("planner")
        }
        #expect { try settings(file: "{\n\"watch\": \"namespace=\"}") } throws: { error in
            (error as? SettingsError)?.origin == .file(path: "/etc/sensord.json", line: 2)
        }
    }

    @Test func `what differs from other settings is named`() throws {
        let before = try settings(file: #"{"watch": "a/b", "tick": 1, "node": "n"}"#)
        let after = try settings(file: #"{"watch": "a/c", "tick": 1, "logLevel": "debug"}"#)
        #expect(after.differences(from: before) == [.logLevel, .node, .watch])
        #expect(before.differences(from: before) == [])
    }

    @Test func `a file that says something else now differs, though its name does not`() throws {
        var before = try settings(file: #"{"workloadMap": "/m", "redactFile": "/r"}"#)
        before.map = try WorkloadMap(
            Array(#"[{"cgroup": "/a", "workload": {"kind": "Job", "name": "a"}}]"#.utf8), from: "/m")
        var after = before
        #expect(after.differences(from: before) == [])
        after.map = WorkloadMap()
        #expect(after.differences(from: before) == [.workloadMap])
    }

    @Test func `what agents may have of the sockets is for the operator to say`() throws {
        let file = #"{"agentSocketMode": "0660", "agentSocketGroup": "agents", "maxAgents": 9, "agentConnections": 2}"#
        let settings = try settings(
            flags: [.agentMessages: "100", .agentSessions: "3", .agentCalls: "4", .agentBytes: "65536"],
            environment: ["SENSORD_OTLP_CONNECTIONS": "5"], file: file)
        #expect(settings.agentSocketMode == 0o660 && settings.agentSocketGroup == "agents")
        #expect(settings.limits.maximumAgents == 9 && settings.limits.otlpConnections == 5)
        var limits = CallLimits()
        (limits.connections, limits.messages, limits.sessions, limits.calls, limits.bytes) = (2, 100, 3, 4, 65_536)
        #expect(settings.limits.agents == limits)
    }

    @Test(arguments: ["", "888", "1777", "-1", "+660", "rw-rw----", "0o660"])
    func `permissions are what chmod takes`(_ mode: String) {
        #expect(throws: SettingsError.self) { try settings(flags: [.agentSocketMode: mode]) }
    }

    @Test func `strings in the file may be escaped`() throws {
        let file = try ConfigurationFile(Array(#" { "a" : "\u00e4\ud83d\ude00\n\/" , "b":true,"c":-1.5e3 } "#.utf8))
        #expect(file.entries.map(\.value) == ["ä😀\n/", "true", "-1.5e3"])
    }
}
