// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

/// The settings that the daemon and a `--tail` of its own share.
///
/// Values stay text here: flags, environment and file are read by the same code, which knows what each may be.
struct SettingsOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Settings as a JSON object.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Also write the decoded stream, for 'sensord replay'.", valueName: "file"))
    var record: String?

    @Option(help: ArgumentHelp("Where sockets live (default: /run/sensord).", valueName: "directory"))
    var runDir: String?

    @Option(help: ArgumentHelp("Name of this node in events (default: the host's).", valueName: "name"))
    var node: String?

    @Option(help: ArgumentHelp("Leads to the API server (default: what the kubelet gives a pod).", valueName: "file"))
    var kubeconfig: String?

    @Option(help: ArgumentHelp("Name of the cluster in events.", valueName: "name"))
    var cluster: String?

    @Option(help: ArgumentHelp("Of SPIFFE ids that are derived from ServiceAccounts.", valueName: "domain"))
    var trustDomain: String?

    @Option(help: ArgumentHelp("Whose a cgroup or a program is (JSON).", valueName: "file"))
    var workloadMap: String?

    @Option(help: ArgumentHelp("Cgroups of the nodes that are containers, as kind makes them.", valueName: "glob,…"))
    var podsBelow: String?

    @Option(help: ArgumentHelp("How long an event may wait for its pod (default: 10).", valueName: "seconds"))
    var identityWait: String?

    @Option(help: ArgumentHelp("Events that may wait so.", valueName: "n"))
    var waitingEvents: String?

    @Option(help: ArgumentHelp("Labels of pods that become part of a workload.", valueName: "glob,…"))
    var podLabels: String?

    @Option(help: ArgumentHelp("The same for annotations.", valueName: "glob,…"))
    var podAnnotations: String?

    @Option(help: ArgumentHelp("The same for labels of namespaces.", valueName: "glob,…"))
    var namespaceLabels: String?

    @Option(help: ArgumentHelp("Label that names one-off Jobs and bare pods.", valueName: "name"))
    var subjectLabel: String?

    @Option(help: ArgumentHelp("What outlives a restart (default: /var/lib/sensord).", valueName: "directory"))
    var stateDir: String?

    @Option(help: ArgumentHelp("trace, debug, info, notice, warning, error or critical.", valueName: "level"))
    var logLevel: String?

    @Option(help: ArgumentHelp("text or json.", valueName: "format"))
    var logFormat: String?

    @Option(help: ArgumentHelp("Further patterns of secrets to hide.", valueName: "file"))
    var redactFile: String?

    @Option(help: ArgumentHelp("The secret that values are digested with.", valueName: "file"))
    var digestKeyFile: String?

    @Option(help: ArgumentHelp("Ring for files, network, syscalls.", valueName: "bytes"))
    var activityRingBytes: String?

    @Option(help: ArgumentHelp("Ring for processes and cgroups.", valueName: "bytes"))
    var lifecycleRingBytes: String?

    @Option(help: ArgumentHelp("Objects that the kernel remembers.", valueName: "n"))
    var memoryEntries: String?

    @Option(help: ArgumentHelp("Failed opens that the kernel remembers.", valueName: "n"))
    var failureEntries: String?

    @Option(help: ArgumentHelp("Of the remembered objects, for one workload.", valueName: "n"))
    var entryBudget: String?

    @Option(help: ArgumentHelp("Failed opens that it remembers, for one workload.", valueName: "n"))
    var failedEntryBudget: String?

    @Option(help: ArgumentHelp("What one workload may put into a filling ring.", valueName: "bytes"))
    var ringBudget: String?

    @Option(
        help: ArgumentHelp("Ticks without a repeat after which an object is forgotten; 0: never.", valueName: "n"))
    var idleTicks: String?

    @Option(help: ArgumentHelp("Processes that are known at a time.", valueName: "n"))
    var maxProcesses: String?

    @Option(help: ArgumentHelp("Workloads that are known at a time.", valueName: "n"))
    var maxWorkloads: String?

    @Option(help: ArgumentHelp("Lines that wait for a slow disk or reader.", valueName: "bytes"))
    var outputQueueBytes: String?

    /// What was given on the command line.
    var flags: [SettingKey: String] {
        let given: [SettingKey: String?] = [
            .record: record, .runDirectory: runDir, .logLevel: logLevel, .logFormat: logFormat,
            .redactFile: redactFile, .digestKeyFile: digestKeyFile, .activityRingBytes: activityRingBytes,
            .lifecycleRingBytes: lifecycleRingBytes,
            .memoryEntries: memoryEntries, .failureEntries: failureEntries, .idleTicks: idleTicks, .node: node,
            .entryBudget: entryBudget, .failedEntryBudget: failedEntryBudget,
            .ringBudget: ringBudget, .maximumProcesses: maxProcesses, .maximumWorkloads: maxWorkloads,
            .outputQueueBytes: outputQueueBytes, .kubeconfig: kubeconfig, .cluster: cluster, .trustDomain: trustDomain,
            .workloadMap: workloadMap, .identityWait: identityWait, .waitingEvents: waitingEvents,
            .podLabels: podLabels, .podAnnotations: podAnnotations, .namespaceLabels: namespaceLabels,
            .subjectLabel: subjectLabel, .stateDirectory: stateDir, .podsBelow: podsBelow,
        ]
        return given.compactMapValues { $0 }
    }

    /// All layers together.
    ///
    /// - Parameter more: flags that only one command has.
    func settings(with more: [SettingKey: String] = [:]) throws -> Settings {
        for name in SettingKey.unknownVariables(in: Environment.names) {
            let shown = String(decoding: TerminalText(name).bytes, as: UTF8.self)
            StandardStream.complain("\(shown): unknown setting, not used")
        }
        return try readSettings(with: more)
    }

    /// The same, once more: files are read as they are now.
    func readSettings(with more: [SettingKey: String]) throws -> Settings {
        var file: (path: String, text: [UInt8])?
        if let config { file = (config, try Self.read(config)) }
        let flags = flags.merging(more) { first, _ in first }
        var settings = try Settings(flags: flags, environment: Environment.settings, file: file)
        if let path = settings.redactFile {
            settings.redactionPatterns = RedactionPatterns(
                parsing: String(decoding: try Self.read(path), as: UTF8.self))
        }
        if let path = settings.digestKeyFile { settings.digestKey = try readKey(path) }
        if let path = settings.signingKeyFile {
            let key = try Self.read(path)
            guard RecordSigner(file: key) != nil else {
                throw SettingsError(
                    origin: .file(path: path, line: nil), name: nil,
                    reason: "an Ed25519 private key is expected: PKCS #8 in PEM, or the 32 bytes of its seed")
            }
            settings.signingKey = key
        }
        if let path = settings.workloadMap { settings.map = try WorkloadMap(try Self.read(path), from: path) }
        return settings
    }

    /// Without the end of the line that an editor leaves.
    private func readKey(_ path: String) throws(SettingsError) -> [UInt8] {
        var key = try Self.read(path)
        while key.last == UInt8(ascii: "\n") || key.last == UInt8(ascii: "\r") { key.removeLast() }
        guard key.count >= DigestKeys.minimumBytes else {
            throw SettingsError(
                origin: .file(path: path, line: nil), name: nil,
                reason: "a key has \(DigestKeys.minimumBytes) bytes at least")
        }
        return key
    }

    /// A file that says what sensord does, so that nobody else may have written it.
    static func read(_ path: String) throws(SettingsError) -> [UInt8] {
        func fault(_ reason: String? = nil) -> SettingsError {
            SettingsError(
                origin: .file(path: path, line: nil), name: nil, reason: reason ?? SystemError.text(of: errno))
        }
        let descriptor: Int32
        do throws(TrustedFile.Refusal) { descriptor = try TrustedFile.open(path) } catch {
            throw fault(error.path == path ? error.reason : "\(error)")
        }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while content.count <= 1 << 20 {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count == 0 { return content }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw fault() }
            content += buffer.prefix(count)
        }
        throw fault("longer than a megabyte")
    }
}
