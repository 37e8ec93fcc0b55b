// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Show a recorded stream as it was seen.")

    @Argument(help: ArgumentHelp("What --record has written.", valueName: "file"))
    var file: String

    @OptionGroup(title: "Filters") var filters: FilterOptions
    @OptionGroup(title: "Output") var output: OutputOptions
    @OptionGroup(title: "Settings") var options: SettingsOptions

    func run() throws {
        let tail = try TailConfiguration(settings: options.settings(), filters: filters, output: output)
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw SystemError("open \(file)") }
        let completion = try WakeUp()
        let writer = try LineWriter(tail.destination, capacity: tail.settings.limits.outputQueueBytes) { trouble in
            if case .failing(let error) = trouble { StandardStream.complain("\(error)") }
        }
        var shown: TailSink?
        let (replayed, error) = Replay.run(
            descriptor: descriptor, configuration: CollectorConfiguration(tail.settings).pipeline,
            isStopped: {
                // Nobody is kept waiting by a replay: it may wait for its reader.
                writer.waitForRoom()
                return writer.isBroken || shown?.progress.isComplete ?? false
            },
            sinks: { session in
                let sink = TailSink(
                    filter: tail.compiled,
                    scope: session.root == 0 ? nil : ProcessScope(root: session.root, isExclusive: true),
                    isStreaming: false, limit: tail.limit, formatter: tail.formatter(stream: session.streamID),
                    output: writer, completion: completion)
                shown = sink
                return [sink]
            })
        let written = writer.finish(milliseconds: writer.isBroken ? 0 : -1)
        var summary = TailSummary()
        summary.shown = written.written
        summary.add(replayed)
        let unwritten = writer.isBroken ? 0 : written.dropped
        if unwritten > 0 { summary.lost["output"] = unwritten }
        if let error { StandardStream.complain("\(file): \(error)") }
        for line in summary.explanations { StandardStream.complain(line) }
        StandardStream.complain("\(summary.text), cpu \(ProcessorTime.milliseconds) ms")
        if error != nil || unwritten > 0 { throw ExitCode(ExitStatus.failure) }
    }
}
