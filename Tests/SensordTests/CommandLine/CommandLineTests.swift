// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore
import Testing

@testable import sensord

@Suite struct CommandLineTests {
    private func parse<Command: ParsableCommand>(_ line: String, as: Command.Type = Command.self) throws -> Command {
        try #require(try CommandLineInterface.parse(line.split(separator: " ").map(String.init)) as? Command)
    }

    private func outcome(_ line: String) throws -> (status: Int32, message: String, isError: Bool) {
        do {
            var command = try CommandLineInterface.parse(line.split(separator: " ").map(String.init))
            switch command {
            case let tail as TailCommand:
                _ = try tail.options.settings()
                _ = try CompiledFilter(tail.filters.filter)
            case let run as RunCommand: _ = try run.settings()
            case is ReplayCommand, is CheckCommand: break
            default: try command.run()
            }
        } catch {
            return CommandLineInterface.outcome(of: error)
        }
        throw Unexpected()
    }

    private struct Unexpected: Error {}

    @Test(arguments: ["", "run", "--tick 0.5", "run --records -"])
    func `the daemon is what runs without a word`(_ line: String) throws {
        _ = try parse(line, as: RunCommand.self)
    }

    @Test func `tail is a flag, wherever it stands`() throws {
        let tail: TailCommand = try parse("--json --tail --kind file.* --pid 1 --pid 2 -- ls --tail -l")
        #expect(tail.output.json)
        #expect(tail.filters.kind == ["file.*"])
        #expect(tail.filters.pid == [1, 2])
        #expect(tail.command == ["ls", "--tail", "-l"])
    }

    @Test func `what stands behind the dashes is the command's`() throws {
        #expect(try parse("--tail -- cat --json", as: TailCommand.self).output.json == false)
        #expect(CommandLineInterface.rewritten(["--", "--tail"]) == ["--", "--tail"])
    }

    @Test(arguments: [["--tail", "--"], ["--tail", "--json", "--"], ["--json", "--tail", "--"]])
    func `dashes without a command are a usage error, not the whole machine`(_ arguments: [String]) {
        #expect(throws: CommandFailure.self) { try CommandLineInterface.parse(arguments) }
        #expect(CommandLineInterface.run(arguments) == ExitStatus.usage)
    }

    @Test func `check tells programs, too`() throws {
        #expect(try parse("check", as: CheckCommand.self).json == false)
        #expect(try parse("check --json", as: CheckCommand.self).json)
    }

    @Test func `all filters arrive`() throws {
        let line =
            "--tail --executable curl --namespace n --workload Host --container c --tool-call t --path /x --peer ::1"
            + " --first-seen --count 3 --duration 1.5 --output o --no-color --record r"
        let tail: TailCommand = try parse(line)
        let filter = tail.filters.filter
        #expect(filter.executables == ["curl"] && filter.namespaces == ["n"] && filter.workloads == ["Host"])
        #expect(filter.containers == ["c"] && filter.toolCalls == ["t"] && filter.paths == ["/x"])
        #expect(filter.peers == ["::1"] && filter.firstSeenOnly)
        #expect(tail.output.count == 3 && tail.duration == 1.5 && tail.output.output == "o" && tail.output.noColor)
        #expect(try tail.options.settings().record == "r")
    }

    @Test(arguments: [
        ("--tail --bogus", "--bogus"), ("--bogus", "--bogus"), ("--tail --pid x", "--pid"), ("--tail --pid 0", "--pid"),
        ("--tail --pid", "--pid"),
        ("--tail --count 0", "--count"), ("--tail --count -1", "--count"), ("--tail --duration 0", "--duration"),
        ("--tail --duration nan", "--duration"), ("--tail --kind nothing", "--kind"),
        ("--tail --peer 10.0.0.0/99", "--peer"), ("--tail --workload /x", "--workload"),
        ("--tick soon", "--tick"), ("run --run-dir relative", "--run-dir"), ("--log-level loud", "--log-level"),
        ("replay", "<file>"), ("receive", "--listen"), ("spol", "spol"),
    ])
    func `a wrong flag ends with 2 and is named`(_ line: String, _ flag: String) throws {
        let (status, message, isError) = try outcome(line)
        #expect(status == 2)
        #expect(isError)
        #expect(message.contains(flag))
    }

    @Test func `a configuration file that is not there ends with 78`() throws {
        let (status, message, _) = try outcome("--config /nonexistent/sensord.json")
        #expect(status == 78)
        #expect(message == "sensord: /nonexistent/sensord.json: no such file or directory")
    }

    @Test func `a pod that was not told on which node it runs ends with 78`() throws {
        let pod = ["KUBERNETES_SERVICE_HOST": "10.96.0.1"]
        let settings: RunCommand = try parse("run")
        let error = #expect(throws: SettingsError.self) { try settings.settings().requireNode(environment: pod) }
        let outcome = CommandLineInterface.outcome(of: try #require(error))
        #expect(outcome.status == 78 && outcome.message.hasPrefix("sensord: SENSORD_NODE: "))
        try settings.settings().requireNode(environment: [:])
        let told: RunCommand = try parse("run --node n1")
        try told.settings().requireNode(environment: pod)
    }

    @Test func `a file of patterns that is not there ends with 78`() throws {
        let (status, message, _) = try outcome("--redact-file /nonexistent/patterns")
        #expect(status == 78)
        #expect(message == "sensord: /nonexistent/patterns: no such file or directory")
    }

    @Test func `the file of patterns reaches the redactor`() throws {
        var template = Array("/tmp/sensord-patterns-XXXXXX".utf8CString)
        let descriptor = mkstemp(&template)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        defer { unlink(template) }
        #expect(write(descriptor, "x-corp-pin\n", 11) == 11)
        let path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)

        let settings = try parse("--redact-file \(path)", as: RunCommand.self).settings()
        let redactor = CollectorConfiguration(settings).pipeline.redactor
        #expect(redactor.arguments(Array("a\0--x-corp-pin=12\0".utf8)) == ["a", "--x-corp-pin=[redacted]"])

        // Half of the patterns would hide half of the secrets.
        #expect(ftruncate(descriptor, 1 << 20 + 1) == 0)
        let (status, message, _) = try outcome("--redact-file \(path)")
        #expect(status == 78)
        #expect(message == "sensord: \(path): longer than a megabyte")
    }

    @Test(arguments: ["--help", "--tail --help", "--version"])
    func `help and version are no errors`(_ line: String) throws {
        let (status, message, isError) = try outcome(line)
        #expect(status == 0)
        #expect(!isError)
        #expect(message.contains("sensord"))
    }

    @Test(arguments: [(0, 0), (0x100, 1), (0xff00, 255), (9, 137), (2, 130), (0x8b, 139)])
    func `a command's end becomes our status as in a shell`(_ wait: Int32, _ status: Int32) {
        #expect(ExitStatus.of(waitStatus: wait) == status)
    }
}
