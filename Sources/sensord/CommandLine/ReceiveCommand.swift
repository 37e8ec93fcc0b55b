// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import Logging
import SensorCore

/// The reference receiver.
struct ReceiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receive", abstract: "Take the records of many nodes, and tell what they amount to.",
        discussion: """
            Takes POST /v1/posture and answers GET /v1/posture, /v1/posture/CLUSTER/NAMESPACE/KIND/NAME, /v1/events and \
            /v1/streams. Without credentials it serves this machine alone.
            """)

    @Option(help: ArgumentHelp("Where to listen (port 0: any that is free).", valueName: "address:port"))
    var listen: String

    @Option(help: ArgumentHelp("Where what was taken is kept; made if it is not there.", valueName: "dir"))
    var dir: String

    @Option(help: ArgumentHelp("Lines NODE TOKEN: who may send. Read again when it changes.", valueName: "file"))
    var tokenFile: String?

    @Option(help: ArgumentHelp("Lines NAME TOKEN: who may read (default: this machine).", valueName: "file"))
    var readerTokenFile: String?

    @Option(help: ArgumentHelp("The server's certificate and those that vouch for it, PEM.", valueName: "file"))
    var tlsCert: String?

    @Option(help: ArgumentHelp("Its private key, PEM.", valueName: "file"))
    var tlsKey: String?

    @Option(
        help: ArgumentHelp(
            "Who vouches for nodes' certificates, PEM; their DNS names are the nodes'.", valueName: "file"))
    var clientCa: String?

    @Option(
        name: .customLong("key"),
        help: ArgumentHelp("Public key that records must be signed with; may be given again.", valueName: "file"))
    var keys: [String] = []

    @Option(help: ArgumentHelp("Subjects that are kept (default: 16384).", valueName: "n"))
    var maxSubjects: Int?

    @Option(
        help: ArgumentHelp(
            "Facts that are kept, once for each node that tells of them (default: 2000000).", valueName: "n"))
    var maxFacts: Int?

    @Option(help: ArgumentHelp("Records of calls, anomalies and nodes that are kept (default: 16384).", valueName: "n"))
    var maxEvents: Int?

    @Flag(help: "Listen beyond this machine without TLS or credentials.")
    var insecure = false

    @Option(help: ArgumentHelp("trace to critical (default: info).", valueName: "level"))
    var logLevel: String?

    @Option(help: ArgumentHelp("text or json (default: text).", valueName: "format"))
    var logFormat: String?

    func run() throws {
        let address = try address()
        let (tls, credentials) = try (tls(), credentials())
        try check(address, tls)
        let log = try log()
        let keys = try keys.map { try RecordKey(path: $0) }
        let limits = try limits()
        // Before there is another thread.
        let signals = try SignalSource([SIGTERM, SIGINT])
        let receiver: PostureReceiver
        do throws(StateLogError) {
            receiver = try PostureReceiver(directory: dir, keys: keys, limits: limits, log: log)
        } catch { throw CommandFailure(status: ExitStatus.failure, message: Self.text(of: error)) }
        let background = try BackgroundServices(log: log)
        let server = ReceiverServer(
            address, receiver: receiver, credentials: credentials, limits: limits, tls: tls, group: background.group,
            log: log)
        background.start([server])
        var entry = pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0)
        var signal: SignalSource.Signal?
        while signal == nil {
            _ = poll(&entry, 1, -1)
            signal = signals.take()
        }
        log.info("stopping")
        background.stop()
        if signal?.number == SIGINT { throw ExitCode(ExitStatus.interrupted) }
    }

    // MARK: Options

    private func address() throws -> ListenAddress {
        guard let address = ListenAddress(listen) else {
            throw usage("--listen: ADDRESS:PORT is expected, such as 127.0.0.1:9465 or [::]:9465")
        }
        return address
    }

    /// Nothing that others could read, or write, leaves this machine by mistake.
    private func check(_ address: ListenAddress, _ tls: ReceiverTLS?) throws {
        guard !insecure, !address.isLoopback else { return }
        guard tls != nil, tokenFile != nil || clientCa != nil else {
            throw usage(
                "--listen: beyond this machine --tls-cert and --tls-key are needed, and --token-file or --client-ca; or --insecure"
            )
        }
    }

    private func tls() throws -> ReceiverTLS? {
        switch (tlsCert, tlsKey) {
        case (nil, nil):
            guard clientCa == nil else { throw usage("--client-ca: --tls-cert and --tls-key are needed, too") }
            return nil
        case (let certificate?, let key?):
            do throws(ReceiverTLSError) {
                return try ReceiverTLS(certificate: certificate, key: key, clientAuthority: clientCa)
            } catch { throw CommandFailure(status: ExitStatus.badConfiguration, message: "\(error)") }
        default: throw usage("--tls-cert and --tls-key go together")
        }
    }

    private func credentials() throws -> ReceiverCredentials {
        var credentials = ReceiverCredentials()
        do throws(TokenFileError) {
            if let tokenFile { credentials.tokens = try TokenFile(tokenFile) }
            if let readerTokenFile { credentials.readers = try TokenFile(readerTokenFile) }
        } catch { throw CommandFailure(status: ExitStatus.badConfiguration, message: "\(error)") }
        credentials.acceptsCertificates = clientCa != nil
        credentials.isInsecure = insecure
        return credentials
    }

    private func limits() throws -> ReceiverLimits {
        var limits = ReceiverLimits()
        for (name, wanted) in [("subjects", maxSubjects), ("facts", maxFacts), ("events", maxEvents)] {
            guard wanted ?? 1 > 0 else { throw usage("--max-\(name): a number above 0 is expected") }
        }
        limits.subjects = maxSubjects ?? limits.subjects
        limits.facts = maxFacts ?? limits.facts
        limits.events = maxEvents ?? limits.events
        return limits
    }

    private func log() throws -> Logger {
        var flags: [SettingKey: String] = [:]
        (flags[.logLevel], flags[.logFormat]) = (logLevel, logFormat)
        return Logger(try Settings(flags: flags, environment: Environment.settings, file: nil))
    }

    /// A receiver's directory has another option than a daemon's.
    private static func text(of error: StateLogError) -> String {
        switch error.reason {
        case .locked(let lock, let process):
            "process \(process) has \(error.directory), as \(lock) says: stop it or choose another --dir"
        case .newer(let file, _):
            "\(error.directory)/\(file) is a later version's: run that version or choose another --dir"
        case .untrusted, .system: error.description
        }
    }

    private func usage(_ message: String) -> CommandFailure {
        CommandFailure(status: ExitStatus.usage, message: message)
    }
}
