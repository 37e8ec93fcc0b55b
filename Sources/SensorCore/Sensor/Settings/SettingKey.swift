// SPDX-License-Identifier: Apache-2.0

/// Every setting there is. The raw value is the flag without its dashes; the other two names follow from it.
package enum SettingKey: String, Sendable, CaseIterable {
    case records
    case recordsMaximumBytes = "records-max-bytes"
    case recordsMaximumAge = "records-max-age"
    case recordsFiles = "records-files"
    case record
    case tick
    case node
    case watch
    case runDirectory = "run-dir"
    case stateDirectory = "state-dir"
    case pinDirectory = "pin-dir"
    case pinPatience = "pin-patience"
    case listen
    case otlpListen = "otlp-listen"
    case otlpForwarder = "otlp-forwarder"
    case otlpConnections = "otlp-connections"
    case agentSocketMode = "agent-socket-mode"
    case agentSocketGroup = "agent-socket-group"
    case maximumAgents = "max-agents"
    case agentConnections = "agent-connections"
    case agentMessages = "agent-messages"
    case agentSessions = "agent-sessions"
    case agentCalls = "agent-calls"
    case agentBytes = "agent-bytes"
    case kubeconfig
    case cluster
    case trustDomain = "trust-domain"
    case workloadMap = "workload-map"
    case identityWait = "identity-wait"
    case waitingEvents = "waiting-events"
    case podsBelow = "pods-below"
    case podLabels = "pod-labels"
    case podAnnotations = "pod-annotations"
    case namespaceLabels = "namespace-labels"
    case subjectLabel = "subject-label"
    case logLevel = "log-level"
    case logFormat = "log-format"
    case redactFile = "redact-file"
    case digestKeyFile = "digest-key-file"
    case signingKeyFile = "signing-key-file"
    case activityRingBytes = "activity-ring-bytes"
    case lifecycleRingBytes = "lifecycle-ring-bytes"
    case memoryEntries = "memory-entries"
    case failureEntries = "failure-entries"
    case entryBudget = "entry-budget"
    case failedEntryBudget = "failed-entry-budget"
    case ringBudget = "ring-budget"
    case idleTicks = "idle-ticks"
    case maximumProcesses = "max-processes"
    case maximumWorkloads = "max-workloads"
    case outputQueueBytes = "output-queue-bytes"
    case tailQueueBytes = "tail-queue-bytes"
    case maximumTails = "max-tails"
    case reconcilerURLs = "reconciler-url"
    case reconcilerEncoding = "reconciler-encoding"
    case reconcilerTokenFile = "reconciler-token-file"
    case reconcilerAuthority = "reconciler-ca"
    case reconcilerCertificate = "reconciler-cert"
    case reconcilerKey = "reconciler-key"
    case otlpURLs = "otlp-url"
    case otlpSignals = "otlp-signals"
    case otlpTokenFile = "otlp-token-file"
    case otlpAuthority = "otlp-ca"
    case otlpCertificate = "otlp-cert"
    case otlpKey = "otlp-key"
    case deliverEvents = "deliver-events"
    case spoolBytes = "spool-max-bytes"
    case spoolAge = "spool-max-age"
    case stateSync = "state-sync"
    case processorBudget = "cpu-budget"
    case memoryLimit = "memory-limit"
    case credentialPaths = "credential-paths"
    case maximumSubjects = "max-subjects"
    case maximumFacts = "max-facts"

    /// On the command line.
    package var flag: String { "--\(rawValue)" }

    /// In the environment.
    package var variable: String {
        "SENSORD_" + rawValue.uppercased().replacing("-", with: "_")
    }

    /// Variables that look like settings of this program and are none, in order: misspelt, most likely.
    ///
    /// What Kubernetes sets for services whose names begin alike (`SENSORD_SERVICE_HOST`) is left out.
    package static func unknownVariables(in names: [String]) -> [String] {
        let known = Set(allCases.map(\.variable))
        return names.filter { name in
            name.hasPrefix("SENSORD_") && !known.contains(name) && !name.hasSuffix("_PORT")
                && !["_SERVICE_HOST", "_SERVICE_PORT", "_PORT_"].contains { name.contains($0) }
        }.sorted()
    }

    /// In the configuration file: lowerCamelCase, as in all JSON here. The flag's own spelling is taken too.
    package var fileKey: String {
        let words = rawValue.split(separator: "-")
        return words.dropFirst().reduce(String(words.first ?? "")) { $0 + $1.prefix(1).uppercased() + $1.dropFirst() }
    }

    /// The setting that a key of the configuration file means.
    package init?(fileKey: String) {
        guard let key = Self.allCases.first(where: { $0.fileKey == fileKey || $0.rawValue == fileKey }) else {
            return nil
        }
        self = key
    }
}
