// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

/// How it is known whose an event is, and which tool call it was done for.
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Tell how an event was attributed and correlated, and from which sources.",
        discussion: """
            Asks the daemon of this node, which keeps its latest events; with --events, looks the event up in a file of \
            JSON lines that 'sensord --tail --json' or 'sensord run --records' wrote: there, the id of a tool call shows all \
            that was done for it.
            """)

    @Argument(help: ArgumentHelp("As the event's 'id' has it, or the tool call's.", valueName: "id"))
    var event: String

    @Option(help: ArgumentHelp("Look for the event here.", valueName: "file"))
    var events: String?

    @Flag(help: "The event as JSON rather than in words.")
    var json = false

    @OptionGroup(title: "Settings") var options: SettingsOptions

    func run() throws {
        let found = try events.map(find(in:)) ?? Found(answer: ask(options.settings().runDirectory))
        if json { return StandardStream.write(String(decoding: found.line, as: UTF8.self), to: STDOUT_FILENO) }
        let explanation: Explanation
        if let record = ToolCallRecord(line: found.line[...]) {
            explanation = Explanation(record, context: found.context(of: record))
        } else if let chain = found.chain {
            explanation = Explanation(chain, identifier: event)
        } else {
            throw CommandFailure(status: ExitStatus.failure, message: "the event \(event) cannot be understood")
        }
        StandardStream.write(explanation.text, to: STDOUT_FILENO)
    }

    /// The line that was asked for, and what it may have come from, the earliest first.
    private struct Found {
        var line: [UInt8]
        var earlier: [Event]

        init(line: [UInt8], earlier: [Event]) {
            self.line = line
            self.earlier = earlier
        }

        /// What the daemon answers: lines, of which the first is the one.
        init(answer: [UInt8]) {
            let lines = answer.split(separator: UInt8(ascii: "\n"))
            line = lines.first.map { Array($0) + [UInt8(ascii: "\n")] } ?? []
            earlier = lines.dropFirst().compactMap { Event(json: $0) }
        }

        /// nil: the line is no event.
        var chain: CallChain? {
            guard let event = Event(json: line[...]) else { return nil }
            var chain = CallChain(event)
            for other in earlier.reversed() { chain.offer(other) }
            return chain
        }

        func context(of record: ToolCallRecord) -> Event? {
            var chain = CallChain(
                Event(
                    sequence: 0, time: record.began, bootTime: 0, kind: .toolCallBegin, workload: record.workload,
                    detail: .toolCall(record.call), via: .daemon))
            for other in earlier.reversed() { chain.offer(other) }
            return chain.context
        }
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

    private func find(in path: String) throws -> Found {
        guard let file = fopen(path, "re") else { throw SystemError("open \(path)") }
        defer { fclose(file) }
        let isWanted = wanted
        var earlier: [Event] = []
        var line: UnsafeMutablePointer<CChar>?
        var room = 0
        defer { free(line) }
        while case let count = getline(&line, &room, file), count > 0 {
            let bytes = UnsafeRawBufferPointer(start: line, count: count)
            let text = String(decoding: bytes, as: UTF8.self)
            if isWanted(text) { return Found(line: Array(bytes), earlier: earlier) }
            if text.contains(#""kind":"toolcall.begin""#) || text.contains(#""kind":"context""#),
                let other = Event(json: Array(bytes)[...])
            {
                earlier.append(other)
                if earlier.count > 2 * Self.earlierLimit { earlier.removeFirst(Self.earlierLimit) }
            }
        }
        throw CommandFailure(status: ExitStatus.failure, message: "\(path): there is no event \(event)")
    }

    /// Beginnings of calls and contexts that are kept while it is looked for what came of them.
    private static let earlierLimit = 16_384

    /// Whether a line is the event of that id, or the record of the tool call that has it.
    private var wanted: (String) -> Bool {
        let (own, ofCall) = ("\"id\":\"\(event)\",\"kind\":", "\"call\":{\"id\":\"\(event)\"")
        return { line in
            line.hasPrefix("{\"time\":") ? line.contains(own) : line.contains("\"toolCall\":{") && line.contains(ofCall)
        }
    }
}
