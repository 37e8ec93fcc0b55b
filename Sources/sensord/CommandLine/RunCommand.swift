// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SensorCore

/// The daemon.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Collect what every workload does (the default).",
        discussion: """
            Every setting is also a variable (--run-dir: SENSORD_RUN_DIR) and a key of the file (runDir). The flag wins, \
            then the variable.
            """)

    @OptionGroup(title: "Settings") var options: SettingsOptions

    @Option(help: ArgumentHelp("Where events go, one JSON object a line; '-' is standard output.", valueName: "file"))
    var records: String?

    @Option(
        help: ArgumentHelp("A file of records is put aside when it is so long (default: never).", valueName: "bytes"))
    var recordsMaxBytes: String?

    @Option(help: ArgumentHelp("The same, when it is so old (default: never).", valueName: "seconds"))
    var recordsMaxAge: String?

    @Option(
        help: ArgumentHelp(
            "Files of records that are kept beside the one that is written (default: 5).", valueName: "n"))
    var recordsFiles: String?

    @Option(
        help: ArgumentHelp(
            "Workloads to watch: namespace=NAME, KIND/NAME, label:KEY=VALUE, !… (default: everything).",
            valueName: "selector"))
    var watch: [String] = []

    @Option(
        help: ArgumentHelp(
            "Where programs stay in the kernel when the daemon ends (default: they do not).", valueName: "directory"))
    var pinDir: String?

    @Option(
        help: ArgumentHelp(
            "How long they go on then without a daemon (default: 300).", valueName: "seconds"))
    var pinPatience: String?

    @Option(
        help: ArgumentHelp(
            "Serves /healthz, /readyz and /metrics, or none (default: 127.0.0.1:9464).", valueName: "address:port"))
    var listen: String?

    @Option(
        help: ArgumentHelp("Takes OpenTelemetry spans over TCP, or none (default: none).", valueName: "address:port"))
    var otlpListen: String?

    @Option(
        help: ArgumentHelp("Collector whose word counts for the pods that its spans name.", valueName: "kind/name"))
    var otlpForwarder: String?

    @OptionGroup(title: "Agents") var agents: AgentOptions

    @OptionGroup(title: "Delivery") var delivery: DeliveryOptions

    @Option(help: ArgumentHelp("How often counts are read (default: 10).", valueName: "seconds"))
    var tick: String?

    @Option(help: ArgumentHelp("Events that wait for one attached --tail.", valueName: "bytes"))
    var tailQueueBytes: String?

    @Option(help: ArgumentHelp("How many --tail may be attached.", valueName: "n"))
    var maxTails: String?

    @Option(help: ArgumentHelp("Workloads whose posture is learned.", valueName: "n"))
    var maxSubjects: String?

    @Option(help: ArgumentHelp("Facts that are told apart, of one workload.", valueName: "n"))
    var maxFacts: String?

    @Option(
        help: ArgumentHelp(
            "Of all the node's processors what the sensor may use, or none (default: 2).", valueName: "percent"))
    var cpuBudget: String?

    @Option(
        help: ArgumentHelp(
            "Memory that the sensor may use, or none (default: 167772160).", valueName: "bytes"))
    var memoryLimit: String?

    @Option(help: ArgumentHelp("Further files that hold credentials.", valueName: "name=pattern"))
    var credentialPaths: [String] = []

    @Option(help: ArgumentHelp("Ed25519 private key that records are signed with.", valueName: "file"))
    var signingKeyFile: String?

    func run() throws {
        let daemon = try Daemon(settings()) { try options.readSettings(with: own) }
        throw ExitCode(try daemon.run())
    }

    func settings() throws -> Settings { try options.settings(with: own) }

    private var own: [SettingKey: String] {
        let own: [SettingKey: String?] = [
            .records: records, .recordsMaximumBytes: recordsMaxBytes, .recordsMaximumAge: recordsMaxAge,
            .recordsFiles: recordsFiles, .pinDirectory: pinDir, .pinPatience: pinPatience, .tick: tick,
            .tailQueueBytes: tailQueueBytes, .maximumTails: maxTails,
            .maximumSubjects: maxSubjects, .maximumFacts: maxFacts, .signingKeyFile: signingKeyFile,
            .processorBudget: cpuBudget, .memoryLimit: memoryLimit,
            .credentialPaths: credentialPaths.isEmpty ? nil : credentialPaths.joined(separator: ","), .listen: listen,
            .otlpListen: otlpListen,
            .otlpForwarder: otlpForwarder,
            .watch: watch.isEmpty ? nil : watch.joined(separator: ","),
        ]
        return own.compactMapValues { $0 }.merging(agents.flags) { $1 }.merging(delivery.flags) { $1 }
    }
}
