// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Tell what this kernel and these permissions give.")

    @Flag(help: "The same as one line of JSON.")
    var json = false

    func run() throws {
        let report = CapabilityReport.probe()
        try StandardStream.write(json ? report.json() : Self.text(of: report), to: STDOUT_FILENO)
        if report.isAble { return }
        // The answer to what was asked, not a failure of asking: 1, whatever it is that is missing.
        if let permission = report.missingPermission {
            throw CommandFailure(status: ExitStatus.failure, message: "not permitted: \(permission) is missing")
        }
        throw CommandFailure(status: ExitStatus.failure, message: "sensord cannot work here")
    }

    /// A line per capability: its name, its state, and what that means.
    static func text(of report: CapabilityReport) -> String {
        let width = report.capabilities.map { TerminalText($0.name).columns }.max() ?? 0
        return report.capabilities.map { capability in
            let name = TerminalText(capability.name)
            let padding = String(repeating: " ", count: width - name.columns + 2)
            let state = capability.state.rawValue
            let indent = String(repeating: " ", count: width + 12)
            let text = capability.text.split(separator: "\n").joined(separator: "\n" + indent)
            return String(decoding: name.bytes, as: UTF8.self) + padding + state
                + String(repeating: " ", count: 10 - state.count) + text + "\n"
        }.joined()
    }
}
