// SPDX-License-Identifier: Apache-2.0

import SensorCore

/// A batch that was set aside, among the others, for whoever asks.
struct SpoolEntry {
    let sink: String
    let files: SetAsideFiles
    let batch: SetAsideBatch
    /// How many of its sequences earlier batches of the same taker have, too.
    let overlap: UInt64

    /// The earliest first, taker by taker.
    static func all(in stateDirectory: String) -> [SpoolEntry] {
        SetAsideFiles.all(in: stateDirectory).flatMap { sink, files in
            let batches = files.batches
            return batches.enumerated().map { index, batch in
                SpoolEntry(
                    sink: sink, files: files, batch: batch, overlap: batch.overlap(with: batches.prefix(index)))
            }
        }
    }

    /// - Parameter identifier: or the beginning of one.
    static func find(_ identifier: String, in entries: [SpoolEntry]) throws(CommandFailure) -> SpoolEntry {
        let whole = entries.filter { $0.identifier == identifier }
        let found = whole.isEmpty ? entries.filter { $0.identifier.hasPrefix(identifier) } : whole
        if let entry = found.first, found.count == 1 { return entry }
        let why = found.isEmpty ? "nothing of that id is set aside" : "\(found.count) batches begin so: give more of it"
        throw CommandFailure(status: ExitStatus.failure, message: "\(shown(identifier)): \(why)")
    }

    var identifier: String { sink == "reconciler" ? batch.name : "\(sink)/\(batch.name)" }

    // MARK: For people

    /// What others have written, on one line and without what a terminal obeys.
    static func shown(_ text: String) -> String { String(decoding: TerminalText(text).bytes, as: UTF8.self) }

    var text: String {
        var text = "\(Self.shown(identifier))\n"
        text += "  \(time), refused by \(Self.shown(sink)): \(why)\n"
        let (first, last) = (batch.sequences.lowerBound, batch.sequences.upperBound)
        text += first == last ? "  sequence \(first)" : "  sequences \(first) to \(last)"
        text += batch.records == 1 ? ", 1 record" : ", \(batch.records) records"
        text += ", \(batch.bytes) bytes\n"
        if overlap > 0 { text += "  \(overlap) of these sequences stand above as well: each is sent again once\n" }
        if batch.isMarked { text += "  is sent again when a daemon next starts\n" }
        return text
    }

    private var time: String { String(timestamp: batch.time &* 1_000_000_000) }

    private var why: String {
        guard let why = batch.why else { return "it is not known why" }
        return Self.shown(why.reason) + (why.answer.isEmpty ? "" : ", \"\(Self.shown(why.answer))\"")
    }

    static func text(of record: SetAsideRecord) -> String {
        let subject = record.subject
        var text = "  \(record.sequence)"
        if let original = record.originalSequence { text += " (first \(original))" }
        text += "  \(record.body), \(record.bytes) bytes"
        let place = [subject.namespace, subject.kind, subject.name, subject.container].filter { !$0.isEmpty }
        if !place.isEmpty { text += "  \(shown(place.joined(separator: "/")))" }
        return text + "\n"
    }

    // MARK: For programs

    var json: String {
        let (identifier, sink) = (identifier.quotedForJSON, sink.quotedForJSON)
        var json = #"{"id":\#(identifier),"sink":\#(sink),"time":"\#(time)","stream":"\#(batch.stream)""#
        json += #","from":"\#(batch.sequences.lowerBound)","to":"\#(batch.sequences.upperBound)""#
        json += #","records":\#(batch.records),"bytes":\#(batch.bytes)"#
        if let why = batch.why {
            json += #","reason":\#(why.reason.quotedForJSON)"#
            if let status = why.status { json += #","status":\#(status)"# }
            if !why.answer.isEmpty { json += #","answer":\#(why.answer.quotedForJSON)"# }
        }
        if overlap > 0 { json += #","overlapping":\#(overlap)"# }
        if batch.isMarked { json += #","marked":true"# }
        return json + "}"
    }
}
