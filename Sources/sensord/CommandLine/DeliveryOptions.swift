// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import SensorCore

/// Where records are sent, and what is kept of them until they are taken.
struct DeliveryOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Where records are posted to (…/v1/posture); the first that answers.", valueName: "url,…"))
    var reconcilerUrl: String?

    @Option(help: ArgumentHelp("protobuf or json (default: protobuf).", valueName: "encoding"))
    var reconcilerEncoding: String?

    @Option(help: ArgumentHelp("Token for the reconciler; read again as it rotates.", valueName: "file"))
    var reconcilerTokenFile: String?

    @Option(
        help: ArgumentHelp("Certificates to believe it by (default: those that the machine trusts).", valueName: "file")
    )
    var reconcilerCa: String?

    @Option(help: ArgumentHelp("Certificate that proves to it who sends.", valueName: "file"))
    var reconcilerCert: String?

    @Option(help: ArgumentHelp("Key of that certificate.", valueName: "file"))
    var reconcilerKey: String?

    @Option(
        help: ArgumentHelp(
            "Where records go as OTLP over HTTP (…/v1/logs, …/v1/traces); the first that answers.", valueName: "url,…"))
    var otlpUrl: String?

    @Option(
        help: ArgumentHelp("Of logs (all records) and traces (tool calls), what goes there.", valueName: "signal,…"))
    var otlpSignals: String?

    @Option(help: ArgumentHelp("Token for it.", valueName: "file"))
    var otlpTokenFile: String?

    @Option(help: ArgumentHelp("Certificates to believe it by.", valueName: "file"))
    var otlpCa: String?

    @Option(help: ArgumentHelp("Certificate that proves to it who sends.", valueName: "file"))
    var otlpCert: String?

    @Option(help: ArgumentHelp("Key of that certificate.", valueName: "file"))
    var otlpKey: String?

    @Option(
        help: ArgumentHelp(
            "Events that are sent as records: kinds (file.*), first-seen, urgent, or none (default: first-seen,urgent).",
            valueName: "glob,…"))
    var deliverEvents: [String] = []

    @Option(help: ArgumentHelp("Records that wait for whoever does not take them.", valueName: "bytes"))
    var spoolMaxBytes: String?

    @Option(help: ArgumentHelp("How long they wait, at most.", valueName: "seconds"))
    var spoolMaxAge: String?

    @Option(
        help: ArgumentHelp(
            "Whether what is kept of posture and records outlives a loss of power: commit (each second), or never.",
            valueName: "policy"))
    var stateSync: String?

    var flags: [SettingKey: String] {
        let given: [SettingKey: String?] = [
            .reconcilerURLs: reconcilerUrl, .reconcilerEncoding: reconcilerEncoding,
            .reconcilerTokenFile: reconcilerTokenFile, .reconcilerAuthority: reconcilerCa,
            .reconcilerCertificate: reconcilerCert, .reconcilerKey: reconcilerKey, .otlpURLs: otlpUrl,
            .otlpSignals: otlpSignals, .otlpTokenFile: otlpTokenFile, .otlpAuthority: otlpCa,
            .otlpCertificate: otlpCert, .otlpKey: otlpKey,
            .deliverEvents: deliverEvents.isEmpty ? nil : deliverEvents.joined(separator: ","),
            .spoolBytes: spoolMaxBytes,
            .spoolAge: spoolMaxAge, .stateSync: stateSync,
        ]
        return given.compactMapValues { $0 }
    }
}
