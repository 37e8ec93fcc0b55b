// SPDX-License-Identifier: Apache-2.0

/// What the operator can choose, with the defaults.
package struct Settings: Sendable, Equatable {
    package enum LogFormat: String, Sendable, CaseIterable {
        case text
        case json
    }

    /// What OpenTelemetry tells apart of what it is told.
    package enum OTLPSignal: String, Sendable, CaseIterable {
        /// All records.
        case logs
        /// Calls that are over.
        case traces
    }

    package enum LogLevel: String, Sendable, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    /// Paths of a kind of credentials that the operator knows.
    package struct CredentialPattern: Sendable, Equatable {
        package var name: String
        /// A glob over whole paths.
        package var path: String
    }

    /// Bounds on what the sensor uses, in the kernel and beside it.
    package struct Limits: Sendable, Equatable {
        private static let kernel = KernelSettings()

        /// Powers of two.
        package var activityRingBytes = kernel.activityRingBytes
        package var lifecycleRingBytes = kernel.lifecycleRingBytes
        /// Objects that the kernel remembers, over all workloads.
        package var memoryEntries = Int(kernel.memoryEntries)
        /// Failed opens that the kernel remembers, over all workloads.
        package var failureEntries = Int(kernel.failureEntries)
        /// Objects that it remembers of one workload.
        package var entryBudget = Int(kernel.entryBudget)
        /// Failed opens that it remembers of one workload.
        package var failedEntryBudget = Int(kernel.failedEntryBudget)
        /// Bytes that one workload may put into a ring more than half full, between two looks.
        package var ringBudget = Int(kernel.ringBudget)
        /// Ticks without a repeat after which the kernel forgets an object; 0: never.
        package var idleTicks = Int(kernel.idleTicks)
        package var maximumProcesses = ProcessTable.Limits().live
        package var maximumWorkloads = Int(kernel.workloadEntries)
        /// Lines that wait for a slow disk or reader.
        package var outputQueueBytes = 16 << 20
        /// Bytes of events that wait for one slow `--tail` that is attached; all together 8 MiB.
        package var tailQueueBytes = 1 << 20
        package var maximumTails = 16
        /// Subjects of which posture is learned, and facts of each.
        package var maximumSubjects = ProfileTable.Limits().subjects
        package var maximumFacts = ProfileTable.Limits().facts
        /// Events that wait for their pod to become known, of all workloads.
        package var waitingEvents = 65_536
        /// Connections of agents, of all workloads.
        package var maximumAgents = ToolCallServer.Limits().connections
        /// What one workload may have of the socket on which agents announce their calls.
        package var agents = CallLimits()
        /// Connections of one workload that sends OpenTelemetry spans.
        package var otlpConnections = 8

        package init() {}
    }

    /// NDJSON: a file, or "-" for standard output.
    package var records: String?
    /// Of the file, where `records` is one.
    package var recordsRotation = FileRotation()
    /// File for the decoded stream, to be replayed.
    package var record: String?
    package var tick: Duration = .seconds(10)
    /// Name of the node in events; nil: the machine's own.
    package var node: String?
    /// Selectors of the workloads that are watched; none: all are.
    package var watch: [String] = []
    package var runDirectory = "/run/sensord"
    /// What outlives a restart.
    package var stateDirectory = "/var/lib/sensord"
    /// Directory of a BPF file system, in which programs and maps outlive the daemon; nil: they end with it.
    package var pinDirectory: String?
    /// How long they go on then without one.
    package var pinPatience: Duration = .seconds(300)
    /// Where the local HTTP server listens; nil: nowhere.
    package var listen: ListenAddress? = ListenAddress()
    /// Where OpenTelemetry spans are taken over TCP, beside the socket for them; nil: nowhere.
    package var otlpListen: ListenAddress?
    /// The workload, as `KIND/NAME`, whose word counts for the pods that its spans name; nil: nobody's does.
    package var otlpForwarder: String?
    /// Permission bits of the sockets that agents use.
    package var agentSocketMode: UInt32 = 0o666
    /// Their group, a name or a number; nil: the daemon's own.
    package var agentSocketGroup: String?
    /// File that leads to the API server; nil: what the kubelet gives a pod, if this is one.
    package var kubeconfig: String?
    /// Display name of the cluster; empty for none.
    package var cluster = ""
    /// Of SPIFFE ids that are derived; nil: none are.
    package var trustDomain = "cluster.local"
    /// File that says whose a cgroup or a program is.
    package var workloadMap: String?
    /// What `workloadMap` says, for whoever reads files to fill in.
    package var map = WorkloadMap()
    /// Containers and units besides those known for it in which a kubelet makes the cgroups of pods.
    package var podsBelow: [Glob] = []
    /// How long events wait for their pod to become known.
    package var identityWait: Duration = .seconds(10)
    /// Labels and annotations that become part of a workload.
    package var choices = WorkloadChoices()
    package var logLevel: LogLevel = .info
    package var logFormat: LogFormat = .text
    package var redactFile: String?
    /// What `redactFile` says, for whoever reads files to fill in.
    package var redactionPatterns = RedactionPatterns()
    package var digestKeyFile: String?
    /// What stands in `digestKeyFile`, for whoever reads files to fill in.
    package var digestKey: [UInt8]?
    package var signingKeyFile: String?
    /// What stands in `signingKeyFile`, for whoever reads files to fill in.
    package var signingKey: [UInt8]?
    /// Of one reconciler, to which records are sent; none: to nobody.
    package var reconcilerURLs: [ServerURL] = []
    package var reconcilerEncoding = ReconcilerEncoding.protobuf
    /// File with the token that requests to it carry.
    package var reconcilerTokenFile: String?
    /// File with the certificates that it is believed by; nil: those that the machine trusts.
    package var reconcilerAuthority: String?
    /// Files that prove to it who sends.
    package var reconcilerCertificate: String?
    package var reconcilerKey: String?
    /// Of one OpenTelemetry Collector, or whoever else takes OTLP; none: nobody does.
    package var otlpURLs: [ServerURL] = []
    /// What it is sent.
    package var otlpSignals: [OTLPSignal] = OTLPSignal.allCases
    package var otlpTokenFile: String?
    package var otlpAuthority: String?
    package var otlpCertificate: String?
    package var otlpKey: String?
    /// Which events those are sent who take records.
    package var deliverEvents = EventChoice.usual
    /// What is kept of records that are not taken.
    package var spool = SpoolLimits()
    package var stateSync = StateLog.Sync.commit
    /// Files that hold credentials, besides those that are known everywhere.
    package var credentialPaths: [CredentialPattern] = []
    package var limits = Limits()
    /// What the sensor itself may use.
    package var overload = OverloadLimits()
    /// What was given, as it was written where it counts most.
    package private(set) var written: [SettingKey: String] = [:]

    package init() {}

    /// Settings that were given otherwise in `other`, or name a file that says something else now, in the order of their
    /// names.
    package func differences(from other: Settings) -> [SettingKey] {
        SettingKey.allCases.filter { key in
            written[key] != other.written[key]
                || key == .redactFile && redactionPatterns != other.redactionPatterns
                || key == .digestKeyFile && digestKey != other.digestKey
                || key == .signingKeyFile && signingKey != other.signingKey
                || key == .workloadMap && map != other.map
        }.sorted { $0.rawValue < $1.rawValue }
    }

    /// Takes one setting as it was written, whichever way it came.
    ///
    /// - Throws: why it cannot be taken, as a phrase.
    package mutating func set(_ key: SettingKey, to value: String) throws(SettingFault) {
        switch key {
        case .records: records = try Self.nonEmpty(value)
        case .recordsMaximumBytes:
            recordsRotation.bytes = try Self.number(value, 0...(1 << 40))
            guard recordsRotation.bytes == 0 || recordsRotation.bytes >= 65_536 else {
                throw SettingFault("0 or 65536 bytes at least are expected, not \"\(value)\"")
            }
        case .recordsMaximumAge: recordsRotation.seconds = try Self.number(value, 0...31_536_000)
        case .recordsFiles: recordsRotation.files = try Self.number(value, 0...1000)
        case .record: record = try Self.nonEmpty(value)
        case .watch: watch = try Self.selectors(value)
        case .node: node = try Self.nonEmpty(value)
        case .redactFile: redactFile = try Self.nonEmpty(value)
        case .digestKeyFile: digestKeyFile = try Self.nonEmpty(value)
        case .signingKeyFile: signingKeyFile = try Self.nonEmpty(value)
        case .runDirectory:
            guard value.hasPrefix("/") else { throw SettingFault("an absolute path is expected, not \"\(value)\"") }
            runDirectory = value
        case .stateDirectory:
            guard value.hasPrefix("/") else { throw SettingFault("an absolute path is expected, not \"\(value)\"") }
            stateDirectory = value
        case .pinDirectory:
            guard value.hasPrefix("/") else { throw SettingFault("an absolute path is expected, not \"\(value)\"") }
            pinDirectory = value
        case .pinPatience: pinPatience = try Self.seconds(value, 1...86_400)
        case .listen: listen = try Self.listenAddress(value)
        case .otlpListen: otlpListen = try Self.listenAddress(value)
        case .otlpForwarder: otlpForwarder = try Self.workload(value)
        case .otlpConnections: limits.otlpConnections = try Self.number(value, 1...32)
        case .agentSocketMode: agentSocketMode = try Self.mode(value)
        case .agentSocketGroup: agentSocketGroup = try Self.nonEmpty(value)
        case .maximumAgents: limits.maximumAgents = try Self.number(value, 1...16_384)
        case .agentConnections: limits.agents.connections = try Self.number(value, 1...16_384)
        case .agentMessages: limits.agents.messages = try Self.number(value, 10...1_000_000)
        case .agentSessions: limits.agents.sessions = try Self.number(value, 1...65_536)
        case .agentCalls: limits.agents.calls = try Self.number(value, 1...16_384)
        case .agentBytes: limits.agents.bytes = try Self.number(value, 65_536...(1 << 30))
        case .kubeconfig: kubeconfig = try Self.nonEmpty(value)
        case .cluster: cluster = try Self.nonEmpty(value)
        case .workloadMap: workloadMap = try Self.nonEmpty(value)
        case .identityWait: identityWait = try Self.seconds(value, 0...600)
        case .waitingEvents: limits.waitingEvents = try Self.number(value, 0...1_048_576)
        case .trustDomain: trustDomain = try Self.trustDomain(value)
        case .podsBelow: podsBelow = try Self.globs(value)
        case .podLabels: choices.podLabels = try Self.globs(value)
        case .podAnnotations: choices.podAnnotations = try Self.globs(value)
        case .namespaceLabels: choices.namespaceLabels = try Self.globs(value)
        case .subjectLabel: choices.subjectLabel = try Self.nonEmpty(value)
        case .tick:
            tick = try Self.seconds(value, 0.01...86_400)
        case .logLevel: logLevel = try Self.choice(value)
        case .logFormat: logFormat = try Self.choice(value)
        case .activityRingBytes: limits.activityRingBytes = try Self.ringSize(value)
        case .lifecycleRingBytes: limits.lifecycleRingBytes = try Self.ringSize(value)
        case .memoryEntries: limits.memoryEntries = try Self.number(value, 1024...16_777_216)
        case .failureEntries: limits.failureEntries = try Self.number(value, 1024...16_777_216)
        case .entryBudget: limits.entryBudget = try Self.number(value, 16...16_777_216)
        case .failedEntryBudget: limits.failedEntryBudget = try Self.number(value, 16...16_777_216)
        case .ringBudget: limits.ringBudget = try Self.number(value, 65_536...(1 << 30))
        case .idleTicks: limits.idleTicks = try Self.number(value, 0...65_535)
        case .maximumProcesses: limits.maximumProcesses = try Self.number(value, 256...4_194_304)
        case .maximumWorkloads: limits.maximumWorkloads = try Self.number(value, 64...1_048_576)
        case .outputQueueBytes: limits.outputQueueBytes = try Self.number(value, 65_536...(1 << 30))
        case .tailQueueBytes: limits.tailQueueBytes = try Self.number(value, 65_536...(4 << 20))
        case .maximumTails: limits.maximumTails = try Self.number(value, 0...1024)
        case .reconcilerURLs: reconcilerURLs = try Self.urls(value)
        case .reconcilerEncoding: reconcilerEncoding = try Self.choice(value)
        case .reconcilerTokenFile: reconcilerTokenFile = try Self.nonEmpty(value)
        case .reconcilerAuthority: reconcilerAuthority = try Self.nonEmpty(value)
        case .reconcilerCertificate: reconcilerCertificate = try Self.nonEmpty(value)
        case .reconcilerKey: reconcilerKey = try Self.nonEmpty(value)
        case .otlpURLs: otlpURLs = try Self.urls(value)
        case .otlpSignals:
            otlpSignals = []
            for word in value.split(separator: ",") { otlpSignals.append(try Self.choice(String(word))) }
            guard !otlpSignals.isEmpty else { throw SettingFault("logs, traces or both are expected") }
        case .otlpTokenFile: otlpTokenFile = try Self.nonEmpty(value)
        case .otlpAuthority: otlpAuthority = try Self.nonEmpty(value)
        case .otlpCertificate: otlpCertificate = try Self.nonEmpty(value)
        case .otlpKey: otlpKey = try Self.nonEmpty(value)
        case .deliverEvents: deliverEvents = try EventChoice(value)
        case .spoolBytes: spool.bytes = try Self.number(value, (16 << 20)...(1 << 40))
        case .spoolAge: spool.age = try Self.seconds(value, 60...31_536_000)
        case .stateSync: stateSync = try Self.choice(value)
        case .processorBudget: overload.processor = try Self.share(value)
        case .memoryLimit: overload.memory = try value == "none" ? nil : Self.number(value, (32 << 20)...(1 << 40))
        case .credentialPaths: credentialPaths = try Self.credentialPaths(value)
        case .maximumSubjects: limits.maximumSubjects = try Self.number(value, 1...65_536)
        case .maximumFacts: limits.maximumFacts = try Self.number(value, 100...100_000)
        }
        written[key] = value
    }

    private static func seconds(_ value: String, _ range: ClosedRange<Double>) throws(SettingFault) -> Duration {
        guard let seconds = Double(value), range.contains(seconds) else {
            let (low, high) = (text(range.lowerBound), text(range.upperBound))
            throw SettingFault("seconds from \(low) to \(high) are expected, not \"\(value)\"")
        }
        return .seconds(seconds)
    }

    /// Hundredths of the node's processors, as a part of them; nil: none.
    private static func share(_ value: String) throws(SettingFault) -> Double? {
        if value == "none" { return nil }
        guard let hundredths = Double(value), (0.1...100).contains(hundredths) else {
            throw SettingFault("a percentage from 0.1 to 100, or none, is expected, not \"\(value)\"")
        }
        return hundredths / 100
    }

    private static func text(_ number: Double) -> String {
        number.rounded() == number ? String(Int(number)) : String(number)
    }

    private static func nonEmpty(_ value: String) throws(SettingFault) -> String {
        if value.isEmpty { throw SettingFault("a value is expected") }
        return value
    }

    private static func listenAddress(_ value: String) throws(SettingFault) -> ListenAddress? {
        if value == "none" { return nil }
        if let address = ListenAddress(value) { return address }
        throw SettingFault("ADDRESS:PORT or none is expected, not \"\(value)\"")
    }

    private static func workload(_ value: String) throws(SettingFault) -> String {
        let parts = value.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts.contains("") else {
            throw SettingFault("KIND/NAME is expected, not \"\(value)\"")
        }
        return value
    }

    /// With commas between.
    private static func urls(_ value: String) throws(SettingFault) -> [ServerURL] {
        var urls: [ServerURL] = []
        for text in value.split(separator: ",").map({ String($0.drop { $0 == " " }) }) {
            guard let url = ServerURL(text) else {
                // What is not taken may hold a password.
                throw SettingFault("https://HOST[:PORT][/PATH], without a user, a query or a fragment, is expected")
            }
            urls.append(url)
        }
        guard (1...8).contains(urls.count) else { throw SettingFault("one to eight URLs are expected") }
        return urls
    }

    /// As the SPIFFE standard has it.
    private static func trustDomain(_ value: String) throws(SettingFault) -> String {
        let isWell =
            (1...255).contains(value.utf8.count)
            && value.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
            }
        if isWell { return value }
        throw SettingFault("lower-case letters, digits, \".\", \"-\" and \"_\" are expected, not \"\(value)\"")
    }

    /// Patterns of names, with commas between.
    private static func globs(_ value: String) throws(SettingFault) -> [Glob] {
        let patterns = value.split(separator: ",").map { $0.drop { $0 == " " } }.filter { !$0.isEmpty }
        guard !patterns.isEmpty else { throw SettingFault("names or patterns with commas between are expected") }
        return patterns.map { Glob(String($0)) }
    }

    /// `NAME=GLOB`, with commas between.
    private static func credentialPaths(_ value: String) throws(SettingFault) -> [CredentialPattern] {
        var patterns: [CredentialPattern] = []
        for entry in value.split(separator: ",").map({ $0.drop { $0 == " " } }) {
            let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, parts[1].hasPrefix("/") || parts[1].hasPrefix("*") else {
                throw SettingFault("NAME=PATTERN of whole paths is expected, not \"\(entry)\"")
            }
            patterns.append(CredentialPattern(name: String(parts[0]), path: String(parts[1])))
        }
        guard !patterns.isEmpty else { throw SettingFault("NAME=PATTERN is expected") }
        return patterns
    }

    /// With commas between; where they select everything, none.
    private static func selectors(_ value: String) throws(SettingFault) -> [String] {
        try WorkloadSelector([value]).isEverything ? [] : value.split(separator: ",").map(String.init)
    }

    private static func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ value: String
    ) throws(SettingFault) -> Choice {
        if let choice = Choice(rawValue: value) { return choice }
        let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        throw SettingFault("one of \(known) is expected, not \"\(value)\"")
    }

    private static func number(_ value: String, _ range: ClosedRange<Int>) throws(SettingFault) -> Int {
        guard let number = Int(value), range.contains(number) else {
            throw SettingFault("a number from \(range.lowerBound) to \(range.upperBound) is expected, not \"\(value)\"")
        }
        return number
    }

    private static func mode(_ value: String) throws(SettingFault) -> UInt32 {
        guard let mode = UInt32(value, radix: 8), mode <= 0o777, value.utf8.allSatisfy({ $0 != UInt8(ascii: "+") })
        else { throw SettingFault("permissions as chmod takes them (0660) are expected, not \"\(value)\"") }
        return mode
    }

    private static func ringSize(_ value: String) throws(SettingFault) -> Int {
        let size = try number(value, 65_536...(1 << 30))
        guard size.nonzeroBitCount == 1 else { throw SettingFault("a power of two is expected, not \(size)") }
        return size
    }
}
