// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Glibc
import SensorCore

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check that a file of records is whole: order, chain and signatures.",
        discussion: "Exit status 0 if it is, 1 with the first break if it is not.")

    @Argument(help: ArgumentHelp("Records as --records writes them; - for standard input.", valueName: "file"))
    var file: String

    @Option(
        name: .customLong("key"), help: ArgumentHelp("Public key that records must be signed with.", valueName: "file"))
    var keys: [String] = []

    func run() throws {
        let keys = try keys.map { try RecordKey(path: $0) }
        let descriptor = file == "-" ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw SystemError("open \(file)") }
        var verifier = StreamVerifier(keys: keys)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = buffer.withUnsafeMutableBytes { read(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw SystemError("read \(file)") }
            if count == 0 { break }
            buffer.withUnsafeBytes { verifier.feed(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
        let report = verifier.finish()
        StandardStream.write(Self.text(of: report), to: STDOUT_FILENO)
        if let found = report.firstBreak {
            throw CommandFailure(status: ExitStatus.failure, message: "\(file): \(found)")
        }
        if report.streams.isEmpty {
            throw CommandFailure(status: ExitStatus.failure, message: "\(file): there are no records in it")
        }
    }

    /// A line for each stream.
    private static func text(of report: VerifierReport) -> String {
        var text = ""
        for stream in report.streams {
            text +=
                "stream \(stream.id.map { "\($0)" } ?? "unknown"): \(stream.records) records, \(stream.first) to \(stream.last)"
            if stream.beginsInTheMiddle { text += ", begins in the middle" }
            if stream.repeated > 0 { text += ", \(stream.repeated) repeated" }
            if stream.gaps > 0 { text += ", \(stream.missing) records replaced by \(stream.gaps) gaps" }
            if stream.unchecked > 0 { text += ", \(stream.unchecked) links that cannot be checked" }
            text += "\n"
        }
        if report.signed > 0 { text += "\(report.verified) of \(report.signed) signatures are right\n" }
        if report.others > 0 { text += "\(report.others) lines that are of no stream: events, calls, losses\n" }
        if report.cutLines > 0 { text += "\(report.cutLines) lines were cut short\n" }
        if report.tornBytes > 0 { text += "the last line is cut short: \(report.tornBytes) bytes\n" }
        return text
    }
}

extension RecordKey {
    /// - Parameter path: of a file that holds a public key.
    init(path: String) throws {
        guard let key = RecordKey(file: try Self.bytes(path)) else {
            throw CommandFailure(status: ExitStatus.badConfiguration, message: "\(path): no Ed25519 public key")
        }
        self = key
    }

    private static func bytes(_ path: String) throws -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw SystemError("open \(path)") }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw SystemError("read \(path)") }
        return Array(bytes[..<count])
    }
}
