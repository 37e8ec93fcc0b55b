// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Checks the records of streams, line by line: that none is missing that no gap accounts for, that each follows the one
/// before it, and that they are signed.
///
/// Streams are checked each by itself. What repeats a record byte for byte is none the worse for it: what was not
/// acknowledged is sent again. Holds one line at most, and of each stream the digests of its latest records.
package struct StreamVerifier {
    package struct Limits: Sendable {
        /// Bytes of a line.
        package var line = 16 << 20
        /// Streams; with more of them, those beyond are not checked, which is a break.
        package var streams = 256
        /// Records of a stream that a repetition is compared with.
        package var history = 1024

        package init() {}
    }

    package private(set) var report = VerifierReport()
    private let keys: RecordKeys
    private let limits: Limits
    private var streams: [StreamID: StreamProgress] = [:]
    /// What has come of a line.
    private var partial: [UInt8] = []
    private var isSkipping = false
    private var line: UInt64 = 0

    /// - Parameter keys: of those whose records are to be trusted; none: signatures are not looked at.
    package init(keys: [RecordKey] = [], limits: Limits = Limits()) {
        self.keys = RecordKeys(keys)
        self.limits = limits
    }

    /// Takes what follows of the file.
    package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        var start = 0
        while start < bytes.count, let base = bytes.baseAddress,
            let newline = memchr(base + start, Int32(UInt8(ascii: "\n")), bytes.count - start)
        {
            let end = UnsafeRawPointer(newline) - base
            let piece = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            start = end + 1
            line += 1
            if isSkipping {
                isSkipping = false
            } else if partial.count + piece.count > limits.line {
                partial.removeAll()
                note(.tooLong(limit: limits.line))
            } else if partial.isEmpty {
                check(piece)
            } else {
                partial += piece
                let whole = partial
                partial.removeAll(keepingCapacity: true)
                whole.withUnsafeBytes { check($0) }
            }
        }
        guard !isSkipping else { return }
        partial += bytes[start...]
        if partial.count > limits.line {
            partial = []
            isSkipping = true
            line += 1
            note(.tooLong(limit: limits.line))
            line -= 1
        }
    }

    package mutating func feed(_ bytes: [UInt8]) { bytes.withUnsafeBytes { feed($0) } }

    /// The file has ended.
    package mutating func finish() -> VerifierReport {
        if !partial.isEmpty {
            line += 1
            let last = partial
            partial = []
            if last.withUnsafeBytes({ (try? EnvelopeLine($0)) == nil }) {
                report.tornBytes = last.count
            } else {
                last.withUnsafeBytes { check($0) }
            }
        }
        report.streams = streams.sorted { $0.value.order < $1.value.order }.map { id, progress in
            var summary = progress.summary
            summary.id = id
            return summary
        }
        return report
    }

    /// How lines begin that stand between records and are of no stream.
    private static let others = [#"{"time":"#, #"{"toolCall":"#, #"{"coverage":"#, #"{"setAside":"#].map {
        Array($0.utf8)
    }

    private mutating func check(_ line: UnsafeRawBufferPointer) {
        if Self.others.contains(where: { line.starts(with: $0) }) {
            report.others += 1
            return
        }
        let envelope: EnvelopeLine
        do throws(EnvelopeLine.Fault) { envelope = try EnvelopeLine(line) } catch {
            switch error {
            // Its writer was killed, and the one after it began a line of its own. What it did not come to write shows in
            // the sequence, unless it was written again.
            case .cut: report.cutLines += 1
            case .malformed(let place): note(.malformed(at: place))
            }
            return
        }
        report.records += 1
        let digest = PayloadDigest(of: UnsafeRawBufferPointer(rebasing: line[envelope.payload]))
        if envelope.signature != nil { report.signed += 1 }
        if let fault = keys.fault(in: envelope, digest) {
            note(fault, in: envelope)
        } else if !keys.isEmpty {
            report.verified += 1
        }
        guard streams[envelope.stream] != nil || streams.count < limits.streams else {
            return note(.tooManyStreams(limit: limits.streams), in: envelope)
        }
        let order = streams.count
        let fault = streams[
            envelope.stream, default: StreamProgress(order: order, line: self.line, history: limits.history)
        ].take(envelope, digest)
        if let fault { note(fault, in: envelope) }
    }

    private mutating func note(_ fault: StreamBreak.Fault, in envelope: EnvelopeLine? = nil) {
        report.breaks += 1
        guard report.firstBreak == nil else { return }
        report.firstBreak = StreamBreak(
            line: line, stream: envelope?.stream, sequence: envelope?.sequence, fault: fault)
    }
}
