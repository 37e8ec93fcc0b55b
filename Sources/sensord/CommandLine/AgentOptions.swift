// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SensorCore

/// Who may announce tool calls and send spans, and how much of both.
struct AgentOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Permissions of the sockets for agents (default: 0666).", valueName: "mode"))
    var agentSocketMode: String?

    @Option(help: ArgumentHelp("Group of these sockets, a name or a number.", valueName: "group"))
    var agentSocketGroup: String?

    @Option(help: ArgumentHelp("Agents that may be connected.", valueName: "n"))
    var maxAgents: String?

    @Option(help: ArgumentHelp("Of these, of one workload.", valueName: "n"))
    var agentConnections: String?

    @Option(help: ArgumentHelp("Messages of a workload's agents in a second.", valueName: "n"))
    var agentMessages: String?

    @Option(help: ArgumentHelp("Sessions that a workload's agents may have open.", valueName: "n"))
    var agentSessions: String?

    @Option(help: ArgumentHelp("Tool calls that a workload's agents may have open.", valueName: "n"))
    var agentCalls: String?

    @Option(help: ArgumentHelp("What is remembered of a workload's agents.", valueName: "bytes"))
    var agentBytes: String?

    @Option(help: ArgumentHelp("Connections of a workload that sends spans.", valueName: "n"))
    var otlpConnections: String?

    /// What was given on the command line.
    var flags: [SettingKey: String] {
        let given: [SettingKey: String?] = [
            .agentSocketMode: agentSocketMode, .agentSocketGroup: agentSocketGroup, .maximumAgents: maxAgents,
            .agentConnections: agentConnections, .agentMessages: agentMessages, .agentSessions: agentSessions,
            .agentCalls: agentCalls, .agentBytes: agentBytes, .otlpConnections: otlpConnections,
        ]
        return given.compactMapValues { $0 }
    }
}
