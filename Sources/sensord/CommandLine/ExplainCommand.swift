// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

/// How it is known whose an event is.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Tell how an event was attributed, and from which sources.",
        discussion: """
            Asks the daemon of this node, which keeps its latest events; with --events, looks the event up in a file of \
            JSON lines that 'sensord --tail --json' or 'sensord run --records' wrote.
            """)

    @Argument(help: ArgumentHelp("As the event's 'id' has it.", valueName: "event-id"))
    var event: String

    @Option(help: ArgumentHelp("Look for the event here.", valueName: "file"))
    var events: String?

    @Flag(help: "The event as JSON rather than in words.")
    var json = false

    @OptionGroup(title: "Settings") var options: SettingsOptions

    func run() throws {
        let line = try events.map(find(in:)) ?? ask(options.settings().runDirectory)
        guard let explained = Event(json: line[...]) else {
            throw CommandFailure(status: ExitStatus.failure, message: "the event \(event) cannot be understood")
        }
        let text = json ? String(decoding: line, as: UTF8.self) : Explanation(explained, identifier: event).text
        StandardStream.write(text, to: STDOUT_FILENO)
    }

    private func ask(_ runDirectory: String) throws -> [UInt8] {
        guard let descriptor = try ControlSocket.connect(in: runDirectory) else {
            throw CommandFailure(
                status: ExitStatus.failure,
                message: "no daemon runs here (\(runDirectory)); give the file that has the event: --events FILE")
        }
        let client = ControlClient(descriptor: descriptor)
        let answer: ControlClient.Answer?
        do throws(ControlClient.Failure) {
            try client.explain(event)
            answer = try client.receive(milliseconds: 10_000)
        } catch { throw CommandFailure(status: ExitStatus.failure, message: error.description) }
        guard case .explanation(let line) = answer else {
            throw CommandFailure(status: ExitStatus.failure, message: "the daemon does not answer")
        }
        guard !line.isEmpty else {
            throw CommandFailure(
                status: ExitStatus.failure,
                message: "the daemon has no event \(event) (any more); give the file that has it: --events FILE")
        }
        return line
    }

    private func find(in path: String) throws -> [UInt8] {
        guard let file = fopen(path, "re") else { throw SystemError("open \(path)") }
        defer { fclose(file) }
        let wanted = "\"id\":\"\(event)\""
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(line) }
        while case let count = getline(&line, &room, file), count > 0 {
            let bytes = UnsafeRawBufferPointer(start: line, count: count)
            if String(decoding: bytes, as: UTF8.self).contains(wanted) { return Array(bytes) }
        }
        throw CommandFailure(status: ExitStatus.failure, message: "\(path): there is no event \(event)")
    }
}
