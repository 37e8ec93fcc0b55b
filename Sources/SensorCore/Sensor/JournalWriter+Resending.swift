// SPDX-License-Identifier: Apache-2.0

// What was set aside and is to be sent again.
extension JournalWriter {
    /// Gives the records of all batches that are marked a new place in the stream, each record once.
    mutating func resend(_ folders: [SetAsideFiles]) -> ResendReport {
        var report = ResendReport()
        for files in folders {
            for batch in files.batches where batch.isMarked { resend(batch, of: files, &report) }
        }
        return report
    }

    private mutating func resend(_ batch: SetAsideBatch, of files: SetAsideFiles, _ report: inout ResendReport) {
        do throws(Refusal) {
            guard batch.stream == streamID else {
                throw Refusal("it is of a stream that has ended: its receiver could not tell what it has already")
            }
            guard let lines = files.lines(of: batch) else { throw Refusal("its file cannot be read") }
            var records: [RecordEnvelope] = []
            for line in lines {
                guard let record = RecordEnvelope(line: line), record.stream == streamID else {
                    throw Refusal("its file is damaged")
                }
                records.append(record)
            }
            let sent = try resend(records)
            files.remove(batch)
            report.batches += 1
            report.records += sent
            report.skipped += records.count - sent
        } catch {
            // What the disk takes later is tried again then.
            if !error.isPassing { try? files.mark(batch, false) }
            report.kept.append(.init(name: batch.name, reason: error.reason))
        }
    }

    /// - Returns: how many have a new place: what has one already gets no other, and what stands for others has nothing to say
    ///   that its own gap does not.
    private mutating func resend(_ records: [RecordEnvelope]) throws(Refusal) -> Int {
        var sent = 0
        for record in records where !hasResent(record.sequence) && record.replaced == nil {
            switch append(record.payload, original: record.originalSequence ?? record.sequence) {
            case .kept: noteResent(record.sequence)
            case .refused: throw Refusal("sequence \(record.sequence) is too large")
            case .later: throw Refusal("the disk takes nothing", isPassing: true)
            }
            sent += 1
        }
        guard commit() else { throw Refusal("the disk takes nothing", isPassing: true) }
        return sent
    }

    private struct Refusal: Error {
        var reason: String
        var isPassing: Bool

        init(_ reason: String, isPassing: Bool = false) { (self.reason, self.isPassing) = (reason, isPassing) }
    }
}
