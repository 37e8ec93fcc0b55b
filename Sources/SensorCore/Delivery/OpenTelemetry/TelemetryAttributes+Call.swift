// SPDX-License-Identifier: Apache-2.0

extension TelemetryAttributes {
    mutating func add(_ call: PostureToolCall) {
        add("gen_ai.operation.name", "execute_tool")
        add("gen_ai.tool.name", call.name)
        add("gen_ai.tool.call.id", call.id)
        add("gen_ai.tool.type", call.type)
        add("gen_ai.conversation.id", call.session)
        add("gen_ai.agent.name", call.agent.name.isEmpty ? call.span.agentName : call.agent.name)
        add("gen_ai.agent.version", call.agent.version.isEmpty ? call.span.agentVersion : call.agent.version)
        add("gen_ai.agent.id", call.span.agentID)
        add("sensord.call.status", call.status)
        add("sensord.call.initiator.kind", call.initiator.kind)
        add("sensord.call.assurance", call.assurance)
    }

    mutating func add(_ process: PostureProcess) {
        add("process.pid", UInt64(process.pid))
        add("process.executable.path", process.executable)
        add("process.command_args", process.arguments)
        add("sensord.process.id", process.id)
    }
}
