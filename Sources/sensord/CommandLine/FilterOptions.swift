// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SensorCore

/// Which events are shown.
struct FilterOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Kinds of events, as in 'file.*' (repeatable).", valueName: "glob"))
    var kind: [String] = []

    @Option(help: ArgumentHelp("Only this process (repeatable).", valueName: "pid"))
    var pid: [UInt32] = []

    @Option(help: ArgumentHelp("Path or name of the executable (repeatable).", valueName: "glob"))
    var executable: [String] = []

    @Option(help: ArgumentHelp("Kubernetes namespace (repeatable).", valueName: "name"))
    var namespace: [String] = []

    @Option(help: ArgumentHelp("As in 'SystemdUnit/nginx.service' (repeatable).", valueName: "kind/name"))
    var workload: [String] = []

    @Option(help: ArgumentHelp("Name or beginning of the id (repeatable).", valueName: "container"))
    var container: [String] = []

    @Option(help: ArgumentHelp("Only effects of this tool call (repeatable).", valueName: "id"))
    var toolCall: [String] = []

    @Option(help: ArgumentHelp("Path of the file; '*' crosses directories (repeatable).", valueName: "glob"))
    var path: [String] = []

    @Option(help: ArgumentHelp("Address, network, host name or Unix socket (repeatable).", valueName: "cidr|name"))
    var peer: [String] = []

    @Flag(help: "Only what is new to its workload.")
    var firstSeen = false

    func validate() throws {
        // In kill(2) 0 is whoever calls, and no process has that number.
        if pid.contains(0) { throw ValidationError("--pid: a process's number is at least 1") }
    }

    var filter: EventFilter {
        var filter = EventFilter()
        filter.kinds = kind
        filter.pids = pid
        filter.executables = executable
        filter.namespaces = namespace
        filter.workloads = workload
        filter.containers = container
        filter.toolCalls = toolCall
        filter.paths = path
        filter.peers = peer
        filter.firstSeenOnly = firstSeen
        return filter
    }
}
